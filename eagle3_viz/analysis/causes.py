"""Why a proposal was rejected: one cause for every rejection, from the trace alone. `causes.js` is its twin.

The causes are tried in their order, and the first that holds is the cause. Where the trace lacks what a cause needs to
be told, the rest is not tried: the cause is unknown, never guessed. One more, compounding, takes what no trace has: the
head's guesses when it is fed the true text (`inspect-head --trace`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from eagle3_viz import draft_vocabulary
from eagle3_viz.events import EngineInfo, Judged, Proposed, Step, TopEntry

Cause = Literal[
    "filler", "outside_vocabulary", "undecided", "bad_luck", "compounding", "ranked_low", "confidently_wrong", "unknown"
]  # fmt: skip
ALL_CAUSES: tuple[Cause, ...] = get_args(Cause)
CAUSES = tuple(cause for cause in ALL_CAUSES if cause != "compounding")  # what a trace alone can tell
UNDECIDED_NATS = 0.2  # between the verifier's first and second choice: the second at least 82 % as likely
NOTHING = Judged()


@dataclass(frozen=True, slots=True)
class Rejection:
    """The rejection of a step.

    Attributes:
        position: of the rejected token in the proposal, from 0.
        token_id: what the verifier wrote there.
        rank: of that token among the draft's candidates, from 1; None where it is not among them.
        lost: tokens of the proposal that were not accepted: what the step lost by this rejection.
    """

    position: int
    token_id: int
    cause: Cause
    rank: int | None
    lost: int


def rejection(step: Step, engine: EngineInfo, fed_truth: int | None = None) -> Rejection | None:
    """Why a step's proposal was rejected; None where all of it was accepted, or nothing was proposed.

    `fed_truth`: the token that the head names there when it is fed the true text and states, where that is known.
    """
    position = step.num_accepted
    if position == len(step.proposed):
        return None
    proposed, token_id = step.proposed[position], step.emitted[position]
    judged = step.verifier[position] if position < len(step.verifier) else NOTHING
    rank = rank_in(proposed.top, token_id)
    compounds = position > 0 and fed_truth == token_id
    return Rejection(
        position=position,
        token_id=token_id,
        cause=_cause(proposed, judged, engine, token_id, rank, compounds=compounds),
        rank=rank,
        lost=len(step.proposed) - position,
    )


def rank_in(top: Sequence[TopEntry], token_id: int) -> int | None:
    """The place of a token among candidates, from 1; None where it is not among them."""
    return next((place for place, (other, _) in enumerate(top, 1) if other == token_id), None)


def _cause(
    proposed: Proposed, judged: Judged, engine: EngineInfo, token_id: int, rank: int | None, *, compounds: bool
) -> Cause:
    if proposed.origin == "filler":
        return "filler"
    in_vocabulary = True if rank else draft_vocabulary.holds(engine, token_id)
    if in_vocabulary is False:
        return "outside_vocabulary"
    undecided = is_undecided(judged.top)
    if in_vocabulary is None or undecided is None:
        return "unknown"
    if undecided:
        return "undecided"
    if not proposed.top:
        return "unknown"
    if proposed.top[0][0] == judged.top[0][0]:
        return "bad_luck"
    if compounds:
        return "compounding"
    return "ranked_low" if rank else "confidently_wrong"


def is_undecided(top: Sequence[TopEntry]) -> bool | None:
    """Whether a distribution's two likeliest tokens are within `UNDECIDED_NATS`; None where they are not known."""
    if len(top) < 2:
        return None
    (_, first), (_, second) = top[:2]
    return None if first is None or second is None else first - second <= UNDECIDED_NATS
