"""A pair that cannot work is refused before anything is loaded, with the reason and the fix."""

import json
from pathlib import Path
from typing import Any

import pytest

from eagle3_viz.config import MAX_SPECULATIVE_TOKENS, EngineConfig, check_sampling, resolve
from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling

LAYER = {"hidden_size": 64, "vocab_size": 100}


def checkpoint(folder: Path, config: Any) -> str:
    """A folder with a config.json."""
    folder.mkdir()
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return str(folder)


def head(verifier: str | None = None, **layer: int) -> dict[str, Any]:
    """The config of a head in Speculators format."""
    return {
        "speculators_model_type": "eagle3",
        "transformer_layer_config": LAYER | layer,
        "speculators_config": {
            "proposal_methods": [{"speculative_tokens": 5}],
            "verifier": {"name_or_path": verifier},
        },
    }


def test_a_pair_that_fits(tmp_path: Path) -> None:
    verifier = checkpoint(tmp_path / "verifier", LAYER)
    speculator = checkpoint(tmp_path / "head", head(verifier))
    found = resolve(EngineConfig(speculator=speculator))
    assert (found.verifier, found.num_speculative_tokens) == (verifier, 5)
    assert resolve(EngineConfig(speculator=speculator, num_speculative_tokens=2)).num_speculative_tokens == 2


def test_a_verifier_that_also_sees_keeps_its_sizes_in_text_config(tmp_path: Path) -> None:
    verifier = checkpoint(tmp_path / "verifier", {"text_config": LAYER})
    speculator = checkpoint(tmp_path / "head", head(verifier))
    assert resolve(EngineConfig(speculator=speculator)).verifier == verifier


@pytest.mark.parametrize(
    ("speculator", "verifier", "message"),
    [
        (None, LAYER, "speculator .*head does not exist: give a folder"),
        (LAYER, LAYER, "is no EAGLE-3 speculator"),
        ("{", LAYER, "is no JSON"),
        ("[]", LAYER, "holds no JSON object"),
        (head(hidden_size=32), LAYER, "belongs to another verifier: its hidden size is 32"),
        (head(vocab_size=7), LAYER, "belongs to another verifier: its vocabulary is 7"),
        (head(), None, "the verifier .* does not exist"),
        (head() | {"speculators_config": "x"}, LAYER, "speculators_config is 'x': it has to be an object"),
        (head() | {"speculators_config": {"proposal_methods": ["x"]}}, LAYER, "it has to be a list of objects"),
        (head() | {"eagle_aux_hidden_state_layer_ids": 2}, LAYER, "it has to be a list of whole numbers"),
        (head(), head(), "is itself a speculator"),
    ],
)
def test_pairs_that_cannot_work(tmp_path: Path, speculator: Any, verifier: Any, message: str) -> None:
    for name, config in (("head", speculator), ("verifier", verifier)):
        if config is not None:
            checkpoint(tmp_path / name, config)
    with pytest.raises(InputError, match=message):
        resolve(EngineConfig(speculator=str(tmp_path / "head"), verifier=str(tmp_path / "verifier")))


def test_a_folder_without_a_config_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "head").mkdir()
    with pytest.raises(InputError, match="no checkpoint"):
        resolve(EngineConfig(speculator=str(tmp_path / "head")))


def test_a_head_that_names_no_verifier_needs_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not name its verifier"):
        resolve(EngineConfig(speculator=checkpoint(tmp_path / "head", head())))


@pytest.mark.parametrize("k", [0, -1, MAX_SPECULATIVE_TOKENS + 1, 99])
def test_k_has_our_own_limit(k: int) -> None:
    with pytest.raises(InputError, match=rf"\(K\) is {k}: eagle3_viz shows 1 to {MAX_SPECULATIVE_TOKENS}"):
        EngineConfig(speculator="x", num_speculative_tokens=k)


@pytest.mark.parametrize(
    ("sampling", "top_logprobs", "message"),
    [
        (Sampling(temperature=-1), 5, "temperature is -1"),
        (Sampling(top_p=0), 5, "top_p"),
        (Sampling(top_k=0), 5, "top_k"),
        (Sampling(max_tokens=0), 5, "max tokens"),
        (Sampling(), 21, "top logprobs"),
    ],
)
def test_sampling_out_of_range(sampling: Sampling, top_logprobs: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_sampling(sampling, top_logprobs)
