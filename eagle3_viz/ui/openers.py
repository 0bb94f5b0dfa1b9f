"""The fake engine, for looking at the page. `sources.opening` opens a real one."""

from eagle3_viz.sources.base import Progress, Source

SCRIPTED_STEPS_PER_SECOND = 12.0  # slow enough to watch


async def open_scripted(progress: Progress, *, num_speculative_tokens: int | None = None) -> Source:
    """The fake engine."""
    from eagle3_viz.sources.scripted import Script, ScriptedSource

    progress("Opening the scripted source", None)
    k = num_speculative_tokens or Script.num_speculative_tokens
    return ScriptedSource(Script(num_speculative_tokens=k, steps_per_second=SCRIPTED_STEPS_PER_SECOND, filler_every=40))
