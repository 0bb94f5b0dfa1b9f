"""The ways to open a source for the page, each telling how far it is."""

import asyncio
from pathlib import Path

from eagle3_viz.sources.base import Source
from eagle3_viz.sources.opening import open_engine
from eagle3_viz.ui.host import Progress

SCRIPTED_STEPS_PER_SECOND = 12.0  # slow enough to watch


async def open_scripted(progress: Progress, *, num_speculative_tokens: int | None = None) -> Source:
    """The fake engine."""
    from eagle3_viz.sources.scripted import Script, ScriptedSource

    progress("Opening the scripted source", None)
    k = num_speculative_tokens or Script.num_speculative_tokens
    return ScriptedSource(Script(num_speculative_tokens=k, steps_per_second=SCRIPTED_STEPS_PER_SECOND, filler_every=40))


async def open_bundled(progress: Progress, *, name: str, num_speculative_tokens: int | None = None) -> Source:
    """A pair that ships, fetched and converted on first use."""
    return await open_engine(progress, model=name, num_speculative_tokens=num_speculative_tokens)


async def open_speculator(
    progress: Progress, *, speculator: str, verifier: str | None = None, num_speculative_tokens: int | None = None
) -> Source:
    """A head of the user's own."""
    return await open_engine(
        progress, speculator=speculator, verifier=verifier, num_speculative_tokens=num_speculative_tokens
    )


async def open_trace(progress: Progress, *, path: Path) -> Source:
    """A recorded trace, at the pace at which it was recorded."""
    from eagle3_viz.sources.replay import ReplaySource

    progress(f"Reading {path.name}", None)
    return await asyncio.to_thread(ReplaySource, path)
