"""What stands at a judged position, in groups: kind of token, entropy, position, context. `places.js` is its twin."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple, get_args

from eagle3_viz.analysis.kinds import Kind, Reading
from eagle3_viz.events import Piece, RequestStarted, Step

ENTROPY_BOUNDS = (0.1, 0.5, 1.5, 3.0)  # nats
ENTROPIES = ("below 0.1 nats", "0.1 to 0.5", "0.5 to 1.5", "1.5 to 3", "3 and more", "unknown")
LENGTH_BOUNDS = (16, 64, 256, 1024, 4096)  # tokens
LENGTHS = ("0 to 15", "16 to 63", "64 to 255", "256 to 1,023", "1,024 to 4,095", "4,096 and more")


class Place(NamedTuple):
    """The groups of one judged position, by facet.

    Attributes:
        kind: of the verifier's token.
        entropy: of the verifier's distribution.
        output_position: tokens of the answer before it.
        context_length: tokens of the prompt and the answer before it.
    """

    kind: str
    entropy: str
    output_position: str
    context_length: str


# Every facet's groups in the order in which they are shown.
GROUPS = {"kind": get_args(Kind), "entropy": ENTROPIES, "output_position": LENGTHS, "context_length": LENGTHS}


class Answer:
    """One request's answer, read step by step."""

    def __init__(self, started: RequestStarted) -> None:
        self._prompt_length = len(started.token_ids)
        self._reading = Reading(has_image=bool(started.images))

    def places(self, step: Step, piece_of: Callable[[int], str | Piece | None]) -> Iterator[Place]:
        """The judged positions of the next step. To be read to its end: the rest of the step is read then, too."""
        num_judged = min(step.num_accepted + 1, len(step.proposed))
        for offset, token_id in enumerate(step.emitted):
            piece, position = piece_of(token_id), step.output_start + offset
            if offset < num_judged:
                entropy = step.verifier[offset].entropy if offset < len(step.verifier) else None
                yield Place(
                    kind=self._reading.kind(piece, position),
                    entropy=ENTROPIES[-1] if entropy is None else ENTROPIES[bisect_right(ENTROPY_BOUNDS, entropy)],
                    output_position=LENGTHS[bisect_right(LENGTH_BOUNDS, position)],
                    context_length=LENGTHS[bisect_right(LENGTH_BOUNDS, self._prompt_length + position)],
                )
            self._reading.read(piece)
