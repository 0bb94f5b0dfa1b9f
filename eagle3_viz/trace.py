"""The record of one recording: append-only, checked as it grows, followed live or loaded from a file.

A trace does not know where its events come from or who looks at them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Self

from eagle3_viz import codec
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

Listener = Callable[[Event], None]


class TraceError(ValueError):
    """An event that breaks the contract of a trace."""


@dataclass(slots=True)
class RequestRecord:
    """All that happened to one request."""

    started: RequestStarted
    steps: list[Step] = field(default_factory=list)
    dropped: list[StepsDropped] = field(default_factory=list)
    ended: RequestFinished | RequestFailed | None = None
    tally: Tally = field(default_factory=Tally)
    output_token_ids: list[int] = field(default_factory=list)  # as far as the steps tell, cut tokens left out

    @property
    def num_dropped(self) -> int:
        """How many steps the source lost."""
        return sum(event.count for event in self.dropped)


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
            case Pieces():
                self.pieces.update(event.pieces)
            case RequestStarted():
                self._start(event)
            case Step():
                self._step(event)
            case StepsDropped():
                self._open_request(event.request_id).dropped.append(event)
            case RequestFinished() | RequestFailed():
                self._end(event)
            case TraceFinished():
                self._finish(event)
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
        for event in read(path, trace.warnings):
            try:
                trace.append(event)
            except TraceError as error:
                trace.warnings.append(f"event {len(trace.events) + 1}: {error}; nothing after it was read")
                break
        if not trace.events:
            raise codec.TraceFileError(f"{path} is not a trace: {'; '.join(trace.warnings) or 'it is empty'}")
        if not trace.finished:
            trace.warnings.append("the trace was cut short: its end is missing")
        return trace

    def _piece_bytes(self, token_id: int) -> bytes:
        piece = self.pieces.get(token_id)
        if piece is None:
            raise TraceError(f"token {token_id} is used before its piece")
        if isinstance(piece, str):
            return piece.encode()
        return piece.bytes or b""

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
        check_step(step)
        check_order(step, record)
        if self.header.detail == "tokens":
            for token_id in used_ids(step):
                if token_id not in self.pieces:
                    raise TraceError(f"token {token_id} is used before its piece")
        record.steps.append(step)
        record.tally.add(step)
        record.output_token_ids.extend(step.emitted[: len(step.emitted) - step.num_cut])
        self.tally.add(step)

    def _end(self, event: RequestFinished | RequestFailed) -> None:
        record = self._open_request(event.request_id)
        if isinstance(event, RequestFinished):
            if not record.dropped and self.header.detail == "tokens":
                self._check_output(event, record)
            derived = record.tally.counters(self.engine.num_speculative_tokens)
            if event.counters_verified and derived != event.engine_counters:
                raise TraceError(f"request {event.request_id}: counters said to be verified differ from the steps'")
        record.ended = event

    def _check_output(self, event: RequestFinished, record: RequestRecord) -> None:
        if record.output_token_ids != event.output_token_ids:
            raise TraceError(f"request {event.request_id}: the steps' tokens are not its output")
        # The engine holds an unfinished character back, and a stop string may cut inside a token.
        if not self.text_of(event.output_token_ids).startswith(event.text):
            raise TraceError(f"request {event.request_id}: the output's pieces are not its text")

    def _finish(self, event: TraceFinished) -> None:
        if event.num_requests != len(self.requests):
            raise TraceError(f"{len(self.requests)} requests were recorded, not {event.num_requests}")
        if running := [name for name, record in self.requests.items() if not record.ended]:
            raise TraceError(f"requests have not ended: {', '.join(running)}")


def check_step(step: Step) -> None:
    """Check what must hold within one step.

    Raises:
        TraceError: it does not.
    """
    proposed = [token.id for token in step.proposed]
    if not 0 <= step.num_accepted <= len(proposed):
        raise TraceError(f"step {step.index}: {step.num_accepted} of {len(proposed)} accepted")
    if step.emitted[: step.num_accepted] != proposed[: step.num_accepted]:
        raise TraceError(f"step {step.index}: accepted tokens differ from the proposed ones")
    if len(step.emitted) != step.num_accepted + 1:
        raise TraceError(f"step {step.index}: {len(step.emitted)} tokens emitted with {step.num_accepted} accepted")
    if not 0 <= step.num_cut <= len(step.emitted):
        raise TraceError(f"step {step.index}: {step.num_cut} of {len(step.emitted)} tokens cut")


def check_order(step: Step, record: RequestRecord) -> None:
    """Check that a step follows the ones that its request has.

    Raises:
        TraceError: it does not.
    """
    if record.steps and record.steps[-1].num_cut:
        raise TraceError(f"step {step.index} comes after the stop of {step.request_id}")
    expected = len(record.steps) + record.num_dropped
    if step.index != expected:
        raise TraceError(f"step {step.index} of {step.request_id} where {expected} was due")
    if not record.dropped and step.output_start != len(record.output_token_ids):
        raise TraceError(f"step {step.index} starts at {step.output_start}, not {len(record.output_token_ids)}")


def used_ids(step: Step) -> Iterator[int]:
    """Every token id that a step names, fillers without a token (-1) left out."""
    tops = [token.top for token in step.proposed] + [row.top for row in step.verifier]
    ids = chain(step.emitted, (token.id for token in step.proposed), (entry[0] for entry in chain.from_iterable(tops)))
    return (token_id for token_id in ids if token_id >= 0)


def read(path: Path, warnings: list[str]) -> Iterator[Event]:
    """The events of a file as far as it can be read; what is wrong with it is added to `warnings`.

    Raises:
        OSError: the file cannot be opened.
    """
    with codec.open_read(path) as stream:
        number = 0
        try:
            for number, line in enumerate(codec.read_lines(stream), start=1):
                event = codec.decode_known(line, warnings, number)
                if event is not None:
                    yield event
        except codec.TraceFileError as error:
            warnings.append(f"line {number + isinstance(error, codec.DamagedStreamError)}: {error}")
