"""A request's tokens in the order in which a reader meets them, proposals that came to nothing included. Data only."""

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from eagle3_viz.analysis.steps import EmittedToken, ProposedToken, emitted_tokens, proposed_tokens
from eagle3_viz.events import Piece, Step
from eagle3_viz.piece_text import piece_bytes
from eagle3_viz.records import RequestRecord
from eagle3_viz.trace import Trace
from eagle3_viz.views.words import NO_PIECE, hex_bytes

BROKEN = "\ufffd"
Kind = Literal["accepted", "correction", "bonus", "unspeculated", "rejected", "discarded"]


@dataclass(frozen=True, slots=True)
class LaneToken:
    """A token of a lane.

    Attributes:
        step: index of its step.
        text: what it adds to the text; a character in several tokens stands at the last, its bytes at the others.
        kind: what became of it.
        cut: a stop removed it from the text.
        filler: nobody drafted it.
        special: it is a special token; `text` is its name.
    """

    step: int
    token_id: int
    text: str
    kind: Kind
    cut: bool = False
    filler: bool = False
    special: bool = False


@dataclass(frozen=True, slots=True)
class LaneGap:
    """Steps that the source lost."""

    count: int


def lane(trace: Trace, record: RequestRecord) -> list[LaneToken | LaneGap]:
    """The lane of one request."""
    items: list[LaneToken | LaneGap] = []
    gaps = list(record.dropped)
    speller = Speller(trace.pieces)
    for step in record.steps:
        while gaps and gaps[0].after_index < step.index:
            items.append(LaneGap(gaps.pop(0).count))
            speller.reset()
        items += _step_tokens(step, speller)
    return items + [LaneGap(gap.count) for gap in gaps]


class Speller:
    """Spells tokens one after the other: a character may begin in one and end in another."""

    def __init__(self, pieces: Mapping[int, str | Piece]) -> None:
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def reset(self) -> None:
        """Forget an unfinished character."""
        self._decoder.reset()

    def spell(self, token_id: int) -> str:
        """What the token adds to the text."""
        piece = self._pieces.get(token_id)
        if piece is None:
            return NO_PIECE
        if isinstance(piece, Piece) and piece.special is not None:
            return piece.special
        text = self._decoder.decode(piece_bytes(piece))
        if isinstance(piece, Piece) and piece.bytes and not text.strip(BROKEN):
            return hex_bytes(piece.bytes)
        return text

    def branch(self) -> "Speller":
        """A speller for a continuation that is not the text's own."""
        other = Speller(self._pieces)
        other._decoder.setstate(self._decoder.getstate())
        return other

    def is_special(self, token_id: int) -> bool:
        """Whether the token is a special one."""
        piece = self._pieces.get(token_id)
        return isinstance(piece, Piece) and piece.special is not None


def _step_tokens(step: Step, speller: Speller) -> Iterator[LaneToken]:
    """Accepted tokens, then the proposals that failed, then what the verifier wrote in their place or on top."""
    proposed, emitted = proposed_tokens(step), emitted_tokens(step)
    for proposal, token in zip(proposed, emitted[:-1], strict=False):
        yield _lane_token(step, token, speller, filler=proposal.filler)
    branch = speller.branch()
    for proposal in proposed[step.num_accepted :]:
        yield _lane_token(step, proposal, branch, filler=proposal.filler)
    yield _lane_token(step, emitted[-1], speller)


def _lane_token(
    step: Step, token: ProposedToken | EmittedToken, speller: Speller, *, filler: bool = False
) -> LaneToken:
    return LaneToken(
        step=step.index,
        token_id=token.token_id,
        text=speller.spell(token.token_id),
        kind=token.verdict,
        cut=isinstance(token, EmittedToken) and token.cut,
        filler=filler,
        special=speller.is_special(token.token_id),
    )
