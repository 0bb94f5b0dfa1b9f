"""The doctor's measurement: what is broken on purpose is named, with its fix, and what is good is left alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eagle3_viz import bundled
from eagle3_viz.__main__ import main
from eagle3_viz.doctor.diagnose import diagnose
from eagle3_viz.doctor.facts import gather
from eagle3_viz.doctor.findings import Finding
from eagle3_viz.doctor.prompts import PROMPTS
from eagle3_viz.doctor.trial import Measured, Trial, Tried
from eagle3_viz.doctor.verdicts import LEAST_GAIN, judge
from eagle3_viz.heads.paired import Estimate
from eagle3_viz.heads.verifier import Text, Verifier
from tests.broken_heads import broken, guessed, row

Judged = tuple[Measured, list[Finding]]


def judged(trial: Trial, head: Path, verifier: Path) -> Judged:
    """A head measured, and all that the doctor says of it."""
    facts = gather(str(head), str(verifier))
    static = diagnose(facts)
    measured = trial.measure(head, facts)
    return measured, [*static, *judge(measured, static)]


def trial_of(pair: bundled.Pair, num_prompts: int, max_tokens: int) -> Trial:
    """The pair's verifier over its own answers to the doctor's prompts."""
    verifier = Verifier(str(pair.verifier))
    return Trial(verifier, list(verifier.write(PROMPTS[:num_prompts], max_tokens)), 3)


@pytest.fixture(scope="module")
def tiny_trial() -> Trial:
    return trial_of(bundled.get("tiny-llama4"), 16, 32)


@pytest.fixture(scope="module")
def tiny(tiny_trial: Trial) -> Callable[[Path], Judged]:
    return lambda head: judged(tiny_trial, head, bundled.get("tiny-llama4").verifier)


@pytest.fixture(scope="module")
def real(pair: bundled.Pair) -> Callable[[Path], Judged]:
    trial = trial_of(pair, 16, 48)
    return lambda head: judged(trial, head, pair.verifier)


def wrongs(findings: list[Finding]) -> dict[str, str]:
    """The fix of each measured mistake, by field."""
    return {
        finding.field: finding.fix
        for finding in findings
        if finding.verdict == "wrong" and finding.check.startswith("measured")
    }


def test_the_small_head_is_left_alone(tiny: Callable[[Path], Judged]) -> None:
    measured, findings = tiny(bundled.get("tiny-llama4").speculator)
    assert [finding for finding in findings if finding.verdict == "wrong"] == []
    assert measured.num_texts == 16
    names = {tried.name for tried in measured.tried}
    assert {"layers one later", "layers one earlier", "vLLM's fallback layers", "norm_before_residual on"} <= names


@pytest.mark.parametrize(
    ("name", "field", "fix"),
    [
        ("norm_before_residual flipped", "norm_before_residual", 'Set "norm_before_residual": false.'),
        ("auxiliary ids one earlier", "eagle_aux_hidden_state_layer_ids", "[1, 4, 5]"),
    ],
)
def test_breaks_of_the_small_head_are_named(
    tiny: Callable[[Path], Judged], tmp_path: Path, name: str, field: str, fix: str
) -> None:
    measured, findings = tiny(broken(bundled.get("tiny-llama4").speculator, name, tmp_path / "head"))
    assert fix in wrongs(findings)[field]
    best = measured.tried[0]
    assert best.gain.low > 0
    assert best.gain.value == pytest.approx(sum(depth.value for depth in best.by_depth))


def test_lines_of_the_table_of_breaks(tiny_trial: Trial, tmp_path: Path) -> None:
    pair = bundled.get("tiny-llama4")
    verifier, flipped = str(pair.verifier), broken(pair.speculator, "norm_before_residual flipped", tmp_path / "head")
    reference = guessed(tiny_trial, pair.speculator, verifier)
    good = row(tiny_trial, "as it ships", pair.speculator, reference, verifier)
    assert "| +0.000 (+0.000 to +0.000) |" in good
    assert "nothing wrong; input or output of a layer: risk." in good
    named = row(tiny_trial, "flipped", flipped, reference, verifier)
    assert named.endswith('| wrong: `norm_before_residual`. Set "norm_before_residual": false. |')


def test_the_real_head_is_left_alone(real: Callable[[Path], Judged], pair: bundled.Pair) -> None:
    _, findings = real(pair.speculator)
    assert [finding for finding in findings if finding.verdict == "wrong"] == []
    assert [finding for finding in findings if finding.check == "measured: training"]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("auxiliary ids far from the trained ones", "eagle_aux_hidden_state_layer_ids"),
        ("d2t zeroed", "d2t"),
        ("d2t off by one", "d2t"),
        ("fc_norm flipped", "fc_norm"),
    ],
)
def test_breaks_of_the_real_head_are_named(
    real: Callable[[Path], Judged], pair: bundled.Pair, tmp_path: Path, name: str, field: str
) -> None:
    measured, findings = real(broken(pair.speculator, name, tmp_path / "head"))
    assert field in {finding.field for finding in findings if finding.verdict == "wrong"}
    best = next(tried for tried in measured.tried if tried.field == field)
    if best.gain.low > 0 and best.gain.value >= LEAST_GAIN:
        assert best.setting in wrongs(findings)[field]
    else:
        assert field == "fc_norm"  # some heads hardly miss it, and their files tell all the same


def tried(value: float, low: float, high: float, name: str = "layers one later", field: str = "layers") -> Tried:
    return Tried(name, field, "x", Estimate(value, low, high), [Estimate(value, low, high)], 9)


def measured(*alternatives: Tried, agreement: float = 0.6) -> Measured:
    best_first = sorted(alternatives, key=lambda each: -each.gain.value)
    return Measured(9, 900, Estimate(1.5, 1.4, 1.6), Estimate(agreement, 0.1, 0.9), best_first)


@pytest.mark.parametrize(
    ("alternative", "verdict", "piece"),
    [
        (tried(0.05, 0.01, 0.09), "wrong", "longer by +0.050 (+0.010 to +0.090)"),
        (tried(0.02, 0.01, 0.03), "fine", "too little to call it a mistake"),
        (tried(0.05, -0.02, 0.12), "fine", "Indistinguishable from as configured: +0.050 (-0.020 to +0.120)"),
        (tried(-0.05, -0.09, -0.01), "fine", "Worse than as configured, by 0.050 (0.010 to 0.090)"),
    ],
)  # fmt: skip
def test_wrong_is_only_what_is_better_beyond_its_interval(alternative: Tried, verdict: str, piece: str) -> None:
    found = judge(measured(alternative), [])[0]
    assert found.verdict == verdict
    assert piece in found.consequence


def test_of_a_field_the_best_is_named() -> None:
    found = judge(
        measured(tried(0.1, 0.05, 0.2, "one"), tried(0.3, 0.2, 0.4, "two"), tried(0.2, 0.1, 0.3, "n", "norm")), []
    )
    assert [finding.check for finding in found if finding.verdict == "wrong"] == ["measured: two", "measured: n"]


def test_undertrained_is_said_where_nothing_is_misconfigured() -> None:
    (found,) = judge(measured(agreement=0.2), [])
    assert (found.check, found.verdict) == ("measured: training", "risk")
    assert "undertrained" in found.consequence
    assert judge(measured(agreement=0.6), [])[0].verdict == "fine"
    wrong = Finding("d2t", "wrong", "d2t", "all zero", "mend it")
    assert judge(measured(agreement=0.2), [wrong]) == []


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in PROMPTS[:16]))
    head = broken(bundled.get("tiny-llama4").speculator, "norm_before_residual flipped", tmp_path / "head")
    pair = ["--speculator", str(head), "--verifier", str(bundled.get("tiny-llama4").verifier)]
    arguments = ["doctor", *pair, "--run", "--prompts", str(prompts), "--max-tokens", "24"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "✗ wrong  measured: norm_before_residual off: norm_before_residual" in printed
    assert "Measured without an engine" in printed
    assert main([*arguments, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["measured"]["tried"][0]["field"] == "norm_before_residual"
    prompts.write_text('{"prompt": "Hello"}\n')
    assert main(arguments) == 2
    assert "give at least 16" in capsys.readouterr().err


def test_texts_keep_their_numbers() -> None:
    pair = bundled.get("tiny-llama4")
    verifier = Verifier(str(pair.verifier))
    texts = [Text(f"t{n}", tuple(range(20, 34 + n)), 4) for n in range(5)]
    trial = Trial(verifier, texts, 2)
    assert sorted(number for seen in trial.texts for number in seen.numbers) == [0, 1, 2, 3, 4]
    for seen in trial.texts:
        for place, number in enumerate(seen.numbers):
            assert seen.lengths[place] == len(texts[number].ids)
