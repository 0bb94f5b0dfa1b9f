"""From what a user names, a bundled pair or a head of their own, to a running engine."""

import asyncio
import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eagle3_viz import bundled
from eagle3_viz.config import EngineConfig, check_k
from eagle3_viz.errors import InputError, not_installed
from eagle3_viz.sources.base import Progress

# Engine arguments that are not the user's.
OURS = {"model", "method", "num_speculative_tokens", "worker_extension_cls", "disable_log_stats"}

if TYPE_CHECKING:
    from eagle3_viz.sources.vllm_engine import VllmSource
    from eagle3_viz.sources.vllm_plain import PlainSource


async def open_engine(
    progress: Progress,
    *,
    model: str = bundled.NAMES[0],
    speculator: str | None = None,
    verifier: str | None = None,
    num_speculative_tokens: int | None = None,
    engine_args: Mapping[str, Any] | None = None,
) -> "VllmSource":
    """Start the engine for `speculator`, or for the bundled pair `model` where none is given.

    `engine_args`: further arguments of vLLM's engine, by its names, as `tensor_parallel_size`.

    Raises:
        InputError: the pair cannot be had, does not fit together, or cannot run.
    """
    check_k(num_speculative_tokens)
    config = await chosen_config(progress, model, speculator, verifier, num_speculative_tokens)
    with engine_installed():
        from eagle3_viz.sources.vllm_engine import VllmSource
    return await VllmSource.open(with_arguments(config, engine_args), progress)


async def open_plain(
    progress: Progress,
    *,
    model: str = bundled.NAMES[0],
    speculator: str | None = None,
    verifier: str | None = None,
    engine_args: Mapping[str, Any] | None = None,
) -> "PlainSource":
    """Start the same engine without speculation, to hold the other one against.

    Raises:
        InputError: as in `open_engine`.
    """
    config = await chosen_config(progress, model, speculator, verifier, None)
    with engine_installed():
        from eagle3_viz.sources.vllm_plain import PlainSource
    return await PlainSource.open(with_arguments(config, engine_args), progress)


def engine_arguments(text: str) -> dict[str, Any]:
    """Arguments of vLLM's engine as somebody typed them: a JSON object.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ArgumentTypeError("""no JSON object, such as {"tensor_parallel_size": 8}""")
    speculative = found.get("speculative_config", {})
    if not isinstance(speculative, dict):
        raise ArgumentTypeError("speculative_config is no JSON object")
    if taken := sorted(OURS & {*found, *speculative}):
        raise ArgumentTypeError(f"{', '.join(taken)} cannot be given here: other options say it, or the probe needs it")
    return found


def add_engine_arguments(parser: ArgumentParser) -> None:
    """Add the option that takes them."""
    parser.add_argument(
        "--engine-args",
        metavar="JSON",
        type=engine_arguments,
        help="""further arguments of vLLM's engine, as '{"tensor_parallel_size": 8, "max_model_len": 8192}'""",
    )


def with_arguments(config: EngineConfig, engine_args: Mapping[str, Any] | None) -> EngineConfig:
    """The config with further arguments, which go before its own."""
    return replace(config, engine_args={**config.engine_args, **(engine_args or {})})


async def chosen_config(
    progress: Progress, model: str, speculator: str | None, verifier: str | None, num_speculative_tokens: int | None
) -> EngineConfig:
    """How the pair that a user chose runs.

    Raises:
        InputError: it cannot be had.
    """
    if speculator:
        return EngineConfig(speculator=speculator, verifier=verifier, num_speculative_tokens=num_speculative_tokens)
    try:
        with engine_installed():
            return bundled_config(await asyncio.to_thread(bundled.get, model, progress), num_speculative_tokens)
    except FileNotFoundError as error:
        raise InputError(str(error)) from error


@contextmanager
def engine_installed() -> Iterator[None]:
    """Says how to install the engine where it is missing.

    Raises:
        InputError: it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(not_installed(error)) from error


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
        cpu_cores=pair.cpu_cores,
        engine_args=arguments,
    )
