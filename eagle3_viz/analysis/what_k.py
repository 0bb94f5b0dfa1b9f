"""What another K would have given: estimated from a measurement for every smaller one, or measured for several."""

from collections.abc import Sequence

import msgspec

from eagle3_viz.analysis.acceptance import position_rates, rates
from eagle3_viz.analysis.measured import Measured, StepNumbers, tally
from eagle3_viz.analysis.timing import Times


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a smaller K is expected to give.

    An estimate: with a smaller K the proposals would begin at other places, and a head's first position is known to be
    accepted more or less often at another K.

    Attributes:
        mean_acceptance_length: of the same drafts, each cut to K tokens.
        step_ms: drafting takes a share of its time for each token; verifying as long as it does at the K measured.
        tokens_per_second: of one request, from the two.
        speed_up: over a measurement without speculation; None where none was made.
    """

    num_speculative_tokens: int
    mean_acceptance_length: float | None
    acceptance_at_token: list[float | None]
    step_ms: float | None
    tokens_per_second: float | None
    speed_up: float | None
    estimated: bool = True


def estimates(answers: Sequence[Measured], k: int, times: Times, plain: Times | None = None) -> list[Estimate]:
    """The estimate for each K from 1 to `k`, at which the answers were made; the last one is what was measured."""
    steps = [step for answer in answers for step in answer.steps]
    return [estimate(steps, smaller, k, times, plain) for smaller in range(1, k + 1)]


def estimate(steps: Sequence[StepNumbers], smaller: int, k: int, times: Times, plain: Times | None) -> Estimate:
    """The estimate for one K."""
    counters = tally(shortened(step, smaller) for step in steps).counters(smaller)
    length = rates(counters).mean_acceptance_length
    known = times.draft_ms is not None and times.verify_ms is not None
    step_ms = (times.draft_ms or 0) * smaller / k + (times.verify_ms or 0) if known else None
    pace = 1000 * length / step_ms if length and step_ms else None
    between = plain.between_steps_ms if plain else None
    return Estimate(
        num_speculative_tokens=smaller,
        mean_acceptance_length=length,
        acceptance_at_token=[rate.rate_per_draft for rate in position_rates(counters)],
        step_ms=step_ms,
        tokens_per_second=pace,
        speed_up=pace * between / 1000 if pace and between else None,
        estimated=smaller < k,
    )


def shortened(step: StepNumbers, k: int) -> StepNumbers:
    """The step as if only its first `k` tokens had been proposed."""
    return msgspec.structs.replace(step, num_proposed=min(step.num_proposed, k), num_accepted=min(step.num_accepted, k))


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement at one K."""

    num_speculative_tokens: int
    mean_acceptance_length: float | None
    acceptance_at_token: list[float | None]
    draft_ms: float | None
    verify_ms: float | None
    tokens_per_second: float | None


def fastest(swept: Sequence[Swept]) -> int | None:
    """The K that wrote most tokens a second; None where nobody measured."""
    timed = [(one.tokens_per_second, one.num_speculative_tokens) for one in swept if one.tokens_per_second]
    return max(timed)[1] if timed else None
