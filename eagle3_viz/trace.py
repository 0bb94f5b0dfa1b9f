"""The record of one recording: append-only, checked as it grows, followed live or loaded from a file.

A trace does not know where its events come from or who looks at them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from eagle3_viz import codec
from eagle3_viz.events import (
    Counters,
    EngineInfo,
    Event,
    Piece,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Step,
    StepsDropped,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.invariants import TraceError
from eagle3_viz.ledger import Ledger
from eagle3_viz.reading import CUT_SHORT, Reader
from eagle3_viz.records import RequestRecord

__all__ = ["Listener", "RequestRecord", "Trace", "TraceError"]

Listener = Callable[[Event], None]


class Trace:
    """One recording of one or many requests.

    Attributes:
        events: everything so far, in order.
        requests: the records by request id, in the order in which they started.
        warnings: what a reader of this trace should be told.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.requests: dict[str, RequestRecord] = {}
        self.warnings: list[str] = []
        self._ledger = Ledger()
        self._listeners: list[Listener] = []
        self._lines: dict[int, bytes] = {}  # by event number: lines that hold more than their event does

    @property
    def header(self) -> TraceStarted:
        """The first event.

        Raises:
            TraceError: there is none yet.
        """
        return self._ledger.header

    @property
    def engine(self) -> EngineInfo:
        """The engine that made the trace."""
        return self.header.engine

    @property
    def pieces(self) -> dict[int, str | Piece]:
        """What each token id seen so far looks like."""
        return self._ledger.pieces

    @property
    def finished(self) -> TraceFinished | None:
        """The last event of a whole trace; None while it is running and where it was cut short."""
        return self._ledger.finished

    @property
    def counters(self) -> Counters:
        """The counts derived from the steps of all requests."""
        return self._ledger.counters

    def append(self, event: Event) -> None:
        """Take the next event and tell the subscribers.

        Raises:
            TraceError: the event breaks an invariant; the trace is as it was.
        """
        self._ledger.take(event)
        match event:
            case RequestStarted():
                progress = self._ledger.progress(event.request_id)
                self.requests[event.request_id] = RequestRecord(event, progress)
            case Step():
                self.requests[event.request_id].steps.append(event)
            case StepsDropped():
                self.requests[event.request_id].dropped.append(event)
            case RequestFinished() | RequestFailed():
                self.requests[event.request_id].ended = event
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
        """The ids' text, specials left out. Broken characters become U+FFFD, as in vLLM's own text.

        Raises:
            TraceError: an id has no piece.
        """
        return self.bytes_of(ids).decode("utf-8", errors="replace")

    def bytes_of(self, ids: Iterable[int]) -> bytes:
        """The ids' bytes, specials left out.

        Raises:
            TraceError: an id has no piece.
        """
        return self._ledger.bytes_of(ids)

    def lines(self) -> Iterator[bytes]:
        """The trace as a file holds it. Fields that this version does not know stand where they stood."""
        for number, event in enumerate(self.events):
            yield self._lines.get(number) or codec.encode(event)

    def save(self, path: Path) -> None:
        """Write the trace, compressed if the name ends in `.gz`."""
        with codec.open_write(path) as stream:
            stream.writelines(self.lines())

    @classmethod
    def load(cls, path: Path, max_bytes: int | None = None) -> Self:
        """Read a trace. One that was cut or damaged holds what came before, and a warning.

        `max_bytes`: of text, unpacked; what is beyond is not read.

        Raises:
            OSError: the file cannot be read.
            TraceFileError: nothing in it can be read.
        """
        trace, reader = cls(), Reader(path, max_bytes)

        def take(event: Event) -> None:
            trace.append(event)
            if codec.has_unknown_fields(event, reader.line):
                trace._lines[len(trace.events) - 1] = reader.line.rstrip() + b"\n"

        reader.feed(take)
        trace.warnings += reader.warnings
        if not trace.finished:
            trace.warnings.append(CUT_SHORT)
        return trace
