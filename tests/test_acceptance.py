"""The arithmetic of acceptance."""

import json
import re
from pathlib import Path

import pytest

from eagle3_viz.analysis import published
from eagle3_viz.analysis.acceptance import mean_length, mean_length_of_requests, rates
from eagle3_viz.analysis.steps import EmittedToken, ProposedToken, emitted_tokens, proposed_tokens
from eagle3_viz.counting import Tally
from eagle3_viz.events import Counters, Proposed, Step
from tests.building import step


def counters(drafts: int, draft_tokens: int, accepted: int, per_pos: list[int]) -> Counters:
    return Counters(
        num_drafts=drafts,
        num_draft_tokens=draft_tokens,
        num_accepted_tokens=accepted,
        num_accepted_tokens_per_pos=per_pos,
    )


def test_both_denominators() -> None:
    result = rates(counters(5, 15, 7, [4, 2, 1]))
    assert result.rate_per_draft == [0.8, 0.4, 0.2]
    assert result.rate_given_prefix == [0.8, 0.5, 0.5]
    assert result.mean_acceptance_length == 1 + 7 / 5


def test_nothing_drafted_has_no_rate() -> None:
    result = rates(counters(0, 0, 0, [0, 0]))
    assert result.rate_per_draft == [None, None]
    assert result.rate_given_prefix == [None, None]
    assert result.mean_acceptance_length is None


def test_a_position_that_was_never_reached_has_no_conditional_rate() -> None:
    result = rates(counters(4, 12, 0, [0, 0, 0]))
    assert result.rate_per_draft == [0.0, 0.0, 0.0]
    assert result.rate_given_prefix == [0.0, None, None]
    assert result.mean_acceptance_length == 1.0


def test_published_counts_of_the_reference() -> None:
    """The mean and the rates that are printed with the text counts agree with each other, and not with the counts."""
    text, images = published.TEXT, published.IMAGES
    assert (text.num_draft_tokens, images.num_draft_tokens) == (3 * 90_393, 3 * 85_369)
    assert text.length_from_counts == pytest.approx(1 + 136_677 / 90_393)
    assert f"{text.length_from_counts:.2f}" == "2.51"
    assert f"{text.length_from_rates:.2f}" == "2.53" == f"{text.mean_acceptance_length:.2f}"
    assert text.agrees is False
    assert f"{images.length_from_counts:.2f}" == "2.12" == f"{images.mean_acceptance_length:.2f}"
    assert f"{images.length_from_rates:.2f}" == "2.13"
    assert images.agrees is True
    assert published.RUNS[2].agrees is None


def test_the_page_shows_the_same_published_rates() -> None:
    script = (Path(__file__).parents[1] / "assets" / "reference.js").read_text(encoding="utf-8")
    found = [json.loads(rates) for rates in re.findall(r"perPosition: (\[.*?\])", script)]
    assert found == [list(run.per_position) for run in published.RUNS]


def test_means_of_drafts_and_of_requests() -> None:
    tallies = [Tally(num_drafts=9, num_accepted_tokens=18), Tally(num_drafts=1), Tally()]
    assert mean_length(tallies) == 1 + 18 / 10
    assert mean_length_of_requests(tallies) == (3 + 1) / 2
    assert mean_length([]) is None
    assert mean_length([Tally()]) is None
    assert mean_length_of_requests([Tally()]) is None


FILLER = [Proposed(id=-1, origin="filler")] * 2


@pytest.mark.parametrize(
    ("one", "proposed", "emitted"),
    [
        (step(0, 0, [], [10]), [], ["unspeculated"]),
        (step(0, 0, [11, 12], [10]), ["rejected", "discarded"], ["correction"]),
        (step(0, 0, [11, 12], [11, 10]), ["accepted", "rejected"], ["accepted", "correction"]),
        (step(0, 0, [11, 12], [11, 12, 10]), ["accepted", "accepted"], ["accepted", "accepted", "bonus"]),
        (step(0, 0, FILLER, [10]), ["rejected", "discarded"], ["correction"]),
    ],
)
def test_verdicts(one: Step, proposed: list[str], emitted: list[str]) -> None:
    assert [token.verdict for token in proposed_tokens(one)] == proposed
    assert [token.verdict for token in emitted_tokens(one)] == emitted


def test_cut_tokens_keep_their_verdict() -> None:
    assert emitted_tokens(step(0, 0, [11], [11, 12], num_cut=1)) == [
        EmittedToken(11, 0, "accepted"),
        EmittedToken(12, 1, "bonus", cut=True),
    ]


def test_a_filler_is_marked() -> None:
    assert proposed_tokens(step(0, 0, FILLER[:1], [10])) == [ProposedToken(-1, 0, "rejected", filler=True)]
