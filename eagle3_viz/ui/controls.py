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
    seed: str | None


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
    max_tokens = DEFAULT_MAX_TOKENS if controls.max_tokens is None else controls.max_tokens
    if max_tokens != int(max_tokens):
        raise InputError(f"max tokens is {max_tokens:g}: give a whole number")
    sampling = Sampling(
        temperature=0.0 if controls.temperature is None else float(controls.temperature),
        max_tokens=int(max_tokens),
        seed=read_seed((controls.seed or "").strip()),
    )
    check_sampling(sampling, top_logprobs=0)
    if engine.max_model_len is not None and sampling.max_tokens > engine.max_model_len:
        raise InputError(f"max tokens is {sampling.max_tokens:,}: this model takes {engine.max_model_len:,} in all")
    return sampling


def read_seed(text: str) -> int | None:
    """The seed, None for none.

    Raises:
        InputError: it is no whole number in range.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= MAX_SEED):
        raise InputError(
            f"seed is {text[:20]!r}: give a number from 0 to {MAX_SEED:,}, or nothing for a new one each time"
        )
    return int(text)
