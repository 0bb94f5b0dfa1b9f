"""The ways to open a source for the page, each telling how far it is."""

import asyncio
from pathlib import Path

from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Source
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
    from eagle3_viz import bundled
    from eagle3_viz.config import EngineConfig
    from eagle3_viz.gguf_verifier import PrepareError
    from eagle3_viz.sources.vllm_engine import VllmSource

    try:
        pair = await asyncio.to_thread(bundled.get, name, progress)
    except (FileNotFoundError, PrepareError) as error:
        raise InputError(str(error)) from error
    arguments = pair.engine_args()
    return await VllmSource.open(
        EngineConfig(
            speculator=str(pair.speculator),
            verifier=arguments.pop("model"),
            num_speculative_tokens=num_speculative_tokens or arguments["speculative_config"]["num_speculative_tokens"],
            dtype=arguments.pop("dtype"),
            max_model_len=arguments.pop("max_model_len"),
            engine_args={key: value for key, value in arguments.items() if key != "speculative_config"},
        ),
        progress,
    )


async def open_speculator(
    progress: Progress, *, speculator: str, verifier: str | None = None, num_speculative_tokens: int | None = None
) -> Source:
    """A head of the user's own."""
    from eagle3_viz.config import EngineConfig
    from eagle3_viz.sources.vllm_engine import VllmSource

    config = EngineConfig(speculator=speculator, verifier=verifier, num_speculative_tokens=num_speculative_tokens)
    return await VllmSource.open(config, progress)


async def open_trace(progress: Progress, *, path: Path) -> Source:
    """A recorded trace, at the pace at which it was recorded."""
    from eagle3_viz.sources.replay import ReplaySource

    progress(f"Reading {path.name}", None)
    return await asyncio.to_thread(ReplaySource, path)
