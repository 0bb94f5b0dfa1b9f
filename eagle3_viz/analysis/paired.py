"""Two measurements of the same prompts beside each other: how far apart they are, how sure that is, and where."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from eagle3_viz.analysis.acceptance import mean_length, mean_length_of_requests
from eagle3_viz.analysis.intervals import Interval, bootstrap
from eagle3_viz.analysis.lossless import first_difference
from eagle3_viz.analysis.measured import Measured
from eagle3_viz.counting import Tally

Pair = tuple[Measured, Measured]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A mean acceptance length on both sides, and the paired difference with its 95 % bootstrap interval."""

    name: str
    num_pairs: int
    a: float | None
    b: float | None
    difference: float | None
    interval: Interval | None = None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt, and its mean acceptance length on both sides."""

    prompt_id: str
    turn: int
    category: str | None
    prompt: str
    a: float
    b: float
    difference: float


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """An output position that one head proposed rightly and the other wrongly."""

    prompt_id: str
    turn: int
    position: int
    token_id: int
    right: str  # "a" or "b"


class Greedy(msgspec.Struct, frozen=True, kw_only=True):
    """Two greedy runs of one verifier, position by position, as far as their answers are the same.

    A position counts where both heads proposed something that was judged there.

    Attributes:
        num_different: answers that are not the same to their end.
        spots: where only one was right.
    """

    num_different: int
    both_right: int
    only_a: int
    only_b: int
    both_wrong: int
    spots: list[Spot]


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison.

    Attributes:
        only_in_a, only_in_b: answers without a counterpart; they are left out.
        pooled: over all drafts.
        per_request: over the requests' own means.
        categories, prompts: those that moved most come first.
        greedy: None where the runs are not greedy or not of one verifier.
    """

    num_pairs: int
    only_in_a: int
    only_in_b: int
    pooled: Gap
    per_request: Gap
    categories: list[Gap]
    prompts: list[Moved]
    greedy: Greedy | None = None


def paired(a: Sequence[Measured], b: Sequence[Measured], *, greedy: bool) -> Paired:
    """Compare two lists of answers; `greedy`: both are greedy answers of one verifier."""
    pairs = match(a, b)
    return Paired(
        num_pairs=len(pairs),
        only_in_a=len(a) - len(pairs),
        only_in_b=len(b) - len(pairs),
        pooled=gap("all drafts", pairs, mean_length),
        per_request=gap("each request's own", pairs, mean_length_of_requests),
        categories=by_category(pairs),
        prompts=sorted(moves(pairs), key=lambda moved: -abs(moved.difference)),
        greedy=position_by_position(pairs) if greedy else None,
    )


def match(a: Sequence[Measured], b: Sequence[Measured]) -> list[Pair]:
    """The answers to the same questions; where one was asked several times, in order."""
    waiting = defaultdict(list)
    for answer in reversed(b):
        waiting[answer.identity].append(answer)
    return [(answer, waiting[answer.identity].pop()) for answer in a if waiting[answer.identity]]


def gap(name: str, pairs: Sequence[Pair], statistic: Callable[[Iterable[Tally]], float | None]) -> Gap:
    """A statistic on both sides, and its difference; prompts are what is drawn again."""
    tallies = [(one.tally, other.tally) for one, other in pairs]
    side_a, side_b = (statistic([pair[side] for pair in tallies]) for side in (0, 1))

    def difference(drawn: Sequence[tuple[Tally, Tally]]) -> float | None:
        return minus(statistic([pair[1] for pair in drawn]), statistic([pair[0] for pair in drawn]))

    return Gap(
        name=name,
        num_pairs=len(pairs),
        a=side_a,
        b=side_b,
        difference=minus(side_b, side_a),
        interval=bootstrap(tallies, difference),
    )


def minus(one: float | None, other: float | None) -> float | None:
    """one - other; None where one is unknown."""
    return None if one is None or other is None else one - other


def by_category(pairs: Sequence[Pair]) -> list[Gap]:
    """The gap of each category, the widest first."""
    found = defaultdict(list)
    for pair in pairs:
        if pair[0].category is not None:
            found[pair[0].category].append(pair)
    gaps = [gap(name, members, mean_length) for name, members in found.items()]
    return sorted(gaps, key=lambda one: -abs(one.difference or 0))


def moves(pairs: Iterable[Pair]) -> Iterable[Moved]:
    """Each prompt's means; those without a draft on one side are left out."""
    for one, other in pairs:
        a, b = mean_length([one.tally]), mean_length([other.tally])
        if a is not None and b is not None:
            yield Moved(
                prompt_id=one.prompt_id,
                turn=one.turn,
                category=one.category,
                prompt=one.prompt,
                a=a,
                b=b,
                difference=b - a,
            )


def position_by_position(pairs: Sequence[Pair]) -> Greedy:
    """Which head was right where."""
    spots = []
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for one, other in pairs:
        same = first_difference(one.output_token_ids, other.output_token_ids)
        ours, theirs = judged(one), judged(other)
        for position in sorted(ours.keys() & theirs.keys()):
            if position >= same:
                break
            outcome = (ours[position], theirs[position])
            counts[outcome] += 1
            if ours[position] != theirs[position]:
                spots.append(spot(one, position, "a" if ours[position] else "b"))
    return Greedy(
        num_different=sum(one.output_token_ids != other.output_token_ids for one, other in pairs),
        both_right=counts[True, True],
        only_a=counts[True, False],
        only_b=counts[False, True],
        both_wrong=counts[False, False],
        spots=spots,
    )


def spot(answer: Measured, position: int, right: str) -> Spot:
    """The spot at a position of an answer."""
    return Spot(
        prompt_id=answer.prompt_id,
        turn=answer.turn,
        position=position,
        token_id=answer.output_token_ids[position],
        right=right,
    )


def judged(answer: Measured) -> dict[int, bool]:
    """Whether the proposal was right, by output position, where one was judged."""
    found = {}
    for step in answer.steps:
        for offset in range(step.num_accepted):
            found[step.output_start + offset] = True
        if step.rejected:
            found[step.output_start + step.num_accepted] = False
    return found
