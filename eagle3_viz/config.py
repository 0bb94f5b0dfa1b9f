"""What to run and how, validated once, with errors that say the fix. Knows file formats of checkpoints, not vLLM.

Reads configs only (JSON), never weights, so that a wrong pair is told before half a minute of loading.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eagle3_viz.config_types import check_types
from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling

MAX_SPECULATIVE_TOKENS = 16  # vLLM takes 128; a lane wider than this cannot be read
MAX_TOP_LOGPROBS = 20
MAX_PROMPT_CHARACTERS = 1_000_000
MAX_IMAGES = 4  # of one prompt
MAX_IMAGE_BYTES = 20 * 2**20  # of one file
MAX_IMAGE_PIXELS = 50_000_000  # of one image: more than a phone's camera takes, 150 MB once decoded
THUMBNAIL_PIXELS = 224  # of the longer side: twice what the page shows, for fine screens
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """A verifier, a draft head, and how to run them.

    Attributes:
        speculator: folder or Hugging Face id of the draft head.
        verifier: folder or id of the verifier; None for the one that the speculator names.
        num_speculative_tokens: K; None for the speculator's own.
        tensor_parallel_size: over how many devices the verifier is split.
        dtype: in vLLM's words.
        max_model_len: longest prompt and output together, in tokens; None for the model's own.
        cpu_cores: how many cores the models work on where there is no GPU; None for all.
        engine_args: any other engine argument of vLLM, passed on as it is.
    """

    speculator: str
    verifier: str | None = None
    num_speculative_tokens: int | None = None
    tensor_parallel_size: int = 1
    dtype: str = "auto"
    max_model_len: int | None = None
    cpu_cores: int | None = None
    engine_args: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_k(self.num_speculative_tokens)
        if self.tensor_parallel_size < 1:
            raise InputError(f"tensor parallel size is {self.tensor_parallel_size}: it must be at least 1")
        if self.max_model_len is not None and self.max_model_len < 2:
            raise InputError(f"maximum length is {self.max_model_len}: it must leave room for a prompt and a token")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A verifier and a head that fit together, with both configs."""

    verifier: str
    speculator: str
    num_speculative_tokens: int
    verifier_config: dict[str, Any]
    speculator_config: dict[str, Any]


def check_k(k: int | None) -> None:
    """Check K against our own limit.

    Raises:
        InputError: it is out of range.
    """
    if k is not None and not 1 <= k <= MAX_SPECULATIVE_TOKENS:
        raise InputError(
            f"num_speculative_tokens (K) is {k}: eagle3_viz shows 1 to {MAX_SPECULATIVE_TOKENS}"
            " (vLLM itself allows up to 128)"
        )


def check_image_count(number: int, most: int = MAX_IMAGES) -> None:
    """Check how many images a prompt has, for a model that takes `most`.

    Raises:
        InputError: too many.
    """
    if number and not most:
        raise InputError("this model reads text only: leave the image out, or load a pair that sees")
    if number > min(most, MAX_IMAGES):
        raise InputError(f"the prompt has {number} images, of which at most {min(most, MAX_IMAGES)} can be taken")


def check_image_size(num_bytes: int, name: str) -> None:
    """Check the size of an image's file, which messages call `name`.

    Raises:
        InputError: it is empty or too large.
    """
    if not num_bytes:
        raise InputError(f"{name} is empty (0 bytes): give an image file")
    if num_bytes > MAX_IMAGE_BYTES:
        raise InputError(image_too_large(num_bytes, name))


def image_too_large(num_bytes: int, name: str) -> str:
    """What is said of an image's file of more than `MAX_IMAGE_BYTES`."""
    return f"{name} has {num_bytes / 2**20:.0f} MiB: at most {MAX_IMAGE_BYTES // 2**20} are read"


def check_sampling(sampling: Sampling, top_logprobs: int) -> None:
    """Check the sampling parameters.

    Raises:
        InputError: one is out of range.
    """
    rules = (
        (0 <= sampling.temperature <= 10, f"temperature is {sampling.temperature}: give 0 (greedy) to 10"),
        (0 < sampling.top_p <= 1, f"top_p is {sampling.top_p}: give more than 0, at most 1"),
        (sampling.top_k is None or sampling.top_k >= 1, f"top_k is {sampling.top_k}: give 1 or more, or leave it out"),
        (sampling.max_tokens >= 1, f"max tokens is {sampling.max_tokens}: give 1 or more"),
        (0 <= top_logprobs <= MAX_TOP_LOGPROBS, f"top logprobs is {top_logprobs}: give 0 to {MAX_TOP_LOGPROBS}"),
    )
    for holds, message in rules:
        if not holds:
            raise InputError(message)


def resolve(config: EngineConfig) -> Pair:
    """Find both checkpoints and check that they belong together.

    Raises:
        InputError: one is missing, is not what it should be, or belongs to another verifier.
    """
    head = read_config(config.speculator, "speculator")
    check_types(head, f"the config of {config.speculator}")
    if not is_speculator(head):
        raise InputError(
            f"{config.speculator} is no EAGLE-3 speculator: its config.json names neither a `speculators_model_type`"
            " nor an Eagle3 architecture. Is it the verifier?"
        )
    verifier = config.verifier or named_verifier(head)
    if not verifier:
        raise InputError(f"{config.speculator} does not name its verifier: give it with --verifier")
    verifier_config = read_config(verifier, "verifier")
    check_fit(config.speculator, head, verifier, verifier_config)
    k = config.num_speculative_tokens or proposed_tokens(head.get("speculators_config") or {}) or 3
    check_k(k)
    return Pair(
        verifier=verifier,
        speculator=config.speculator,
        num_speculative_tokens=k,
        verifier_config=verifier_config,
        speculator_config=head,
    )


def read_config(name: str, role: str) -> dict[str, Any]:
    """The config.json of a checkpoint in a folder or on the Hugging Face hub.

    Raises:
        InputError: there is none, or it is no JSON object.
    """
    folder = Path(name).expanduser()
    path = folder / "config.json" if folder.is_dir() else hub_config(name, role)
    if not path.is_file():
        raise InputError(f"the {role} {name} is no checkpoint: the folder has no config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"the {role}'s {path} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"the {role}'s {path} holds no JSON object")
    return config


def hub_config(name: str, role: str) -> Path:
    """The path of the config of a checkpoint on the hub, downloaded if need be.

    Raises:
        InputError: the name is no hub id, or the hub does not have it or cannot be reached.
    """
    if not HUB_ID.fullmatch(name):
        raise InputError(f"the {role} {name} does not exist: give a folder with a config.json, or a Hugging Face id")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(name, "config.json"))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"the {role} {name} is no folder here and could not be had from the Hugging Face hub: {reason}"
        ) from error


def is_speculator(config: dict[str, Any]) -> bool:
    """Whether a config is one of an EAGLE-3 head, in Speculators format or in the layout of its makers."""
    architectures = " ".join(config.get("architectures") or [])
    return config.get("speculators_model_type") == "eagle3" or "eagle3" in architectures.lower()


def named_verifier(head: dict[str, Any]) -> str | None:
    """The verifier that a head's config names, if it names one."""
    verifier = (head.get("speculators_config") or {}).get("verifier") or {}
    name: str | None = verifier.get("name_or_path")
    return name


def proposed_tokens(speculators_config: dict[str, Any]) -> int | None:
    """K as the speculator's own config proposes it."""
    methods = speculators_config.get("proposal_methods") or [{}]
    tokens = methods[0].get("speculative_tokens")
    return tokens if isinstance(tokens, int) else None


def check_fit(speculator: str, head: dict[str, Any], verifier: str, verifier_config: dict[str, Any]) -> None:
    """Check that a head was made for a verifier of this shape.

    Raises:
        InputError: hidden size or vocabulary disagree.
    """
    if is_speculator(verifier_config):
        raise InputError(f"the verifier {verifier} is itself a speculator: give the model that it drafts for")
    draft = head.get("transformer_layer_config") or head
    target = verifier_config.get("text_config") or verifier_config
    hidden = head.get("target_hidden_size") or draft.get("hidden_size")
    for what, ours, theirs in (
        ("hidden size", hidden, target.get("hidden_size")),
        ("vocabulary", draft.get("vocab_size"), target.get("vocab_size")),
    ):
        if ours is not None and theirs is not None and ours != theirs:
            raise InputError(
                f"the head {speculator} belongs to another verifier: its {what} is {ours}, {verifier} has {theirs}"
            )
