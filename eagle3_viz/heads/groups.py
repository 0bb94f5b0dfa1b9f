"""Where a head fails: its first guesses by kind of token, by the verifier's entropy, by position and by context."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from eagle3_viz.analysis.kinds import Reading
from eagle3_viz.analysis.places import ENTROPIES, ENTROPY_BOUNDS, GROUPS, LENGTH_BOUNDS, LENGTHS, Place
from eagle3_viz.events import Piece
from eagle3_viz.heads.guesses import Guesses
from eagle3_viz.heads.verifier import Text

PieceOf = Callable[[int], str | Piece | None]


@dataclass(frozen=True)
class Group:
    """Positions that have something in common: how many, and the share where the first guess agrees."""

    count: int
    agreement: float


def groups(found: Guesses, texts: Sequence[Text], piece_of: PieceOf) -> dict[str, dict[str, Group]]:
    """By facet the groups that have a position, in the order in which they are shown; as of a trace's failures."""
    agrees: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for place, agreed in zip(places(found, texts, piece_of), found.agrees[:, 0].tolist(), strict=True):
        for facet, name in place._asdict().items():
            agrees[facet, name].append(agreed)
    return {
        facet: {name: of(agrees[facet, name]) for name in names if (facet, name) in agrees}
        for facet, names in GROUPS.items()
    }


def of(agreed: Sequence[bool]) -> Group:
    """The group of these positions."""
    return Group(len(agreed), sum(agreed) / len(agreed))


def places(found: Guesses, texts: Sequence[Text], piece_of: PieceOf) -> Iterator[Place]:
    """The groups of each row's first guess; rows are ordered by text and position."""
    last, reading, read = -1, Reading(), 0
    rows = zip(found.text.tolist(), found.position.tolist(), found.entropy[:, 0].tolist(), strict=True)
    for number, position, entropy in rows:
        text = texts[number]
        if number != last:
            last, reading, read = number, Reading(), text.start
        while read < text.start + position:
            reading.read(piece_of(text.ids[read]))
            read += 1
        yield Place(
            kind=reading.kind(piece_of(text.ids[read]), position),
            entropy=ENTROPIES[bisect_right(ENTROPY_BOUNDS, entropy)],
            output_position=LENGTHS[bisect_right(LENGTH_BOUNDS, position)],
            context_length=LENGTHS[bisect_right(LENGTH_BOUNDS, text.start + position)],
        )
