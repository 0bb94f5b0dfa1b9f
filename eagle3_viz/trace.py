"""The record of one recording: append-only, checked as it grows, followed live or loaded from a file.

A trace does not know where its events come from or who looks at them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Self

from eagle3_viz import codec, invariants
from eagle3_viz.counting import Tally
from eagle3_viz.events import (
    Counters,
    EngineInfo,
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
from eagle3_viz.records import RequestRecord

__all__ = ["Listener", "RequestRecord", "Trace", "TraceError"]

Listener = Callable[[Event], None]


class Trace:
    """One recording of one or many requests.

    Attributes:
        events: everything so far, in order.
        requests: the records by request id, in the order in which they started.
        pieces: what each token id seen so far looks like.
        warnings: what a reader of this trace should be told.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.requests: dict[str, RequestRecord] = {}
        self.pieces: dict[int, str | Piece] = {}
        self.warnings: list[str] = []
        self.tally = Tally()
        self._listeners: list[Listener] = []

    @property
    def header(self) -> TraceStarted:
        """The first event.

        Raises:
            TraceError: there is none yet.
        """
        if not self.events or not isinstance(self.events[0], TraceStarted):
            raise TraceError("the trace has not started")
        return self.events[0]

    @property
    def engine(self) -> EngineInfo:
        """The engine that made the trace."""
        return self.header.engine

    @property
    def finished(self) -> TraceFinished | None:
        """The last event of a whole trace; None while it is running and where it was cut short."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, TraceFinished) else None

    @property
    def counters(self) -> Counters:
        """The counts derived from the steps of all requests."""
        return self.tally.counters(self.engine.num_speculative_tokens)

    def append(self, event: Event) -> None:
        """Take the next event and tell the subscribers.

        Raises:
            TraceError: the event breaks an invariant; the trace is as it was.
        """
        if self.finished:
            raise TraceError("the trace has finished")
        if isinstance(event, TraceStarted) == bool(self.events):
            raise TraceError("trace_started comes first, and once")
        match event:
            case TraceStarted():
                invariants.check_started(event)
            case Pieces():
                self.pieces.update(event.pieces)
            case RequestStarted():
                self._start(event)
            case Step():
                self._step(event)
            case StepsDropped():
                self._drop(event)
            case RequestFinished() | RequestFailed():
                self._end(event)
            case TraceFinished():
                invariants.check_finished(event, self.requests)
        self.events.append(event)
        for listener in tuple(self._listeners):
            listener(event)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; returns the call that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def follow(self, start: int = 0) -> AsyncIterator[list[Event]]:
        """All events from number `start` on, as they come, in batches; ends with the trace."""
        news = asyncio.Event()
        unsubscribe = self.subscribe(lambda _: news.set())
        try:
            while True:
                news.clear()
                if batch := self.events[start:]:
                    start += len(batch)
                    yield batch
                elif self.finished:
                    return
                else:
                    await news.wait()
        finally:
            unsubscribe()

    def text_of(self, ids: Iterable[int]) -> str:
        """The ids' text, specials left out. Broken characters become U+FFFD, as in vLLM's own text."""
        return self.bytes_of(ids).decode("utf-8", errors="replace")

    def bytes_of(self, ids: Iterable[int]) -> bytes:
        """The ids' bytes, specials left out.

        Raises:
            TraceError: an id has no piece.
        """
        return b"".join(map(self._piece_bytes, ids))

    def save(self, path: Path) -> None:
        """Write the trace, compressed if the name ends in `.gz`."""
        with codec.open_write(path) as stream:
            stream.writelines(map(codec.encode, self.events))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a trace. One that was cut or damaged holds what came before, and a warning.

        Raises:
            OSError: the file cannot be opened.
            TraceFileError: nothing in it can be read.
        """
        trace = cls()
        for event in codec.read_events(path, trace.warnings):
            try:
                trace.append(event)
            except TraceError as error:
                trace.warnings.append(f"event {len(trace.events) + 1}: {error}; nothing after it was read")
                break
        if not trace.events:
            reason = "; ".join(trace.warnings) or "it holds no whole event"
            raise codec.TraceFileError(f"{path} cannot be read as a trace: {reason}")
        if not trace.finished:
            trace.warnings.append("the trace was cut short: its end is missing")
        return trace

    def _piece_bytes(self, token_id: int) -> bytes:
        piece = self.pieces.get(token_id)
        if piece is None:
            raise TraceError(f"token {token_id} is used before its piece")
        return piece_bytes(piece)

    def _open_request(self, request_id: str) -> RequestRecord:
        record = self.requests.get(request_id)
        if record is None:
            raise TraceError(f"request {request_id} has not started")
        if record.ended:
            raise TraceError(f"request {request_id} has ended")
        return record

    def _start(self, event: RequestStarted) -> None:
        if event.request_id in self.requests:
            raise TraceError(f"request {event.request_id} has started already")
        self.requests[event.request_id] = RequestRecord(event)

    def _step(self, step: Step) -> None:
        record = self._open_request(step.request_id)
        invariants.check_step(step, self.engine.num_speculative_tokens)
        invariants.check_order(step, record)
        if self.header.detail == "tokens":
            invariants.check_pieces(invariants.used_ids(step), self.pieces)
        record.steps.append(step)
        record.tally.add(step)
        record.output_token_ids.extend(step.emitted[: len(step.emitted) - step.num_cut])
        self.tally.add(step)

    def _drop(self, event: StepsDropped) -> None:
        record = self._open_request(event.request_id)
        invariants.check_dropped(event, record)
        record.dropped.append(event)

    def _end(self, event: RequestFinished | RequestFailed) -> None:
        record = self._open_request(event.request_id)
        if isinstance(event, RequestFinished):
            if not record.dropped and self.header.detail == "tokens":
                invariants.check_output(event, record.output_token_ids, self.text_of(record.output_token_ids))
            invariants.check_counters(event, record.tally.counters(self.engine.num_speculative_tokens))
        record.ended = event
