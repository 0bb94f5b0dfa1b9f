"""Waking those who wait for something to change. Knows nothing of what changed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class News:
    """Wakes every listener. All calls belong to the event loop's thread."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()
        self._left: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._listeners)

    def tell(self) -> None:
        """Something changed."""
        for listener in self._listeners:
            listener.set()

    def if_left(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` where nobody listens after so long, in place of what an earlier call asked for."""
        if self._left:
            self._left.cancel()
        self._left = asyncio.get_running_loop().call_later(seconds, lambda: None if self._listeners else then())

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """An event that is set at every change; clear it before looking at what changed."""
        listener = asyncio.Event()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, but no longer than this."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
