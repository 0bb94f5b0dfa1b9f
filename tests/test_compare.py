"""`compare`: paired differences, what moved, and where one head is right and the other wrong."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from eagle3_viz.__main__ import main
from eagle3_viz.analysis import results
from eagle3_viz.analysis.measured import Measured, StepNumbers
from eagle3_viz.analysis.paired import Spot, paired
from eagle3_viz.sources.scripted import Script
from tests.benching import PROMPTS, lines, scripted_engines


def answer(prompt_id: str, steps: list[tuple[int, int]], output: list[int] | None = None, **more: str) -> Measured:
    """An answer from what each step proposed and accepted; one unspeculated step comes first."""
    starts = itertools.accumulate(((accepted + 1) for _, accepted in steps), initial=1)
    rows = [
        StepNumbers(0, 0, 0, 0, 1),
        *(StepNumbers(start, *step, 0, 1) for start, step in zip(starts, steps, strict=False)),
    ]
    num_tokens = 1 + sum(accepted + 1 for _, accepted in steps)
    fields = {"prompt": prompt_id, "text": "", "finish_reason": "stop", "num_context_tokens": 5, **more}
    return Measured(prompt_id=prompt_id, output_token_ids=output or list(range(num_tokens)), steps=rows, **fields)  # type: ignore[arg-type]


def test_by_hand() -> None:
    a = [answer("p", [(2, 2), (2, 0)], category="x"), answer("q", [(2, 1)], category="y"), answer("only a", [(2, 1)])]
    b = [answer("q", [(2, 0), (2, 0)], category="y"), answer("p", [(2, 1), (2, 1)], category="x")]
    found = paired(a, b, greedy=True)
    assert (found.num_pairs, found.only_in_a, found.only_in_b) == (2, 1, 0)
    assert (found.pooled.a, found.pooled.b, found.pooled.difference) == (2.0, 1.5, -0.5)
    assert found.per_request.difference == pytest.approx((-1 + 0) / 2)
    assert [(gap.name, gap.difference) for gap in found.categories] == [("y", -1.0), ("x", 0.0)]
    assert [moved.prompt_id for moved in found.prompts] == ["q", "p"]
    assert found.greedy
    # p: A is right at 1 and 2, wrong at 4; B is right at 1, wrong at 2, right at 3, wrong at 4.
    # q: A is right at 1, wrong at 2; B is wrong at 1 and at 2.
    counts = (found.greedy.both_right, found.greedy.only_a, found.greedy.only_b, found.greedy.both_wrong)
    assert counts == (1, 2, 0, 2)
    assert found.greedy.spots == [
        Spot(prompt_id="p", turn=1, position=2, token_id=2, right="a"),
        Spot(prompt_id="q", turn=1, position=1, token_id=1, right="a"),
    ]


def test_positions_behind_the_first_difference_do_not_count() -> None:
    found = paired(
        [answer("p", [(1, 1), (1, 1)])], [answer("p", [(1, 0), (1, 1), (1, 0)], [0, 1, 9, 3, 4])], greedy=True
    ).greedy
    assert found
    assert found.num_different == 1
    assert [spot.position for spot in found.spots] == [1]


def test_the_interval_of_the_paired_difference_is_scipys() -> None:
    rng = np.random.default_rng(5)
    outcomes = [[(3, int(rng.integers(0, 4))) for _ in range(20)] for _ in range(120)]
    a = [answer(str(i), steps) for i, steps in enumerate(outcomes[:60])]
    b = [answer(str(i), steps) for i, steps in enumerate(outcomes[60:])]
    found = paired(a, b, greedy=False)
    means = [np.array([1 + sum(n for _, n in steps) / 20 for steps in half]) for half in (outcomes[:60], outcomes[60:])]
    theirs = stats.bootstrap(
        (means[1] - means[0],), np.mean, method="percentile", n_resamples=4000, rng=6
    ).confidence_interval
    assert found.per_request.difference == pytest.approx((means[1] - means[0]).mean())
    assert found.per_request.interval == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert found.greedy is None


def test_two_heads_as_a_user_compares_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    lines(Path("questions.jsonl"), PROMPTS)
    for name, chance in (("good", 0.9), ("bad", 0.3)):
        scripted_engines(monkeypatch, Script(num_tokens=40, acceptance=(chance,)))
        assert main(["bench", "--dataset", "questions.jsonl", "--json", f"{name}.json"]) == 0
    capsys.readouterr()
    assert main(["compare", "bad.json", "good.json", "--json", "out.json"]) == 0
    printed = capsys.readouterr().out
    found = json.loads(Path("out.json").read_text())
    bad, good = (results.load(Path(f"{name}.json")).summary.mean_acceptance_length for name in ("bad", "good"))
    assert (found["pooled"]["a"], found["pooled"]["b"]) == (bad, good)
    assert found["pooled"]["interval"][0] > 0
    assert found["greedy"]["num_different"] == 0
    assert f"{found['pooled']['difference']:+.3f}" in printed
    assert "only B was right" in printed

    traces = sorted(Path("good.traces").glob("*.gz"))
    assert main(["compare", str(traces[0]), "good.json"]) == 0
    assert "1 answer to the same prompts, 0 only in A, 4 only in B" in capsys.readouterr().out
    assert main(["compare", str(traces[0]), str(traces[1])]) == 2
    assert "no prompt in common" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "message"), [("{}", "is no benchmark's JSON"), ("{", "is no benchmark's JSON")])
def test_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert main(["compare", str(path), str(path)]) == 2
    assert message in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "no.json"), str(path)]) == 2
    assert "cannot be opened" in capsys.readouterr().err
