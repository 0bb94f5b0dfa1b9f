"""Where the time of a measurement went, and what speculation was worth. Times are milliseconds, rates per second."""

from collections.abc import Iterable, Sequence

import msgspec

from eagle3_viz.analysis.measured import Measured, StepNumbers


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Time of the engine's steps and of the whole; None where nobody measured it.

    Attributes:
        draft_ms, verify_ms, step_ms: mean of an engine step in which a proposal was judged.
        between_steps_ms: from one step of an answer to its next, mean.
        elapsed_s: while answers were being made.
        tokens_per_second: tokens of all answers / elapsed.
    """

    draft_ms: float | None
    verify_ms: float | None
    step_ms: float | None
    between_steps_ms: float | None
    elapsed_s: float | None
    tokens_per_second: float | None


def times(answers: Sequence[Measured], elapsed_s: float | None) -> Times:
    """The times of these answers, which took `elapsed_s` seconds together."""
    judged = [step for answer in answers for step in answer.steps if step.num_proposed]
    num_tokens = sum(len(answer.output_token_ids) for answer in answers)
    return Times(
        draft_ms=per_engine_step((step.draft_ms, step) for step in judged),
        verify_ms=per_engine_step((step.verify_ms, step) for step in judged),
        step_ms=per_engine_step((step.step_ms, step) for step in judged),
        between_steps_ms=between_steps(answers),
        elapsed_s=elapsed_s,
        tokens_per_second=num_tokens / elapsed_s if elapsed_s else None,
    )


def per_engine_step(values: Iterable[tuple[float | None, StepNumbers]]) -> float | None:
    """The mean over engine steps. Each request of a step tells of it, so it counts for one of `batch_size`."""
    known = [(value, 1 / step.batch_size) for value, step in values if value is not None]
    weight = sum(share for _, share in known)
    return sum(value * share for value, share in known) / weight if known else None


def between_steps(answers: Iterable[Measured]) -> float | None:
    """The mean time from one step of an answer to its next."""
    pairs = [(answer.elapsed_ms, len(answer.steps) - 1) for answer in answers if len(answer.steps) > 1]
    gaps = sum(number for _, number in pairs)
    return sum(elapsed for elapsed, _ in pairs) / gaps if gaps else None


class SpeedUp(msgspec.Struct, frozen=True, kw_only=True):
    """What speculation was worth.

    Attributes:
        measured: tokens per second with it / without it, in the same invocation.
        theoretical: mean acceptance length x time from step to step without speculation / with it.
        at_most: mean acceptance length x verify / (draft + verify), as if a pass over K + 1 tokens cost what one over a
            single token does.
    """

    measured: float | None
    theoretical: float | None
    at_most: float | None


def speed_up(ours: Times, plain: Times | None, mean_acceptance_length: float | None) -> SpeedUp:
    """The speed-up of a measurement over one without speculation; `plain` is None where none was made."""
    step = None if ours.draft_ms is None or ours.verify_ms is None else ours.draft_ms + ours.verify_ms
    without = plain.between_steps_ms if plain else None
    return SpeedUp(
        measured=quotient(ours.tokens_per_second, plain.tokens_per_second if plain else None),
        theoretical=quotient(product(mean_acceptance_length, without), ours.between_steps_ms),
        at_most=quotient(product(mean_acceptance_length, ours.verify_ms), step),
    )


def quotient(part: float | None, whole: float | None) -> float | None:
    """part / whole; None where one is unknown, or the whole is 0."""
    return None if part is None or not whole else part / whole


def product(one: float | None, other: float | None) -> float | None:
    """one x other; None where one is unknown."""
    return None if one is None or other is None else one * other
