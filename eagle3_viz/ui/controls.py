"""From what the visitor put into the controls to a request, or to a message that says what to change."""

from dataclasses import dataclass, field
from itertools import count

from eagle3_viz.config import MAX_PROMPT_CHARACTERS, check_sampling
from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo, Sampling
from eagle3_viz.sources.base import Request
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.runs import Runs, new_run_id

CHAT, RAW = "Chat", "Raw text"
MAX_SEED = 2**32 - 1
DEFAULT_MAX_TOKENS = 200

_serial = count(1)  # so that the page notices the same message twice


@dataclass(frozen=True)
class Controls:
    """The values of the controls; None for an emptied number."""

    prompt: str | None
    mode: str
    max_tokens: float | None
    temperature: float | None
    seed: float | None


@dataclass(frozen=True)
class Launch:
    """What the page is handed: a run to follow, or a problem to show."""

    run: str | None = None
    problem: str | None = None
    serial: int = field(default_factory=lambda: next(_serial))


def launch(host: Host, runs: Runs, controls: Controls) -> Launch:
    """Start a run with what the controls say."""
    try:
        source = host.source
        return Launch(run=runs.start(source, build_request(controls, source.engine)).run_id)
    except InputError as error:
        return Launch(problem=str(error))


def build_request(controls: Controls, engine: EngineInfo) -> Request:
    """The request.

    Raises:
        InputError: a control holds what no engine can use.
    """
    prompt = controls.prompt or ""
    if not prompt.strip():
        raise InputError("The prompt is empty: write something for the model to answer, or press an example.")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InputError(
            f"The prompt has {len(prompt):,} characters; this page takes up to {MAX_PROMPT_CHARACTERS:,}: shorten it."
        )
    return Request(
        request_id=new_run_id(),
        messages=[{"role": "user", "content": prompt}] if controls.mode == CHAT else None,
        prompt=prompt if controls.mode == RAW else None,
        sampling=build_sampling(controls, engine),
    )


def build_sampling(controls: Controls, engine: EngineInfo) -> Sampling:
    """The sampling parameters.

    Raises:
        InputError: one of them is out of range.
    """
    max_tokens = whole("max tokens", controls.max_tokens)
    sampling = Sampling(
        temperature=0.0 if controls.temperature is None else float(controls.temperature),
        max_tokens=DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens,
        seed=whole("seed", controls.seed),
    )
    check_sampling(sampling, top_logprobs=0)
    if engine.max_model_len is not None and sampling.max_tokens > engine.max_model_len:
        raise InputError(f"max tokens is {sampling.max_tokens:,}: this model takes {engine.max_model_len:,} in all")
    if sampling.seed is not None and not 0 <= sampling.seed <= MAX_SEED:
        raise InputError(f"seed is {sampling.seed}: give 0 to {MAX_SEED:,}, or leave it empty for a new one every time")
    return sampling


def whole(name: str, value: float | None) -> int | None:
    """The number, if there is one, as a whole one.

    Raises:
        InputError: it has a fraction.
    """
    if value is not None and value != int(value):
        raise InputError(f"{name} is {value:g}: give a whole number")
    return None if value is None else int(value)
