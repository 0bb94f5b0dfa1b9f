"""The static doctor: what it says of heads that are fine, broken, or unclear."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagle3_viz import bundled
from eagle3_viz.__main__ import main
from eagle3_viz.doctor import reading
from eagle3_viz.doctor.diagnose import diagnose
from eagle3_viz.doctor.facts import Facts, Header, gather
from eagle3_viz.doctor.findings import Finding
from eagle3_viz.doctor.layout import layout
from eagle3_viz.errors import InputError
from tests.doctoring import MAVERICK, REFERENCE, written

WHOLE, DRAFT, HIDDEN = 40, 10, 8
KEPT = np.array([1, 2, 3, 5, 8, 13, 21, 30, 31, 39])
LAYER = {
    "head_dim": 2, "hidden_size": HIDDEN, "max_position_embeddings": 64, "model_type": "llama",
    "num_attention_heads": 4, "rope_parameters": {"rope_theta": 500.0, "rope_type": "default"}, "vocab_size": WHOLE,
}  # fmt: skip
VERIFIER = {
    "architectures": ["LlamaForCausalLM"], "eos_token_id": 2, "hidden_size": HIDDEN, "max_position_embeddings": 64,
    "num_hidden_layers": 12, "rope_theta": 500.0, "vocab_size": WHOLE,
}  # fmt: skip
HEAD = {
    "draft_vocab_size": DRAFT,
    "eagle_aux_hidden_state_layer_ids": [3, 7, 11],
    "norm_before_residual": True,
    "speculators_config": REFERENCE["speculators_config"]
    | {"verifier": {"architectures": ["LlamaForCausalLM"], "name_or_path": "v"}},
    "speculators_model_type": "eagle3",
    "transformer_layer_config": LAYER,
}
SHAPES = {
    "fc.weight": (HIDDEN, 3 * HIDDEN), "norm.weight": (HIDDEN,), "lm_head.weight": (DRAFT, HIDDEN),
    **{f"layers.0.{name}.weight": (HIDDEN,) for name in ("input_layernorm", "hidden_norm", "post_attention_layernorm")},
    **{f"layers.0.self_attn.{name}_proj.weight": (HIDDEN, 2 * HIDDEN) for name in "qkvo"},
    **{f"layers.0.mlp.{name}_proj.weight": (16, HIDDEN) for name in ("gate", "up", "down")},
}  # fmt: skip


def facts(
    head: dict[str, Any] | None = None,
    without: tuple[str, ...] = (),
    tensors: dict[str, tuple[int, ...]] | None = None,
    verifier: dict[str, Any] | None = None,
    **maps: Any,
) -> Facts:
    """A small pair with nothing wrong, but for what is given."""
    shapes = SHAPES | (tensors or {})
    d2t = KEPT - np.arange(DRAFT)
    found = {"d2t": d2t, "t2d": np.isin(np.arange(WHOLE), KEPT)} | maps
    return Facts(
        head={name: value for name, value in (HEAD | (head or {})).items() if name not in without},
        tensors={name: Header(shape, "F16") for name, shape in shapes.items() if name not in without},
        maps={name: value for name, value in found.items() if name not in without},
        verifier=VERIFIER | (verifier or {}),
    )


def said(findings: list[Finding], check: str) -> Finding:
    """What one check said."""
    (found,) = [finding for finding in findings if finding.check == check]
    return found


def unconverted(**more: Any) -> dict[str, Any]:
    """The same head in the layout of its makers."""
    return LAYER | {"architectures": ["LlamaForCausalLMEagle3"], "draft_vocab_size": DRAFT} | more


def plain(**more: Any) -> Facts:
    return replace(facts(), head=unconverted(**more))


def test_a_good_head_has_nothing_wrong_and_no_risk() -> None:
    findings = diagnose(facts())
    assert {finding.verdict for finding in findings} <= {"fine", "unknown"}
    names = [finding.check for finding in findings]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", bundled.NAMES)
def test_the_pairs_that_ship_have_nothing_wrong(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model", name, "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert len(findings) > 20
    assert [finding for finding in findings if finding["verdict"] in ("wrong", "unknown")] == []


def test_the_reference_raises_the_question_of_its_layers(tmp_path: Path) -> None:
    head, verifier = written(tmp_path / "head", REFERENCE), written(tmp_path / "verifier", MAVERICK)
    begun = time.monotonic()
    findings = diagnose(gather(head, verifier))
    assert time.monotonic() - begun < 2
    asked = said(findings, "input or output of a layer")
    assert asked.verdict == "risk"
    assert "[1, 23, 44]: there are two conventions" in asked.consequence
    assert "[2, 24, 45], is vLLM's own choice for 48 layers" in asked.consequence
    assert "[2, 24, 45]" in asked.fix
    assert [finding for finding in findings if finding.verdict == "wrong"] == []
    assert said(findings, "weights").verdict == "unknown"


def test_the_reference_with_its_verifier_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    findings = diagnose(gather(written(tmp_path / "head", REFERENCE | {"speculators_config": {}}), None))
    assert said(findings, "hidden size").verdict == "unknown"
    assert said(findings, "input or output of a layer").verdict == "risk"
    assert said(findings, "format").verdict == "wrong"  # vLLM wants those fields


# Of each break: what is changed, the check that says so, its verdict, and a piece of its fix or consequence.
BREAKS: list[tuple[Facts, str, str, str]] = [
    (facts({"speculators_model_type": "dflash"}), "format", "wrong", "no EAGLE-3 head"),
    (facts({"speculators_config": {}}), "format", "wrong", "speculative_tokens"),
    (facts({"transformer_layer_config": LAYER | {"model_type": "gemma"}}), "layer type", "wrong", "llama and qwen3"),
    (facts(verifier={"hidden_size": 9}), "hidden size", "wrong", "another verifier"),
    (facts({"target_hidden_size": 7}), "hidden size", "wrong", "another verifier"),
    (facts(tensors={"fc.weight": (HIDDEN, 2 * HIDDEN)}), "number of layers", "wrong", "Name 2 layers"),
    (facts({"eagle_aux_hidden_state_layer_ids": [3, 5, 7, 11]}), "number of layers", "wrong", "names 4 layers"),
    (facts({"transformer_layer_config": LAYER | {"head_dim": 4}}), "head size", "wrong", '"head_dim": 2'),
    (facts(without=("layers.0.hidden_norm.weight",)), "tensors", "wrong", "multiplies by one"),
    (facts(without=("fc.weight",)), "tensors", "wrong", "fc.weight"),
    (
        facts(tensors={"layers.0.self_attn.q_proj.weight": (HIDDEN, HIDDEN)}),
        "attention input",
        "wrong",
        "the first EAGLE",
    ),
    (facts(without=("eagle_aux_hidden_state_layer_ids",)), "auxiliary layers", "risk", "takes [2, 6, 9]"),
    (
        facts(
            {"eagle_config": {"eagle_aux_hidden_state_layer_ids": [3, 7, 11]}},
            without=("eagle_aux_hidden_state_layer_ids",),
        ),
        "auxiliary layers",
        "wrong",
        'top level: "eagle_aux_hidden_state_layer_ids": [3, 7, 11]',
    ),
    (facts({"use_aux_hidden_state": False}), "auxiliary layers", "risk", "the first EAGLE"),
    (facts({"eagle_aux_hidden_state_layer_ids": [3, 7, 13]}), "layers of the verifier", "wrong", "[13]"),
    (facts({"eagle_aux_hidden_state_layer_ids": [7, 3, 11]}), "order of layers", "wrong", "fed as [3, 7, 11]"),
    (facts({"eagle_aux_hidden_state_layer_ids": [1, 7, 11]}), "input or output of a layer", "risk", "[2, 8, 12]"),
    (facts({"eagle_aux_hidden_state_layer_ids": [1, 5, 8]}), "input or output of a layer", "risk", "own choice"),
    (
        facts({"aux_hidden_states_layer_ids": [3, 7, 11]}),
        "input or output of a layer",
        "wrong",
        "[4, 8, 12]",
    ),
    (facts(without=("norm_before_residual",)), "norm before residual", "risk", "takes true here"),
    (plain(), "norm before residual", "risk", "takes false here"),
    (facts({"fc_norm": True}), "fc_norm", "wrong", '"fc_norm": false'),
    (facts(tensors={"fc_norm.0.weight": (HIDDEN,)}), "fc_norm", "wrong", '"fc_norm": true'),
    (facts({"norm_before_fc": True}), "norm_before_fc", "wrong", "norms with ones"),
    (facts({"norm_before_fc": True, "fc_norm": True}), "norm_before_fc", "wrong", "Keep one"),
    (facts(tensors={"input_norm.weight": (24,)}), "norm_before_fc", "wrong", '"norm_before_fc": true'),
    (plain(eagle_config={"norm_output": True}), "norm_output", "wrong", "top level"),
    (facts(verifier={"vocab_size": 50}), "vocabulary", "wrong", "made for 40"),
    (facts({"draft_vocab_size": 50}), "vocabulary", "wrong", "more than"),
    (facts(without=("draft_vocab_size",)), "vocabulary", "risk", "32000"),
    (facts(without=("lm_head.weight",)), "lm_head", "wrong", "the verifier's, of 40 rows"),
    (facts(tensors={"lm_head.weight": (12, HIDDEN)}), "lm_head", "wrong", '"draft_vocab_size": 12'),
    (facts(tensors={"embed_tokens.weight": (12, HIDDEN)}), "embeddings", "wrong", "12 rows"),
    (facts(without=("d2t",)), "d2t", "wrong", "takes draft ids for the verifier's"),
    (facts(d2t=np.zeros(DRAFT, dtype=int)), "d2t", "wrong", "all zero"),
    (facts(d2t=KEPT), "d2t", "wrong", "the verifier's ids themselves"),
    (facts(d2t=KEPT - np.arange(DRAFT) + 1), "d2t", "wrong", "outside 0 to 39"),
    (facts(d2t=(KEPT - np.arange(DRAFT))[::-1].copy()), "d2t", "wrong", "turns back"),
    (facts(d2t=np.arange(DRAFT - 1) + 1), "d2t", "wrong", "9 entries for 10"),
    (facts(d2t=KEPT - np.arange(DRAFT) - 1), "t2d", "wrong", "all by -1"),
    (facts(t2d=np.isin(np.arange(WHOLE), KEPT[1:])), "t2d", "wrong", "marks 9 tokens"),
    (facts(verifier={"eos_token_id": 4}), "end token", "risk", "every answer's end"),
    (facts(verifier={"rope_theta": 10.0}), "rope", "risk", "Theta 500, and the verifier's is 10"),
    (
        facts({"transformer_layer_config": {k: v for k, v in LAYER.items() if k != "rope_parameters"}}),
        "rope",
        "risk",
        "takes 10000",
    ),
    (facts(verifier={"max_position_embeddings": 128}), "context", "risk", "does not draft"),
    (facts(verifier={"architectures": ["Phi3ForCausalLM"]}), "verifier", "risk", "names LlamaForCausalLM"),
    (facts(verifier={"architectures": ["NoSuchModel"]}), "support in vLLM", "wrong", "no auxiliary states"),
    (
        facts({"transformer_layer_config": LAYER | {"eos_token_id": 3}}),
        "special tokens",
        "risk",
        "eos_token_id is 3 here and 2 there",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "check", "verdict", "piece"), BREAKS, ids=[f"{b[1]}-{b[3][:20]}" for b in BREAKS])
def test_each_break_is_named(broken: Facts, check: str, verdict: str, piece: str) -> None:
    found = said(diagnose(broken), check)
    assert found.verdict == verdict
    assert piece in f"{found.consequence} {found.fix}"
    assert found.fix


def test_every_check_has_been_broken() -> None:
    always = {"weights", "dtype", "chat template"}
    assert {finding.check for finding in diagnose(facts())} - always == {check for _, check, _, _ in BREAKS}


def test_numbers_that_are_no_floats_and_a_missing_template(tmp_path: Path) -> None:
    good = facts()
    (tmp_path / "tokenizer.json").touch()
    packed = {name: Header(header.shape, "I8") for name, header in (good.tensors or {}).items()}
    findings = diagnose(replace(good, tensors=packed, verifier_files=tmp_path))
    assert said(findings, "dtype").verdict == "risk"
    assert said(findings, "chat template").verdict == "risk"
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    assert said(diagnose(replace(good, verifier_files=tmp_path)), "chat template").verdict == "fine"


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (HEAD, "Speculators"),
        (unconverted(), "EAGLE"),
        (unconverted(eagle_config={"eagle_aux_hidden_state_layer_ids": [1, 5, 8]}), "SpecForge"),
        (unconverted(eagle_config={"use_last_layernorm": True}), "NVIDIA"),
        (unconverted(aux_hidden_states_layer_ids=[1, 5, 8]), "AngelSlim"),
    ],
)
def test_layouts(config: dict[str, Any], name: str) -> None:
    assert layout(replace(facts(), head=config)) == name


def test_unconverted_layouts_are_read_as_vllm_does() -> None:
    nested = plain(eagle_config={"eagle_aux_hidden_state_layer_ids": [1, 5, 8, 9]})
    assert reading.layers(nested) == reading.Layers((1, 5, 8, 9), "eagle_config")
    assert reading.number_of_states(nested) == 4
    assert said(diagnose(nested), "format").verdict == "risk"
    assert said(diagnose(replace(nested, head=nested.head | {"architectures": ["X"]})), "format").verdict == "wrong"
    midlayer = {n.replace("layers.0.", "midlayer."): h for n, h in (facts().tensors or {}).items()}
    assert said(diagnose(replace(plain(), tensors=midlayer)), "tensors").verdict == "fine"


@given(st.sets(st.integers(0, WHOLE - 1), min_size=DRAFT, max_size=DRAFT).map(sorted), st.data())
def test_a_map_is_fine_exactly_if_it_leads_where_t2d_marks(kept: list[int], data: st.DataObject) -> None:
    d2t = np.array(kept) - np.arange(DRAFT)
    marked = np.isin(np.arange(WHOLE), kept)
    place, by = data.draw(st.integers(0, DRAFT - 1)), data.draw(st.sampled_from([-2, -1, 1, 2]))
    whole = diagnose(facts(d2t=d2t, t2d=marked))
    if kept != list(range(DRAFT)):  # that one looks like a map that was lost
        assert {said(whole, check).verdict for check in ("d2t", "t2d")} == {"fine"}
    off = d2t.copy()
    off[place] += by
    assert "wrong" in {finding.verdict for finding in diagnose(facts(d2t=off, t2d=marked))}


@given(
    st.dictionaries(st.sampled_from(sorted(HEAD)), st.none() | st.booleans() | st.integers() | st.just({}), max_size=4),
    st.sets(st.sampled_from(sorted(SHAPES | HEAD))),
)
def test_no_config_is_too_odd(changes: dict[str, Any], without: set[str]) -> None:
    layer = changes.pop("transformer_layer_config", LAYER)
    head = changes | {"transformer_layer_config": layer if isinstance(layer, dict) else LAYER}
    try:
        odd = facts(head, without=tuple(without))
    except InputError as error:
        assert "it has to be" in str(error)  # noqa: PT017 (most configs are fine)
    else:
        assert diagnose(odd)


def test_for_people(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    head, verifier = written(tmp_path / "head", REFERENCE), written(tmp_path / "verifier", MAVERICK)
    assert main(["doctor", "--speculator", head, "--verifier", verifier]) == 0
    out = capsys.readouterr().out
    assert "! risk  input or output of a layer: eagle_aux_hidden_state_layer_ids" in out
    assert "Fix: If it was trained on outputs" in out
    assert "0 wrong, 2 risk" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--verifier", "v"], "--verifier goes with --speculator"),
        (["--speculator", str(bundled.ASSETS / "tiny-llama4" / "verifier")], "is no EAGLE-3 head"),
    ],
)
def test_bad_input(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = written(tmp_path / "head", REFERENCE)
    (tmp_path / "head" / "model.safetensors").write_bytes(b"no tensors")
    assert main(["doctor", "--speculator", head]) == 2
    assert "model.safetensors cannot be read" in capsys.readouterr().err
