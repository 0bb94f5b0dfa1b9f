"""The front end's side of the probe's queue: takes what workers push; each attached probe is a connection."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from eagle3_viz.sources.vllm_messages import EngineStep, messages


class Inbox:
    """Listens on a socket at `path`, and hands each engine step to `take`."""

    def __init__(self, path: Path, take: Callable[[EngineStep], None]) -> None:
        self.path = path
        self._take = take
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Start to listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def hang_up(self) -> None:
        """Break the connections there are."""
        for writer in list(self._writers):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def close(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.close()
        await self.hang_up()
        await asyncio.to_thread(self.path.unlink, missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            async for step in messages(reader):
                self._take(step)
        finally:
            self._writers.discard(writer)
            writer.close()
