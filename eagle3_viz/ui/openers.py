"""The fake engine, for looking at the page. `sources.opening` opens a real one."""

from functools import partial

from eagle3_viz.config import MAX_IMAGES
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.ui.models import Model

SCRIPTED_STEPS_PER_SECOND = 12.0  # slow enough to watch


def scripted_models(num_speculative_tokens: int | None = None) -> list[Model]:
    """A fake that takes images, and one that does not."""
    return [
        Model("scripted", partial(open_scripted, num_speculative_tokens, MAX_IMAGES), sees=True),
        Model("scripted-text", partial(open_scripted, num_speculative_tokens, 0), sees=False),
    ]


async def open_scripted(num_speculative_tokens: int | None, images_per_prompt: int, progress: Progress) -> Source:
    """The fake engine."""
    from eagle3_viz.sources.scripted import Script, ScriptedSource

    progress("Opening the scripted source", None)
    script = Script(
        num_speculative_tokens=num_speculative_tokens or Script.num_speculative_tokens,
        steps_per_second=SCRIPTED_STEPS_PER_SECOND,
        filler_every=40,
        images_per_prompt=images_per_prompt,
    )
    return ScriptedSource(script)
