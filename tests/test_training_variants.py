"""The heads that are made from another: what differs, and that everything else is the same file."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from eagle3_viz.bundled import ASSETS
from training.smollm2 import variants

GOOD = ASSETS / "smollm2-135m"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """The bundled head, beside which there is room."""
    (tmp_path / "good").symlink_to(GOOD)
    return tmp_path / "good"


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor that the folder's index names."""
    return {name: load_file(folder / file)[name] for name, file in index_of(folder).items()}


def index_of(folder: Path) -> dict[str, str]:
    """Which file each tensor is in."""
    files: dict[str, str] = json.loads((folder / variants.INDEX).read_text())["weight_map"]
    return files


def test_wrong_aux_differs_in_its_layers_alone(good: Path, tmp_path: Path) -> None:
    variants.wrong_aux(good, tmp_path / "bad")
    ours, theirs = loaded(tmp_path / "bad"), loaded(good)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    configs = [json.loads((folder / "config.json").read_text()) for folder in (good, tmp_path / "bad")]
    differing = {key for key in configs[0] if configs[0][key] != configs[1][key]}
    assert differing == {"eagle_aux_hidden_state_layer_ids"}


def test_a_small_vocabulary_keeps_the_rows_of_its_words(good: Path, tmp_path: Path) -> None:
    theirs = loaded(good)
    every = theirs["d2t"] + torch.arange(len(theirs["d2t"]))
    chosen = every[::8]
    variants.small_vocabulary(good, tmp_path / "small", chosen)
    ours = loaded(tmp_path / "small")
    assert torch.equal(ours["d2t"] + torch.arange(len(chosen)), chosen)
    assert torch.equal(ours["t2d"].nonzero().flatten(), chosen)
    assert torch.equal(ours["lm_head.weight"], theirs["lm_head.weight"][::8])
    assert json.loads((tmp_path / "small" / "config.json").read_text())["draft_vocab_size"] == len(chosen)
    assert sum(path.stat().st_size for path in (tmp_path / "small").iterdir() if not path.is_symlink()) < 2_000_000


def test_an_undertrained_head_has_its_own_weights_and_shares_the_rest(good: Path, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    shutil.copytree(GOOD, stopped, ignore=shutil.ignore_patterns("*.md"))
    (last,) = {file for name, file in index_of(stopped).items() if name == "norm.weight"}
    save_file({name: weight / 2 for name, weight in load_file(stopped / last).items()}, stopped / last)
    variants.undertrained(good, stopped, tmp_path / "early")
    ours, theirs = loaded(tmp_path / "early"), loaded(good)
    assert {name for name in ours if not torch.equal(ours[name], theirs[name])} == set(load_file(stopped / last))
    assert [path.name for path in (tmp_path / "early").iterdir() if not path.is_symlink()] == [last]
