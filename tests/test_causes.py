"""Why proposals were rejected, where, and what that cost."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagle3_viz import load
from eagle3_viz.__main__ import main
from eagle3_viz.analysis.causes import CAUSES, rejection
from eagle3_viz.analysis.diagnosis import Diagnosis
from eagle3_viz.analysis.kinds import NEAR_IMAGE, Reading
from eagle3_viz.analysis.places import GROUPS
from eagle3_viz.draft_vocabulary import packed
from eagle3_viz.events import EngineInfo, Judged, Piece, Proposed, Step
from eagle3_viz.views.why_tables import WORDS
from tests import golden
from tests.building import step, trace_of

K = 3
OUTSIDE = 40
ENGINE = EngineInfo(
    verifier="v",
    num_speculative_tokens=K,
    vocab_size=OUTSIDE + 1,
    draft_vocab_size=OUTSIDE,
    draft_vocabulary=packed(range(OUTSIDE)),
)


def proposed(token_id: int, *top: tuple[int, float]) -> Proposed:
    return Proposed(id=token_id, top=list(top))


def verifier(*top: tuple[int, float]) -> list[Judged]:
    return [Judged(top=list(top))]


def cause(one: Step, engine: EngineInfo = ENGINE, fed_truth: int | None = None) -> tuple[str, int | None]:
    found = rejection(one, engine, fed_truth)
    assert found
    return found.cause, found.rank


SURE = verifier((11, -0.1), (12, -3.0))


def rejected(guess: Proposed, emitted: int = 11, judged: list[Judged] = SURE) -> Step:
    return step(0, 0, [guess], [emitted], verifier=judged)


def test_each_cause() -> None:
    guess = proposed(12, (12, -0.3), (11, -1.5))
    wrong = proposed(12, (12, -0.3), (13, -1.5))
    assert cause(rejected(Proposed(id=11, origin="filler"))) == ("filler", None)
    assert cause(rejected(wrong, OUTSIDE, verifier((OUTSIDE, -0.1), (12, -3.0)))) == ("outside_vocabulary", None)
    assert cause(rejected(guess, judged=verifier((11, -0.8), (12, -1.0)))) == ("undecided", 2)
    assert cause(rejected(guess, judged=verifier((11, -0.8), (12, -1.01)))) == ("ranked_low", 2)
    assert cause(rejected(guess, 13, verifier((12, -0.4), (13, -1.3)))) == ("bad_luck", None)
    assert cause(rejected(wrong)) == ("confidently_wrong", None)


def test_what_the_head_names_when_fed_the_truth_tells_compounding() -> None:
    guesses = [proposed(12, (12, -0.1)), proposed(12, (12, -0.3), (11, -1.5))]
    later = step(0, 0, guesses, [12, 11], verifier=[*SURE, *SURE])
    assert cause(later, fed_truth=11) == ("compounding", 2)
    assert cause(later, fed_truth=12) == ("ranked_low", 2)
    assert cause(rejected(guesses[1]), fed_truth=11) == ("ranked_low", 2)  # the first guess is fed the truth anyway
    luck = step(0, 0, [guesses[0], proposed(12, (12, -0.3))], [12, 13], verifier=[*SURE, *verifier((12, -1), (13, -2))])
    assert cause(luck, fed_truth=13) == ("bad_luck", None)


def test_what_the_trace_lacks_is_not_guessed() -> None:
    guess = proposed(12, (12, -0.3), (11, -1.5))
    wrong = proposed(12, (12, -0.3), (13, -1.5))
    silent = EngineInfo(verifier="v", num_speculative_tokens=K, vocab_size=50, draft_vocab_size=40)
    assert cause(rejected(guess, judged=[])) == ("unknown", 2)
    assert cause(rejected(guess, judged=verifier((11, -0.1)))) == ("unknown", 2)
    assert cause(rejected(Proposed(id=12))) == ("unknown", None)
    assert cause(rejected(wrong), silent) == ("unknown", None)
    # A candidate of the draft's is in its vocabulary; a filler is one in any case.
    assert cause(rejected(guess), silent) == ("ranked_low", 2)
    assert cause(rejected(Proposed(id=11, origin="filler"), judged=[]), silent) == ("filler", None)


def test_what_was_accepted_or_not_proposed_has_no_cause() -> None:
    assert rejection(step(0, 0, [], [11]), ENGINE) is None
    assert rejection(step(0, 0, [11, 12], [11, 12, 13]), ENGINE) is None


GOLDEN = [
    ("greedy", 2, "ranked_low", 2, 2),
    ("greedy", 3, "outside_vocabulary", None, 1),
    ("greedy", 4, "filler", None, 2),
    ("greedy", 5, "undecided", None, 2),
    ("greedy", 6, "confidently_wrong", None, 2),
    ("sampled", 0, "bad_luck", None, 2),
    ("bare", 0, "unknown", None, 2),
]


def test_a_recording_whose_causes_were_written_by_hand() -> None:
    trace = load(golden.trace_path("why"))
    steps = [one for record in trace.requests.values() for one in record.steps]
    found = [(one, rejection(one, trace.engine)) for one in steps]
    assert [(one.request_id, one.index, it.cause, it.rank, it.lost) for one, it in found if it] == GOLDEN


def test_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--causes", "--json", str(golden.trace_path("why"))]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["mean_acceptance_length"] == 1 + 4 / 9
    assert (printed["num_rejections"], printed["perfect_acceptance_length"], printed["not_proposed_tokens"]) == (
        7,
        3,
        1,
    )
    lost = {"filler": 2, "outside_vocabulary": 1, "undecided": 2, "bad_luck": 2, "ranked_low": 2}
    for name in CAUSES:
        tokens = lost.get(name, 2)
        expected = {"count": 1, "lost_tokens": tokens, "mean_acceptance_length_without": 1 + (4 + tokens) / 9}
        assert printed["causes"][name] == expected
    assert printed["ranks"] == {"2": 1}
    kinds = {name: (group["judged"], group["count"], group["lost_tokens"]) for name, group in where(printed, "kind")}
    assert kinds == {
        "space and newline": (1, 1, 2),
        "digit": (1, 1, 2),
        "punctuation": (1, 1, 2),
        "word start": (7, 3, 5),
        "word inside": (1, 1, 2),
    }
    assert [name for name, _ in where(printed, "entropy")] == [*GROUPS["entropy"][:4], "unknown"]
    assert printed["where"]["output_position"]["0 to 15"]["judged"] == 11
    assert printed["costliest"][0] == {
        "token_id": 10,
        "text": "a",
        "first": {"request_id": "greedy", "step": 4},
        "count": 2,
        "lost_tokens": 4,
        "mean_acceptance_length_without": 1 + 8 / 9,
    }


def where(printed: dict[str, Any], facet: str) -> list[tuple[str, dict[str, Any]]]:
    return list(printed["where"][facet].items())


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--causes", str(golden.trace_path("why"))]) == 0
    out = capsys.readouterr().out
    assert "why 7 proposals failed" in out
    assert "1.44 measured + 1.56 lost = 3, every guess accepted; 1 token of that not proposed at all." in out
    assert "ranked low: 1 at rank 2" in out
    assert all(WORDS[cause][0] in out and WORDS[cause][1] in out for cause in CAUSES)
    assert "step 5 of greedy" in out


def test_a_trace_without_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace_of().save(tmp_path / "empty.jsonl")
    assert main(["stats", "--causes", str(tmp_path / "empty.jsonl")]) == 0
    assert "why 0 proposals failed" in capsys.readouterr().out
    failures = Diagnosis.of(trace_of()).failures
    assert (failures.length_without(3), failures.costliest(), failures.ordered("kind")) == (None, [], [])


tops = st.lists(st.tuples(st.integers(0, OUTSIDE), st.none() | st.floats(-9, 0)), max_size=4)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A step of any outcome, with whatever the source knew."""
    guesses = [Proposed(id=it, top=draw(tops)) for it in draw(st.lists(st.integers(0, OUTSIDE - 1), max_size=K))]
    if draw(st.booleans()):
        guesses = [Proposed(id=guess.id, origin="filler") for guess in guesses]
    accepted = draw(st.integers(0, len(guesses)))
    last = draw(st.integers(0, OUTSIDE))
    emitted = [*(guess.id for guess in guesses[:accepted]), last]
    rows = [Judged(top=draw(tops), entropy=draw(st.none() | st.floats(0, 9))) for _ in emitted]
    return step(0, 0, guesses, emitted, verifier=rows[: draw(st.integers(0, len(rows)))])


@given(
    st.lists(steps()),
    st.sampled_from([ENGINE, EngineInfo(verifier="v", num_speculative_tokens=K)]),
    st.none() | st.dictionaries(st.tuples(st.just("r"), st.integers(0, K)), st.integers(0, OUTSIDE)),
)
def test_causes_partition_the_rejections_and_their_costs_are_the_gap(
    drawn: list[Step], engine: EngineInfo, fed_truth: dict[tuple[str, int], int] | None
) -> None:
    events = trace_of().events
    diagnosis = Diagnosis(fed_truth)
    for event in events:
        diagnosis.take(event)
    diagnosis.engine = engine
    for one in drawn:
        diagnosis.take(one)
    failures = diagnosis.failures
    rejections = [one for one in drawn if one.num_accepted < len(one.proposed)]
    assert failures.num_rejections == len(rejections)
    lost = [cost.lost for cost in failures.causes.values()]
    gap = sum(K - one.num_accepted for one in drawn if one.proposed)
    assert sum(lost) + failures.not_proposed(K) == gap
    for facet in GROUPS:
        groups = failures.groups[facet]
        assert set(groups) <= set(GROUPS[facet])
        assert sum(group.cost.lost for group in groups.values()) == sum(lost)
        assert sum(group.cost.count for group in groups.values()) == len(rejections)
        assert sum(group.judged for group in groups.values()) == sum(
            min(len(s.emitted), len(s.proposed)) for s in drawn
        )
    assert sum(token.cost.lost for token in failures.tokens.values()) == sum(lost)
    mean = failures.length_without(0)
    if mean is not None:
        parts = [(failures.length_without(tokens) or 0) - mean for tokens in [*lost, failures.not_proposed(K)]]
        assert math.isclose(mean + sum(parts), K + 1)


PIECES = ["The", " cat", "s", " ", "```", "x", " = ", "3", "```", "\n", "It", "’s", " 3rd", " 42", "!", "\u00a0"]
KINDS = [
    "word start", "word start", "word inside", "space and newline", "punctuation", "code", "code", "code", "code",
    "space and newline", "word start", "word start", "word start", "digit", "punctuation", "punctuation",
]  # fmt: skip


def test_kinds_of_tokens() -> None:
    reading = Reading()
    kinds = []
    for position, piece in enumerate(PIECES):
        kinds.append(reading.kind(piece, position))
        reading.read(piece)
    assert kinds == KINDS


def test_kinds_that_do_not_depend_on_text() -> None:
    reading = Reading(has_image=True)
    assert reading.kind("a", NEAR_IMAGE - 1) == "near image"
    assert reading.kind("a", NEAR_IMAGE) == "word start"
    assert reading.kind(Piece(special="</s>"), 0) == "special"
    assert reading.kind(None, 0) == "unknown"
    assert Reading().kind(Piece(bytes=b"\xf0"), 0) == "part of a character"


def test_a_fence_may_come_in_parts() -> None:
    reading = Reading()
    for piece in ("``", "`py", "x"):
        reading.read(piece)
    assert reading.kind("y", 0) == "code"
