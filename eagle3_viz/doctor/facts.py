"""A pair as its files describe it: configs, tensor headers, vocabulary maps. No weights are read."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eagle3_viz.config import is_speculator, named_verifier, read_config
from eagle3_viz.config_types import check_types
from eagle3_viz.errors import InputError

if TYPE_CHECKING:
    import numpy as np

VOCABULARY_MAPS = ("d2t", "t2d")


@dataclass(frozen=True)
class Header:
    """What a checkpoint says of one tensor: shape, and dtype in the words of safetensors."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a pair.

    Attributes:
        head: config of the head, as it stands.
        tensors: headers by name, without `model.` in front; None: no safetensors there.
        maps: `d2t` and `t2d`, whichever the checkpoint has.
        verifier: config of the verifier; None: not known.
        verifier_files: its folder, where it is one.
    """

    head: dict[str, Any]
    tensors: dict[str, Header] | None = None
    maps: "dict[str, np.ndarray[Any, Any]]" = field(default_factory=dict)
    verifier: dict[str, Any] | None = None
    verifier_files: Path | None = None

    def __post_init__(self) -> None:
        check_types(self.head, "the head's config")
        check_types(self.verifier or {}, "the verifier's config")

    @property
    def speculators_format(self) -> bool:
        """Whether the head is in Speculators format."""
        return "speculators_model_type" in self.head

    @cached_property
    def layer(self) -> dict[str, Any]:
        """The config of the head's decoder layer."""
        found: dict[str, Any] = self.head.get("transformer_layer_config") or self.head
        return found

    @cached_property
    def eagle_config(self) -> dict[str, Any]:
        """The nested config that some layouts have; empty where there is none."""
        return self.head.get("eagle_config") or {}

    @cached_property
    def target(self) -> dict[str, Any]:
        """The config of the verifier's language model; empty where the verifier is not known."""
        verifier = self.verifier or {}
        return verifier.get("text_config") or verifier

    @property
    def depth(self) -> int | None:
        """How many layers the verifier has."""
        return self.target.get("num_hidden_layers")

    @property
    def hidden(self) -> int | None:
        """The head's hidden size."""
        return self.layer.get("hidden_size")

    @property
    def draft_vocabulary(self) -> int | None:
        """How many tokens the head can propose."""
        size = self.head.get("draft_vocab_size")
        return size if size is not None else self.layer.get("vocab_size")

    @property
    def vocabulary(self) -> int | None:
        """How many tokens the verifier has."""
        size = self.target.get("vocab_size")
        return size if size is not None else self.layer.get("vocab_size")

    def shape(self, name: str) -> tuple[int, ...] | None:
        """A tensor's shape; None where it is not there."""
        header = (self.tensors or {}).get(name)
        return header.shape if header else None


def gather(speculator: str, verifier: str | None) -> Facts:
    """Read what the files of a pair say; each a folder, a config.json, or a Hugging Face id (of which only the config
    is fetched). Without `verifier` the one that the head names is looked for.

    Raises:
        InputError: there is no config, or it is not one of an EAGLE-3 head.
    """
    head = config_of(speculator, "speculator")
    check_types(head, "the head's config")
    if not is_speculator(head) and "eagle_config" not in head and "draft_vocab_size" not in head:
        raise InputError(f"{speculator} is no EAGLE-3 head: nothing in its config says so. Is it the verifier?")
    tensors, maps = read_tensors(Path(speculator).expanduser())
    named = verifier or named_verifier(head)
    config, files = verifier_of(named, required=verifier is not None)
    return Facts(head=head, tensors=tensors, maps=maps, verifier=config, verifier_files=files)


def config_of(name: str, role: str) -> dict[str, Any]:
    """A config: of a folder, a hub id, or the JSON file itself.

    Raises:
        InputError: there is none.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        return read_config(name, role)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"the {role}'s {path} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"the {role}'s {path} holds no JSON object")
    return config


def verifier_of(name: str | None, *, required: bool) -> tuple[dict[str, Any] | None, Path | None]:
    """The verifier's config and folder. One that only the head names may be out of reach."""
    if name is None:
        return None, None
    try:
        config = config_of(name, "verifier")
    except InputError:
        if required:
            raise
        return None, None
    folder = Path(name).expanduser()
    return config, folder if folder.is_dir() else None


def read_tensors(folder: Path) -> "tuple[dict[str, Header] | None, dict[str, np.ndarray[Any, Any]]]":
    """Headers of all tensors in a folder's safetensors files, and the vocabulary maps.

    Raises:
        InputError: a file is damaged.
    """
    paths = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if not paths:
        return None, {}
    from safetensors import SafetensorError, safe_open

    headers: dict[str, Header] = {}
    maps = {}
    for path in paths:
        try:
            with safe_open(path, framework="numpy") as file:
                for name in file.keys():  # noqa: SIM118 (no mapping)
                    part = file.get_slice(name)
                    short = name.removeprefix("model.")
                    headers[short] = Header(tuple(part.get_shape()), part.get_dtype())
                    if short in VOCABULARY_MAPS:
                        maps[short] = file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path} cannot be read: {error}. Fetch it again") from error
    return headers, maps
