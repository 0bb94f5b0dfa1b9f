"""Server-sent events: a run's events as they come, and the engine's state.

A run's events go out once each, in order, as the trace's own JSON, but for the end's copy of the whole answer. The id
of a message is the number of the next event, so that a browser that lost the connection goes on where it was.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import msgspec

from eagle3_viz import codec
from eagle3_viz.events import Event, RequestFinished
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.news import wait_at_most
from eagle3_viz.ui.runs import Run
from eagle3_viz.views.facts import facts

KEEPALIVE_S = 15.0
PAUSE_S = 0.008  # between a run's messages, for each other run: the more there are, the fewer and larger
ELAPSED_S = 1.0  # how often the page hears how long the engine has been loading
RETRY = b"retry: 100\n\n"
KEEPALIVE = b": still here\n\n"


def message(data: bytes, *, event: str | None = None, message_id: int | None = None) -> bytes:
    """One server-sent event; `data` has no line breaks."""
    head = f"event: {event}\n" if event else ""
    if message_id is not None:
        head += f"id: {message_id}\n"
    return head.encode() + b"data: " + data + b"\n\n"


def batch(events: Iterable[Event], following: int) -> bytes:
    """A message with events; `following` is the number of the event after them."""
    lines = (codec.encode(without_answer(event)).rstrip() for event in events)
    return message(b"[" + b",".join(lines) + b"]", message_id=following)


def without_answer(event: Event) -> Event:
    """The event; the end of a request without the answer, all of which has gone out with the steps."""
    if isinstance(event, RequestFinished):
        return msgspec.structs.replace(event, text="", output_token_ids=[])
    return event


async def run_messages(run: Run, start: int, num_running: Callable[[], int] = lambda: 1) -> AsyncIterator[bytes]:
    """A run from event `start` on, to its end; `num_running`: how many go on now."""
    told: str | None = None
    ahead: int | None = None
    yield RETRY
    with run.follow() as news:
        while True:
            news.clear()
            ended = run.ended  # before the look at the events: none comes after it
            if events := run.trace.events[start:]:
                start += len(events)
                yield batch(events, start)
            if run.num_ahead != ahead:
                ahead = run.num_ahead
                yield message(msgspec.json.encode(ahead), event="queue")
            if run.notice != told:
                told = run.notice
                yield message(msgspec.json.encode(told), event="notice")
            if ended:
                break
            await asyncio.sleep(PAUSE_S * (num_running() - 1))
            await wait_at_most(news, KEEPALIVE_S)
            if not news.is_set():
                yield KEEPALIVE
    saved = run.autosave.name if run.autosave else None
    yield message(msgspec.json.encode({"problem": run.problem, "saved": saved}), event="end")


async def engine_messages(host: Host) -> AsyncIterator[bytes]:
    """The engine's state, now and at every change; while it loads also once a second."""
    yield RETRY
    with host.news.listen() as news:
        while True:
            news.clear()
            state = host.state
            described = {
                "state": state,
                "facts": facts(state.engine) if state.engine else [],
                "models": [{"name": model.name, "label": model.label} for model in host.models.values()],
            }
            yield message(msgspec.json.encode(described))
            await wait_at_most(news, ELAPSED_S if state.phase == "loading" else KEEPALIVE_S)
