"""The probe's way out of the worker: a bounded queue that never waits for its reader. Knows no torch and no vLLM.

A stream socket written by hand: a queue with a thread of its own would wake it in every step, for longer than all else
that the probe does.
"""

import socket
from collections import Counter, deque
from contextlib import suppress

import msgspec

from eagle3_viz.sources.vllm_messages import LENGTH_BYTES, EngineStep, encoder

QUEUE_LENGTH = 1024  # messages that may wait for the reader before the next ones are dropped


class Outbox:
    """Pushes engine steps to the socket at `path`; what does not fit is dropped and counted, by request.

    Attributes:
        made: how many steps of each request were handed in.
    """

    def __init__(self, path: str, length: int = QUEUE_LENGTH) -> None:
        self.made: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._length = length
        self._waiting: deque[memoryview] = deque()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        with suppress(OSError):  # there may be no reader
            self._socket.connect(path)

    def push(self, step: EngineStep) -> None:
        """Let a step wait for the next flush, and with it how many rows were lost before it; or drop it."""
        names = [row.request_id for row in step.rows]
        self.made.update(names)
        if len(self._waiting) >= self._length:
            self.flush()
        if len(self._waiting) >= self._length:
            self._lost.update(names)
            return
        data = encoder.encode(msgspec.structs.replace(step, lost=dict(self._lost)))
        self._lost.clear()
        self._waiting.append(memoryview(len(data).to_bytes(LENGTH_BYTES, "big") + data))

    def forget(self, name: str) -> int:
        """Drop what is held of a request; returns how many steps of it were handed in."""
        self._lost.pop(name, None)
        return self.made.pop(name, 0)

    def close(self) -> None:
        """Drop what waits."""
        self._socket.close()

    def flush(self) -> None:
        """Write as much as the socket takes now; a reader that is gone takes nothing."""
        with suppress(OSError):
            while self._waiting:
                data = self._waiting[0]
                sent = self._socket.send(data)
                if sent < len(data):
                    self._waiting[0] = data[sent:]
                    return
                self._waiting.popleft()
