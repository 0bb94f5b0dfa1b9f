"""Counting in vLLM's terms."""

from eagle3_viz.counting import Tally
from eagle3_viz.events import Counters, Proposed
from tests.building import step

STEPS = [
    step(0, 0, [], [10]),
    step(1, 1, [11, 12, 13], [11, 12, 13, 14]),
    step(2, 5, [11, 12, 13], [11, 14]),
    step(3, 7, [11, 12, 13], [14]),
    step(4, 8, [11, 12], [11, 12, 13], num_cut=2),
]


def test_counts() -> None:
    assert Tally.of(STEPS).counters(3) == Counters(
        num_drafts=4, num_draft_tokens=11, num_accepted_tokens=6, num_accepted_tokens_per_pos=[3, 2, 1]
    )


def test_nothing_judged_is_no_draft() -> None:
    assert Tally.of(STEPS[:1]).counters(2) == Counters(
        num_drafts=0, num_draft_tokens=0, num_accepted_tokens=0, num_accepted_tokens_per_pos=[0, 0]
    )


def test_positions_that_were_never_proposed_are_there() -> None:
    assert Tally.of(STEPS[4:]).counters(4).num_accepted_tokens_per_pos == [1, 1, 0, 0]


def test_a_filler_counts_like_any_other_proposal() -> None:
    filler = [Proposed(id=-1, origin="filler")] * 3
    assert Tally.of([step(0, 0, filler, [10])]).counters(3).num_draft_tokens == 3


def test_counters_are_not_touched_by_what_comes_after() -> None:
    tally = Tally.of(STEPS[:2])
    before = tally.counters(3)
    tally.add(STEPS[2])
    assert before.num_accepted_tokens_per_pos == [1, 1, 1]
