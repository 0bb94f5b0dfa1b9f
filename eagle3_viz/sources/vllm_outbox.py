"""The probe's way out of the worker: a bounded queue that never waits for its reader. Knows no torch and no vLLM."""

from collections import Counter

import msgspec
import zmq

from eagle3_viz.sources.vllm_messages import EngineStep, encoder

QUEUE_LENGTH = 1024  # messages that may wait for the reader before the next ones are dropped


class Outbox:
    """Pushes engine steps to `address`; what does not fit is dropped and counted, by request.

    Attributes:
        made: how many steps of each request were handed in.
    """

    def __init__(self, address: str, length: int = QUEUE_LENGTH) -> None:
        self.made: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
        self._socket.set(zmq.SNDHWM, length)
        self._socket.set(zmq.LINGER, 0)
        self._socket.connect(address)

    def push(self, step: EngineStep) -> None:
        """Send a step, and with it how many rows were lost before it; or drop it."""
        names = [row.request_id for row in step.rows]
        self.made.update(names)
        try:
            self._socket.send(encoder.encode(msgspec.structs.replace(step, lost=dict(self._lost))), zmq.NOBLOCK)
            self._lost.clear()
        except zmq.Again:
            self._lost.update(names)

    def forget(self, name: str) -> int:
        """Drop what is held of a request; returns how many steps of it were handed in."""
        self._lost.pop(name, None)
        return self.made.pop(name, 0)

    def close(self) -> None:
        """Drop what waits."""
        self._socket.close()
