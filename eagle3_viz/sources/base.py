"""What every source of events is: give it requests, and it yields the events of one recording.

The protocol does not know how tokens are made. Views and command lines know nothing but this.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import msgspec

from eagle3_viz.events import EngineInfo, Event, Parent, Sampling
from eagle3_viz.trace import Trace

# Told while something long goes on, from any thread: what it is, and how much of it is done (0 to 1; None: unknown).
Progress = Callable[[str, float | None], None]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt to generate from.

    Attributes:
        request_id: unique in its recording.
        messages: the conversation, for the verifier's chat template; `{"type": "image"}` parts stand for images; or
        prompt: the text as the model shall see it. Exactly one of the two is given.
        images: image files as they were given, in the order of the prompt.
        sampling: how to sample.
        top_logprobs: how many alternatives to record on either side, 0 for none.
        continues: ids that already stand behind the prompt, for a branch from another run: the answer goes on there.
        parent: the run that this one branches from.
    """

    request_id: str
    messages: list[dict[str, Any]] | None = None
    prompt: str | None = None
    images: tuple[bytes, ...] = ()
    sampling: Sampling = Sampling()
    top_logprobs: int = 5
    continues: tuple[int, ...] = ()
    parent: Parent | None = None


def user_message(text: str, num_images: int = 0) -> dict[str, Any]:
    """A user's turn; images come before the text, as chat templates want them."""
    if not num_images:
        return {"role": "user", "content": text}
    return {"role": "user", "content": [*[{"type": "image"}] * num_images, {"type": "text", "text": text}]}


class Source(Protocol):
    """Makes recordings."""

    @property
    def engine(self) -> EngineInfo:
        """What makes the tokens."""

    def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        """Run `requests` concurrently and yield one recording, `trace_started` to `trace_finished`.

        A request that cannot run ends with `request_failed`; the others go on. When `stop` is set, all that still run
        are aborted and the recording finishes in order. Closing the iterator early aborts them too.
        """

    async def ended(self) -> str:
        """Wait until the source can make no more recordings, though nobody closed it; why. Most never return."""

    async def close(self) -> None:
        """Give back what the source holds. It cannot be used afterwards."""


async def never() -> str:
    """What `Source.ended` is of a source that lasts."""
    forever: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    return await forever


async def record(
    source: Source, requests: Sequence[Request], trace: Trace | None = None, stop: asyncio.Event | None = None
) -> Trace:
    """Run `requests` to the end into `trace` (a new one by default) and return it."""
    trace = trace or Trace()
    async for event in source.record(requests, stop):
        trace.append(event)
    return trace
