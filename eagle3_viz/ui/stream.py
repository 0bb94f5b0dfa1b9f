"""Server-sent events: a run's events as they come, and the engine's state.

A run's events go out once each, in order, as the trace's own JSON. The id of a message is the number of the next
event, so that a browser that lost the connection goes on where it was.
"""

from collections.abc import AsyncIterator, Iterable

import msgspec

from eagle3_viz import codec
from eagle3_viz.events import Event
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.news import wait_at_most
from eagle3_viz.ui.runs import Run
from eagle3_viz.views.facts import facts

KEEPALIVE_S = 15.0
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
    return message(b"[" + b",".join(codec.encode(event).rstrip() for event in events) + b"]", message_id=following)


async def run_messages(run: Run, start: int) -> AsyncIterator[bytes]:
    """A run from event `start` on, to its end."""
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
