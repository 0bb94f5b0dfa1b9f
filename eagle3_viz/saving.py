"""Writes a run into a file while it happens, so that whatever ends the process costs the last moment only."""

import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from eagle3_viz import codec
from eagle3_viz.events import Event

# Beside a running engine: level, method, window (8 KiB, in a gzip file), memory. A fifth of the time of what a finished
# file gets, for 15 % more: what sixteen runs pack with fits a core's own cache.
PACKING = (3, zlib.DEFLATED, 16 + 13, 6)


class Saving:
    """A compressed trace file under way. What was flushed can be read although the file has no end yet.

    Attributes:
        path: the file.
        problem: why nothing is written any more, None while all is well. The run it belongs to need not care.
    """

    def __init__(self, path: Path) -> None:
        """Start the file; one of that name may not exist. That it cannot be written is a `problem`, no error."""
        self.path = path
        self.problem: str | None = None
        self._waiting: list[bytes] = []
        self._packer = zlib.compressobj(*PACKING)
        self._file: BinaryIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            self._give_up(error)

    @property
    def waits(self) -> bool:
        """Whether there is something to flush."""
        return bool(self._waiting)

    def add(self, event: Event) -> None:
        """Take an event; `flush` writes it."""
        if self._file:
            self._waiting.append(codec.encode(event))

    def flush(self) -> None:
        """Hand all that was added to the system: from now on it outlives this process."""
        if self._waiting:
            lines, self._waiting = b"".join(self._waiting), []
            self._write(self._packer.compress(lines) + self._packer.flush(zlib.Z_SYNC_FLUSH))

    def close(self) -> None:
        """Flush, and end the file."""
        self.flush()
        self._write(self._packer.flush())
        try:
            if self._file:
                self._file.close()
                self._file = None
        except OSError as error:  # a full disk may be told only now
            self._give_up(error)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest and self._file:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        reason = error.strerror or os.strerror(error.errno or 0)
        self.problem = f"This run is not saved in {self.path.parent}: {reason}. It goes on; save it by hand at its end."
        if self._file:
            with suppress(OSError):
                self._file.close()
        self._file = None
