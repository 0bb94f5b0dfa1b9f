"""The front end's side of the probe's queue: reads what workers have pushed; each attached probe is a connection.

Nothing wakes the front end when a worker writes. The system may wake it on the core that wrote, in the worker's way;
and the engine's own output for the same steps wakes it anyhow, a moment after which there is something to read.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from eagle3_viz.sources.vllm_messages import EngineStep, cut

MOMENT = 0.01  # seconds after an engine's output by which the worker's account is there; of quick steps, of several
CHUNK = 2**18  # bytes, more than the system holds for a connection


class Inbox:
    """Listens on a socket at `path`, and hands each engine step to `take`, from the event loop that reads."""

    def __init__(self, path: Path, take: Callable[[EngineStep], None]) -> None:
        self.path = path
        self._take = take
        self._held: dict[socket.socket, bytearray] = {}  # of each connection, the start of a message
        self._reading: asyncio.TimerHandle | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(path))
        self._listener.listen()

    def read_soon(self) -> None:
        """Read in a moment; once, however often it is called until then."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().call_later(MOMENT, self._read_now)

    def _read_now(self) -> None:
        self._reading = None
        self.read()

    def read(self) -> None:
        """Take what has arrived."""
        self._accept()
        for connection, held in list(self._held.items()):
            if not received(connection, held):
                connection.close()
                del self._held[connection]
            for step in cut(held):
                self._take(step)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                self._held[connection] = bytearray()

    def hang_up(self) -> None:
        """Break the connections there are."""
        self._accept()
        while self._held:
            self._held.popitem()[0].close()

    def close(self) -> None:
        """Listen no more."""
        if self._reading:
            self._reading.cancel()
        self.hang_up()
        self._listener.close()
        self.path.unlink(missing_ok=True)


def received(connection: socket.socket, held: bytearray) -> bool:
    """Add what has arrived to `held`; whether more may come."""
    try:
        while data := connection.recv(CHUNK):
            held += data
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False
