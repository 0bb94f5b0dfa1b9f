"""The only arithmetic of acceptance: from counts to rates, each with its denominator in its name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from eagle3_viz.analysis.intervals import Interval, bootstrap, wilson
from eagle3_viz.counting import Tally
from eagle3_viz.events import Counters


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Counts, and what they give. A rate is None where its denominator is 0.

    Attributes:
        num_drafts: steps in which a proposal was judged.
        num_draft_tokens: tokens proposed in them.
        num_accepted_tokens: proposed tokens that were accepted, cut ones included.
        num_accepted_tokens_per_pos: the same by position in the proposal, K entries.
        rate_per_draft: accepted at position i / all drafts; vLLM's "per-position acceptance".
        rate_given_prefix: accepted at position i / accepted at position i - 1 (all drafts for the first).
        mean_acceptance_length: 1 + accepted / drafts; the 1 is the correction or bonus token of each step.
    """

    num_drafts: int
    num_draft_tokens: int
    num_accepted_tokens: int
    num_accepted_tokens_per_pos: list[int]
    rate_per_draft: list[float | None]
    rate_given_prefix: list[float | None]
    mean_acceptance_length: float | None


def ratio(part: int, whole: int) -> float | None:
    """part / whole, None where whole is 0."""
    return part / whole if whole else None


def rates(counters: Counters) -> Rates:
    """The rates that the counts give."""
    drafts, per_pos = counters.num_drafts, counters.num_accepted_tokens_per_pos
    per_draft = ratio(counters.num_accepted_tokens, drafts)
    return Rates(
        num_drafts=drafts,
        num_draft_tokens=counters.num_draft_tokens,
        num_accepted_tokens=counters.num_accepted_tokens,
        num_accepted_tokens_per_pos=list(per_pos),
        rate_per_draft=[ratio(count, drafts) for count in per_pos],
        rate_given_prefix=[ratio(*pair) for pair in zip(per_pos, [drafts, *per_pos], strict=False)],
        mean_acceptance_length=None if per_draft is None else 1 + per_draft,
    )


class PositionRate(msgspec.Struct, frozen=True, kw_only=True):
    """Acceptance at one position of the proposal, over both denominators.

    Attributes:
        position: from 0.
        accepted: proposals accepted here.
        drafts: all drafts.
        reached: drafts whose tokens before this one were all accepted.
        rate_per_draft: accepted / drafts, and its Wilson interval.
        rate_given_prefix: accepted / reached, and its Wilson interval.
    """

    position: int
    accepted: int
    drafts: int
    reached: int
    rate_per_draft: float | None
    rate_per_draft_interval: Interval | None
    rate_given_prefix: float | None
    rate_given_prefix_interval: Interval | None


def position_rates(counters: Counters) -> list[PositionRate]:
    """The rates of each position with their intervals."""
    given = rates(counters)
    drafts, per_pos = counters.num_drafts, counters.num_accepted_tokens_per_pos
    return [
        PositionRate(
            position=position,
            accepted=accepted,
            drafts=drafts,
            reached=reached,
            rate_per_draft=given.rate_per_draft[position],
            rate_per_draft_interval=wilson(accepted, drafts),
            rate_given_prefix=given.rate_given_prefix[position],
            rate_given_prefix_interval=wilson(accepted, reached),
        )
        for position, (accepted, reached) in enumerate(zip(per_pos, [drafts, *per_pos], strict=False))
    ]


def mean_length(tallies: Iterable[Tally]) -> float | None:
    """1 + accepted / drafts over all of them pooled: a request counts as often as it has drafts."""
    pairs = [(tally.num_accepted_tokens, tally.num_drafts) for tally in tallies]
    accepted, drafts = (sum(column) for column in zip(*pairs, strict=True)) if pairs else (0, 0)
    return 1 + accepted / drafts if drafts else None


def mean_length_of_requests(tallies: Iterable[Tally]) -> float | None:
    """The mean over requests of each one's own 1 + accepted / drafts; those without drafts are left out."""
    return mean([length for tally in tallies if (length := mean_length([tally])) is not None])


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None of nothing."""
    return sum(values) / len(values) if values else None


class MeanLength(msgspec.Struct, frozen=True, kw_only=True):
    """The mean acceptance length, both ways, with bootstrap intervals over whole requests.

    Drafts of one request resemble each other, so requests are what is drawn again, not drafts.
    """

    token_weighted: float | None
    token_weighted_interval: Interval | None
    request_weighted: float | None
    request_weighted_interval: Interval | None


def mean_lengths(tallies: Sequence[Tally]) -> MeanLength:
    """The means over requests, one tally each."""
    return MeanLength(
        token_weighted=mean_length(tallies),
        token_weighted_interval=bootstrap(tallies, mean_length),
        request_weighted=mean_length_of_requests(tallies),
        request_weighted_interval=bootstrap(tallies, mean_length_of_requests),
    )


def length_from_rates(rate_per_draft: Sequence[float]) -> float:
    """The mean acceptance length that the rates of all positions give: 1 + their sum."""
    return 1 + sum(rate_per_draft)
