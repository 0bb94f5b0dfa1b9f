"""From what a user names, a bundled pair or a head of their own, to a running engine."""

import asyncio
from typing import TYPE_CHECKING

from eagle3_viz import bundled
from eagle3_viz.config import EngineConfig, check_k
from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Progress

if TYPE_CHECKING:
    from eagle3_viz.sources.vllm_engine import VllmSource


async def open_engine(
    progress: Progress,
    *,
    model: str = bundled.NAMES[0],
    speculator: str | None = None,
    verifier: str | None = None,
    num_speculative_tokens: int | None = None,
) -> "VllmSource":
    """Start the engine for `speculator`, or for the bundled pair `model` where none is given.

    Raises:
        InputError: the pair cannot be had, does not fit together, or cannot run.
    """
    check_k(num_speculative_tokens)
    try:
        if speculator:
            config = EngineConfig(
                speculator=speculator, verifier=verifier, num_speculative_tokens=num_speculative_tokens
            )
        else:
            config = bundled_config(await asyncio.to_thread(bundled.get, model, progress), num_speculative_tokens)
        from eagle3_viz.sources.vllm_engine import VllmSource
    except FileNotFoundError as error:
        raise InputError(str(error)) from error
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed: `make setup` installs the engine") from error
    return await VllmSource.open(config, progress)


def bundled_config(pair: bundled.Pair, num_speculative_tokens: int | None) -> EngineConfig:
    """How a bundled pair runs."""
    arguments = pair.engine_args()
    proposed = arguments.pop("speculative_config")["num_speculative_tokens"]
    return EngineConfig(
        speculator=str(pair.speculator),
        verifier=arguments.pop("model"),
        num_speculative_tokens=num_speculative_tokens or proposed,
        dtype=arguments.pop("dtype"),
        max_model_len=arguments.pop("max_model_len"),
        engine_args=arguments,
    )
