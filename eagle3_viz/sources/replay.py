"""A recording as a source: the events that were recorded, again. Nothing is computed, and nothing new can be asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

from eagle3_viz.errors import InputError
from eagle3_viz.events import (
    EngineInfo,
    Event,
    Pieces,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Step,
    StepsDropped,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.piece_text import settled
from eagle3_viz.sources.base import Request, never
from eagle3_viz.sources.pacing import Sleep, pause
from eagle3_viz.trace import Trace


class ReplaySource:
    """Plays a trace, or a file of one.

    Attributes:
        trace: what is played.
        requests: the recorded requests, to choose from.
    """

    def __init__(
        self,
        recording: Trace | Path | str,
        *,
        speed: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`speed`: 1 plays as fast as it was recorded, 2 twice as fast, None without any pause.

        Raises:
            InputError: the speed is not above 0.
            OSError: the file cannot be opened.
            TraceFileError: it is not a trace.
        """
        if speed is not None and speed <= 0:
            raise InputError(f"the speed is {speed}: give more than 0")
        self.trace = recording if isinstance(recording, Trace) else Trace.load(Path(recording))
        self.requests = [_request(record.started) for record in self.trace.requests.values()]
        self._speed, self._clock, self._sleep = speed, clock, sleep

    @property
    def engine(self) -> EngineInfo:
        """The engine that made the recording."""
        return self.trace.engine

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        """Play the recorded requests that have the ids of `requests`; all of them where it is empty.

        Requests that a stop ends are aborted there; one that was cut short in the recording fails where that ends.

        Raises:
            InputError: the recording has no request of that id.
        """
        chosen = self._chosen(requests)
        played = Trace()
        start = self._clock()
        for event in _only(self.trace.events, chosen):
            if await self._wait_for(event, start, stop):
                break
            played.append(event)
            yield event
        for event in _ending(played, self.trace, stopped=bool(stop and stop.is_set())):
            yield event

    async def ended(self) -> str:
        """It lasts."""
        return await never()

    async def close(self) -> None:
        """Nothing is held."""

    def _chosen(self, requests: Sequence[Request]) -> set[str]:
        chosen = {request.request_id for request in requests} or set(self.trace.requests)
        if unknown := sorted(chosen - set(self.trace.requests)):
            recorded = ", ".join(self.trace.requests) or "none"
            raise InputError(f"the recording has no request {unknown[0]}: it can only play what it has ({recorded})")
        return chosen

    async def _wait_for(self, event: Event, start: float, stop: asyncio.Event | None) -> bool:
        """Wait until the event is due; returns whether to stop before it."""
        if isinstance(event, TraceStarted):
            return False
        due = 0.0 if self._speed is None or isinstance(event, Pieces) else event.t_ms / 1000 / self._speed
        return await pause(self._sleep, max(0.0, start + due - self._clock()), stop)


def _request(started: RequestStarted) -> Request:
    return Request(
        request_id=started.request_id,
        messages=started.messages,
        prompt=None if started.messages is not None else started.text,
        sampling=started.sampling,
        parent=started.parent,
    )


def _only(events: list[Event], chosen: set[str]) -> Iterator[Event]:
    """The events of the chosen requests and of the recording as a whole, its end left out."""
    for event in events:
        match event:
            case RequestStarted() | Step() | StepsDropped() | RequestFinished() | RequestFailed():
                if event.request_id in chosen:
                    yield event
            case TraceStarted() | Pieces():
                yield event


def _ending(played: Trace, recorded: Trace, *, stopped: bool) -> Iterator[Event]:
    """End what is not over, then the recording. Only a whole recording has the totals of its engine."""
    times = (event.t_ms for event in played.events if not isinstance(event, TraceStarted | Pieces))
    t_ms = max(times, default=0.0)
    running = [name for name, record in played.requests.items() if not record.ended]
    for name in running:
        yield (
            _aborted(played, name, t_ms)
            if stopped
            else RequestFailed(request_id=name, t_ms=t_ms, error="the recording was cut short here")
        )
    end = recorded.finished
    whole = end is not None and len(played.events) == len(recorded.events) - 1
    yield TraceFinished(
        t_ms=end.t_ms if end and whole else t_ms,
        num_requests=len(played.requests),
        engine_totals=end.engine_totals if end and whole else None,
    )


def _aborted(played: Trace, request_id: str, t_ms: float) -> RequestFinished:
    output = played.requests[request_id].output_token_ids
    return RequestFinished(
        request_id=request_id,
        t_ms=t_ms,
        finish_reason="abort",
        text=settled(played.bytes_of(output)) if played.header.detail == "tokens" else "",
        output_token_ids=output,
    )
