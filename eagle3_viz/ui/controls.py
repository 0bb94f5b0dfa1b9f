"""From what the visitor put into the controls to a request, or to a message that says what to change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from eagle3_viz.config import MAX_IMAGES, MAX_PROMPT_CHARACTERS, check_image_count, check_sampling
from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo, Sampling
from eagle3_viz.sources.base import Request, user_message
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.models import Price
from eagle3_viz.ui.runs import Runs, new_run_id
from eagle3_viz.ui.uploads import Uploads

CHAT, RAW = "Chat", "Raw text"
MAX_SEED = 2**32 - 1
DEFAULT_MAX_TOKENS = 200

_serial = count(1)  # so that the page notices the same message twice


@dataclass(frozen=True)
class Controls:
    """The values of the controls; None for an emptied number. `images`: the uploads beside the prompt, as JSON."""

    prompt: str | None
    images: Sequence[dict[str, Any]] | None
    mode: str
    max_tokens: float | None
    temperature: float | None
    seed: str | None


@dataclass(frozen=True)
class Launch:
    """What the page is handed: a run to follow, or a problem to show.

    Attributes:
        offer: the name of a model whose loading would solve the problem; `cost` says what that takes.
    """

    run: str | None = None
    problem: str | None = None
    offer: str | None = None
    cost: str | None = None
    serial: int = field(default_factory=lambda: next(_serial))


def launch(host: Host, runs: Runs, uploads: Uploads, price: Price, controls: Controls) -> Launch:
    """Start a run with what the controls say."""
    try:
        source = host.source
        if controls.images and source.engine.images_per_prompt == 0:
            return offer_sight(host, price)
        files = uploads.files([upload["id"] for upload in controls.images or []])
        return Launch(run=runs.start(source, build_request(controls, files, source.engine)).run_id)
    except InputError as error:
        return Launch(problem=str(error))


def offer_sight(host: Host, price: Price) -> Launch:
    """Refuse an image prompt, with the offer of a model that takes it."""
    problem = f"{host.state.model} reads text only."
    if seeing := next((model.name for model in host.models.values() if model.sees), None):
        return Launch(problem=f"{problem} {seeing} takes images too.", offer=seeing, cost=price(seeing))
    return Launch(problem=f"{problem} Remove the image.")


def build_request(controls: Controls, files: tuple[bytes, ...], engine: EngineInfo) -> Request:
    """The request.

    Raises:
        InputError: a control holds what no engine can use.
    """
    prompt = controls.prompt or ""
    check_image_count(len(files), MAX_IMAGES if engine.images_per_prompt is None else engine.images_per_prompt)
    if not prompt.strip():
        raise InputError("The prompt is empty: write something for the model to answer, or press an example.")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InputError(
            f"The prompt has {len(prompt):,} characters; this page takes up to {MAX_PROMPT_CHARACTERS:,}: shorten it."
        )
    return Request(
        request_id=new_run_id(),
        messages=[user_message(prompt, len(files))] if controls.mode == CHAT else None,
        prompt=prompt if controls.mode == RAW else None,
        images=files,
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
