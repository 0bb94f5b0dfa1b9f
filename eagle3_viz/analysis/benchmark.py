"""What a benchmark's answers come to, under the names that vLLM's own tooling and published model cards use."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import msgspec

from eagle3_viz.analysis.acceptance import MeanLength, PositionRate, mean_lengths, position_rates, rates
from eagle3_viz.analysis.measured import Measured, StepNumbers, tally
from eagle3_viz.analysis.timing import Times, times
from eagle3_viz.events import Counters

FIRST_EDGE = 32  # tokens; every further edge is twice the one before
FIRST_CONTEXT_EDGE = 128


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The block that model cards print."""

    total_num_output_tokens: int
    num_drafts: int
    num_draft_tokens: int
    num_accepted_tokens: int
    mean_acceptance_length: float | None
    acceptance_at_token: list[float | None]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the drafts: how many prompts they come from, their counts, and what those give."""

    name: str
    num_prompts: int
    counters: Counters
    mean_acceptance_length: float | None
    positions: list[PositionRate]


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """How many answers' counts were compared with the engine's own."""

    equal: int
    different: int
    unverified: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said of one measurement.

    Attributes:
        lengths: mean acceptance length, both weightings.
        by_category: in the order in which the dataset names them; empty without categories.
        by_output_position: of the drafts that begin in a stretch of the answer.
        by_context_length: of the drafts whose prompt and answer so far have this many tokens.
        by_input: text against image; one group where there is only one kind.
        histogram: drafts by the number of their tokens that were accepted, from 0 to K.
    """

    num_prompts: int
    num_answers: int
    summary: Summary
    positions: list[PositionRate]
    lengths: MeanLength
    by_category: list[Group]
    by_output_position: list[Group]
    by_context_length: list[Group]
    by_input: list[Group]
    histogram: list[int]
    times: Times
    verified: Verified


def report(answers: Sequence[Measured], k: int, elapsed_s: float | None = None) -> Report:
    """The report on answers that were made with K = `k` in `elapsed_s` seconds."""
    steps = [step for answer in answers for step in answer.steps]
    counters = tally(steps).counters(k)
    verdicts = [answer.verified for answer in answers]
    return Report(
        num_prompts=len({answer.prompt_id for answer in answers}),
        num_answers=len(answers),
        summary=summary(counters, sum(len(answer.output_token_ids) for answer in answers)),
        positions=position_rates(counters),
        lengths=mean_lengths([answer.tally for answer in answers]),
        by_category=by_answer(answers, k, lambda answer: answer.category),
        by_output_position=by_step(answers, k, lambda _, step: step.output_start, FIRST_EDGE),
        by_context_length=by_step(
            answers, k, lambda answer, step: answer.num_context_tokens + step.output_start, FIRST_CONTEXT_EDGE
        ),
        by_input=by_answer(answers, k, lambda answer: "image" if answer.images else "text"),
        histogram=[sum(step.num_accepted == length for step in steps if step.num_proposed) for length in range(k + 1)],
        times=times(answers, elapsed_s),
        verified=Verified(equal=verdicts.count(True), different=verdicts.count(False), unverified=verdicts.count(None)),
    )


def summary_of(answers: Sequence[Measured], k: int) -> Summary:
    """The block of these answers."""
    counters = tally(step for answer in answers for step in answer.steps).counters(k)
    return summary(counters, sum(len(answer.output_token_ids) for answer in answers))


def summary(counters: Counters, num_output_tokens: int) -> Summary:
    """The block that these counts give."""
    given = rates(counters)
    return Summary(
        total_num_output_tokens=num_output_tokens,
        num_drafts=counters.num_drafts,
        num_draft_tokens=counters.num_draft_tokens,
        num_accepted_tokens=counters.num_accepted_tokens,
        mean_acceptance_length=given.mean_acceptance_length,
        acceptance_at_token=given.rate_per_draft,
    )


def group(name: str, k: int, found: Iterable[tuple[Measured, StepNumbers]]) -> Group:
    """The group of these steps."""
    pairs = list(found)
    counters = tally(step for _, step in pairs).counters(k)
    return Group(
        name=name,
        num_prompts=len({answer.prompt_id for answer, _ in pairs}),
        counters=counters,
        mean_acceptance_length=rates(counters).mean_acceptance_length,
        positions=position_rates(counters),
    )


def by_answer(answers: Sequence[Measured], k: int, name: Callable[[Measured], str | None]) -> list[Group]:
    """The drafts by something of their answer, in the order in which it first appears."""
    names = dict.fromkeys(found for answer in answers if (found := name(answer)) is not None)
    return [
        group(found, k, ((answer, step) for answer in answers if name(answer) == found for step in answer.steps))
        for found in names
    ]


def by_step(
    answers: Sequence[Measured], k: int, place: Callable[[Measured, StepNumbers], int], first_edge: int
) -> list[Group]:
    """The drafts by a number of tokens, in stretches of which each ends at twice the number of the one before."""
    drafts = ((answer, step) for answer in answers for step in answer.steps if step.num_proposed)
    placed = sorted(((stretch(place(*pair), first_edge), pair) for pair in drafts), key=lambda entry: entry[0])
    return [
        group(f"{low} to {high - 1}", k, (pair for _, pair in found))
        for (low, high), found in groupby(placed, key=lambda entry: entry[0])
    ]


def stretch(number: int, first_edge: int) -> tuple[int, int]:
    """The stretch that a number falls into: its first, and the one behind its last."""
    low, high = 0, first_edge
    while number >= high:
        low, high = high, 2 * high
    return low, high
