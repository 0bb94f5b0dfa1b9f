"""Events for tests, with what a test does not care about filled in."""

from collections.abc import Sequence
from typing import Any

from eagle3_viz.events import (
    Counters,
    EngineInfo,
    Event,
    Piece,
    Pieces,
    Proposed,
    RequestFinished,
    RequestStarted,
    Step,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.trace import Trace

SMILE = "🙂".encode()
PIECES: dict[int, str | Piece] = {
    1: Piece(special="<|im_end|>"),
    **dict(enumerate(["a", "b", "c", "d", "e", "f"], start=10)),
    20: Piece(bytes=SMILE[:3]),
    21: Piece(bytes=SMILE[3:]),
}


def started(k: int = 3, **more: Any) -> TraceStarted:
    engine = EngineInfo(verifier="v", num_speculative_tokens=k)
    return TraceStarted(**{"schema": 1, "trace_id": "t", "created": "2026-11-25T00:00:00Z", "engine": engine, **more})


def asked(request_id: str = "r", text: str = "a") -> RequestStarted:
    return RequestStarted(request_id=request_id, t_ms=0.0, text=text, token_ids=[10])


def step(index: int, start: int, proposed: Sequence[int | Proposed], emitted: list[int], **more: Any) -> Step:
    """A step that accepted all but the last of what it emitted."""
    fields = {
        "request_id": "r",
        "t_ms": float(index),
        "engine_step": index,
        "batch_size": 1,
        "num_accepted": len(emitted) - 1,
        "proposed": [Proposed(id=it) if isinstance(it, int) else it for it in proposed],
    }
    return Step(**{"index": index, "output_start": start, "emitted": emitted, **fields, **more})


def finished(text: str, output: list[int], **more: Any) -> RequestFinished:
    fields = {"request_id": "r", "t_ms": 99.0, "finish_reason": "stop", "text": text, "output_token_ids": output}
    return RequestFinished(**{**fields, **more})


def ended(num_requests: int = 1, totals: Counters | None = None) -> TraceFinished:
    return TraceFinished(t_ms=100.0, num_requests=num_requests, engine_totals=totals)


def trace_of(*events: Event, k: int = 3) -> Trace:
    """A running trace of one request "r", with pieces for all ids that these tests use."""
    trace = Trace()
    for event in (started(k), Pieces(pieces=PIECES), asked(), *events):
        trace.append(event)
    return trace
