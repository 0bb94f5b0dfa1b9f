"""Lets so many run at once and the others wait, first come first served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Turns to take."""

    def __init__(self, at_once: int) -> None:
        self._turns = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def take(self, stop: asyncio.Event) -> AsyncIterator[bool]:
        """Wait for a turn and have it inside; false where `stop` was set before it came."""
        turn = asyncio.ensure_future(self._turns.acquire())
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({turn, stopped}, return_when=asyncio.FIRST_COMPLETED)
            yield turn.done() and not turn.cancelled()
        finally:
            stopped.cancel()
            if not turn.cancel():
                self._turns.release()
