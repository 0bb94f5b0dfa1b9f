"""Lets so many run at once and the others wait in a line, first come first served. Whoever waits can see its place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eagle3_viz.ui.news import News


class Turns:
    """Turns to take. Those who wait are known by their news, and are told when the line has moved.

    Attributes:
        at_once: how many may have a turn at the same time; a change counts from the next turn on.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._taken = 0
        self._line: dict[News, asyncio.Event] = {}  # in the order in which they came

    def num_ahead(self, waiting: News) -> int | None:
        """How many stand before this one in the line; None where it does not wait."""
        return list(self._line).index(waiting) if waiting in self._line else None

    @asynccontextmanager
    async def take(self, waiting: News, stop: asyncio.Event) -> AsyncIterator[bool]:
        """Wait for a turn and have it inside; false where `stop` was set before it came."""
        came = self._line[waiting] = asyncio.Event()
        self._advance()
        try:
            yield await first_of(came, stop)
        finally:
            if came.is_set():
                self._taken -= 1
            else:
                del self._line[waiting]
            self._advance()

    def _advance(self) -> None:
        while self._line and self._taken < self.at_once:
            first = next(iter(self._line))
            self._line.pop(first).set()
            self._taken += 1
            first.tell()
        for waiting in self._line:
            waiting.tell()


async def first_of(event: asyncio.Event, other: asyncio.Event) -> bool:
    """Wait until one of them is set; whether `event` is."""
    waits = [asyncio.ensure_future(each.wait()) for each in (event, other)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return event.is_set()
