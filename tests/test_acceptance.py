"""The arithmetic of acceptance."""

import pytest

from eagle3_viz.analysis.acceptance import rates
from eagle3_viz.analysis.steps import EmittedToken, ProposedToken, emitted_tokens, proposed_tokens
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


@pytest.mark.parametrize(
    ("drafts", "draft_tokens", "accepted", "length"),
    [(90_393, 271_179, 136_677, 2.51), (85_369, 256_107, 95_711, 2.12)],
    ids=["text", "image"],
)
def test_published_counts_of_the_reference(drafts: int, draft_tokens: int, accepted: int, length: float) -> None:
    """The mean printed with the text counts is 2.53: it does not come from them."""
    result = rates(counters(drafts, draft_tokens, accepted, []))
    assert draft_tokens == 3 * drafts
    assert result.mean_acceptance_length is not None
    assert round(result.mean_acceptance_length, 2) == length


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
