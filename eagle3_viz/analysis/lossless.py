"""Whether speculation changed what was written, and where it did, whether that was a tie or a bug.

At temperature 0 both engines should write the same. They compute it in batches of different shapes, though, and where
the verifier holds two tokens for equally likely, rounding decides.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from eagle3_viz.analysis.measured import Measured

Value = TypeVar("Value")
TIE = 0.01  # difference of log-probabilities that rounding in 32 bits, or a kernel's order of adding, explains


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is not the same.

    Attributes:
        position: the first output position that differs.
        with_speculation, without: the token there; None where the answer had ended.
        margin_with_speculation, margin_without: how much likelier each engine held its first choice than its second.
        tie: whether both margins are small enough for rounding to have decided; None where one is unknown.
    """

    prompt_id: str
    turn: int
    position: int
    with_speculation: int | None
    without: int | None
    margin_with_speculation: float | None
    margin_without: float | None
    tie: bool | None


class Lossless(msgspec.Struct, frozen=True, kw_only=True):
    """How many answers were compared, how many are equal, and the others."""

    num_compared: int
    num_equal: int
    differences: list[Difference]


def lossless(ours: Sequence[Measured], plain: Sequence[Measured], again: Sequence[Measured] = ()) -> Lossless:
    """Compare answers with speculation to those without; `again`: the latter once more, with margins."""
    theirs = {(answer.prompt_id, answer.turn): answer for answer in plain}
    repeated = {place(answer): answer for answer in again if as_before(answer, again, theirs)}
    pairs = [(answer, theirs[place(answer)]) for answer in ours if place(answer) in theirs]
    parted: dict[str, int] = {}  # the turn in which a conversation first differs: what follows answers something else
    for one, other in pairs:
        if one.output_token_ids != other.output_token_ids:
            parted[one.prompt_id] = min(one.turn, parted.get(one.prompt_id, one.turn))
    compared = [pair for pair in pairs if pair[0].turn <= parted.get(pair[0].prompt_id, pair[0].turn)]
    differing = [(one, other) for one, other in compared if one.turn == parted.get(one.prompt_id)]
    return Lossless(
        num_compared=len(compared),
        num_equal=len(compared) - len(differing),
        differences=[difference(one, other, repeated.get(place(one), other)) for one, other in differing],
    )


def as_before(answer: Measured, again: Sequence[Measured], first: Mapping[tuple[str, int], Measured]) -> bool:
    """Whether a repeated answer stands behind the same turns as the first time."""
    before = [one for one in again if one.prompt_id == answer.prompt_id and one.turn < answer.turn]
    return all(one.output_token_ids == first[place(one)].output_token_ids for one in before if place(one) in first)


def place(answer: Measured) -> tuple[str, int]:
    """Which question an answer belongs to."""
    return answer.prompt_id, answer.turn


def difference(ours: Measured, plain: Measured, repeated: Measured) -> Difference:
    """Where two answers part; the margin without speculation is of `repeated`, if it is the same up to there."""
    one, other = ours.output_token_ids, plain.output_token_ids
    position = first_difference(one, other)
    same = repeated.output_token_ids[:position] == other[:position]
    margins = (at(ours.margins, position), at(repeated.margins, position) if same else None)
    return Difference(
        prompt_id=ours.prompt_id,
        turn=ours.turn,
        position=position,
        with_speculation=at(one, position),
        without=at(other, position),
        margin_with_speculation=margins[0],
        margin_without=margins[1],
        tie=None if margins[0] is None or margins[1] is None else max(margins[0], margins[1]) < TIE,
    )


def first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    """The first position at which two sequences differ; the shorter one's length where it begins the other."""
    same = zip(one, other, strict=False)
    return next((place for place, (ours, theirs) in enumerate(same) if ours != theirs), min(len(one), len(other)))


def at(values: Sequence[Value], position: int) -> Value | None:
    """The value there, None behind the end."""
    return values[position] if position < len(values) else None
