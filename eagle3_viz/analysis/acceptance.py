"""The only arithmetic of acceptance: from counts to rates, each with its denominator in its name."""

from dataclasses import dataclass

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
