"""Follows a recording event by event: refuses what breaks an invariant, counts the rest, and holds no step.

Memory is that of the requests that run and of the tokens' pieces. `Trace` is a ledger that keeps the events as well.
"""

from collections.abc import Iterable

from eagle3_viz import invariants
from eagle3_viz.counting import Tally
from eagle3_viz.events import (
    Counters,
    Event,
    Piece,
    Pieces,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Step,
    StepsDropped,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.invariants import TraceError
from eagle3_viz.piece_text import piece_bytes
from eagle3_viz.records import Progress


class Ledger:
    """What has to be known of a recording to check and count what comes next.

    Attributes:
        running: the requests that have not ended, by id, in the order in which they started.
        over: the ids of those that have.
        pieces: what each token id seen so far looks like.
        tally: the counts over the steps of all requests.
        finished: the last event of a whole recording.
    """

    def __init__(self) -> None:
        self.running: dict[str, Progress] = {}
        self.over: set[str] = set()
        self.pieces: dict[int, str | Piece] = {}
        self.tally = Tally()
        self.finished: TraceFinished | None = None
        self._header: TraceStarted | None = None

    @property
    def header(self) -> TraceStarted:
        """The first event.

        Raises:
            TraceError: there is none yet.
        """
        if self._header is None:
            raise TraceError("the trace has not started")
        return self._header

    @property
    def counters(self) -> Counters:
        """The counts derived from the steps of all requests."""
        return self.tally.counters(self.header.engine.num_speculative_tokens)

    def take(self, event: Event) -> None:
        """Check the next event and count it.

        Raises:
            TraceError: the event breaks an invariant; everything is as it was.
        """
        if self.finished:
            raise TraceError("the trace has finished")
        if isinstance(event, TraceStarted) == bool(self._header):
            raise TraceError("trace_started comes first, and once")
        match event:
            case Step():
                self._step(event)
            case TraceStarted():
                invariants.check_started(event)
                self._header = event
            case Pieces():
                invariants.check_shown(event)
                self.pieces.update(event.pieces)
            case RequestStarted():
                self._start(event)
            case StepsDropped():
                progress = self.progress(event.request_id)
                invariants.check_dropped(event, progress)
                progress.num_dropped += event.count
            case RequestFinished() | RequestFailed():
                self._end(event)
            case TraceFinished():
                invariants.check_finished(event, self.running, len(self.running) + len(self.over))
                self.finished = event

    def progress(self, request_id: str) -> Progress:
        """How far a running request is.

        Raises:
            TraceError: it is not running.
        """
        progress = self.running.get(request_id)
        if progress is None:
            raise TraceError(f"request {request_id} has {'ended' if request_id in self.over else 'not started'}")
        return progress

    def bytes_of(self, ids: Iterable[int]) -> bytes:
        """The ids' bytes, specials left out.

        Raises:
            TraceError: an id has no piece.
        """
        return b"".join(map(self._piece_bytes, ids))

    def _piece_bytes(self, token_id: int) -> bytes:
        piece = self.pieces.get(token_id)
        if piece is None:
            raise TraceError(f"token {token_id} is used before its piece")
        return piece_bytes(piece)

    def _start(self, event: RequestStarted) -> None:
        if event.request_id in self.running or event.request_id in self.over:
            raise TraceError(f"request {event.request_id} has started already")
        self.running[event.request_id] = Progress()

    def _step(self, step: Step) -> None:
        progress = self.progress(step.request_id)
        invariants.check_step(step, self.header.engine.num_speculative_tokens)
        invariants.check_order(step, progress)
        if self.header.detail == "tokens":
            invariants.check_pieces(step, self.pieces)
        progress.add(step)
        self.tally.add(step)

    def _end(self, event: RequestFinished | RequestFailed) -> None:
        progress = self.progress(event.request_id)
        if isinstance(event, RequestFinished):
            if not progress.num_dropped and self.header.detail == "tokens":
                output = progress.output_token_ids
                invariants.check_output(event, output, self.bytes_of(output).decode(errors="replace"))
            invariants.check_counters(event, progress.tally.counters(self.header.engine.num_speculative_tokens))
        del self.running[event.request_id]
        self.over.add(event.request_id)
