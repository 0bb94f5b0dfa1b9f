"""From the events of a trace to its failures: takes them in order, and holds no step."""

from collections.abc import Mapping
from typing import Self

from eagle3_viz.analysis.causes import ALL_CAUSES, CAUSES, rejection
from eagle3_viz.analysis.failures import Failures
from eagle3_viz.analysis.places import Answer
from eagle3_viz.events import (
    EngineInfo,
    Event,
    Piece,
    Pieces,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Step,
    TraceStarted,
)
from eagle3_viz.trace import Trace


class Diagnosis:
    """Why the proposals of a recording were rejected, and where.

    Attributes:
        failures: of all requests together.
        pieces: what the tokens look like.
        engine: that was recorded.
    """

    engine: EngineInfo

    def __init__(self, fed_truth: Mapping[tuple[str, int], int] | None = None) -> None:
        """`fed_truth`: by request and output position the token that the head names when it is fed the true text."""
        self.failures = Failures(CAUSES if fed_truth is None else ALL_CAUSES)
        self._fed_truth = fed_truth or {}
        self.pieces: dict[int, str | Piece] = {}
        self._answers: dict[str, Answer] = {}

    @classmethod
    def of(cls, trace: Trace, fed_truth: Mapping[tuple[str, int], int] | None = None) -> Self:
        """The diagnosis of a trace."""
        diagnosis = cls(fed_truth)
        for event in trace.events:
            diagnosis.take(event)
        return diagnosis

    def take(self, event: Event) -> None:
        """Take the next event, which a ledger or a trace has checked."""
        match event:
            case Step():
                places = list(self._answers[event.request_id].places(event, self.pieces.get))
                fed = self._fed_truth.get((event.request_id, event.output_start + event.num_accepted))
                self.failures.add(event, places, rejection(event, self.engine, fed))
            case TraceStarted():
                self.engine = event.engine
            case Pieces():
                self.pieces.update(event.pieces)
            case RequestStarted():
                self._answers[event.request_id] = Answer(event)
            case RequestFinished() | RequestFailed():
                del self._answers[event.request_id]
