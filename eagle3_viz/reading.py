"""From a file to events, as far as it can be read: what is wrong with it becomes warnings, or one error."""

from collections.abc import Callable, Iterator
from pathlib import Path

from eagle3_viz import codec
from eagle3_viz.codec import TraceFileError
from eagle3_viz.events import Event
from eagle3_viz.invariants import TraceError
from eagle3_viz.unpacking import DamagedStreamError, read_lines

CUT_SHORT = "the trace was cut short: its end is missing"
MAX_UNKNOWN_KINDS = 8
MAX_MESSAGE = 300
MAX_KIND = 40


class Reader:
    """The events of a file, in order.

    Attributes:
        warnings: what was wrong with the file, complete once it is read.
        line: the line of the event that came last, in this version's schema.
    """

    def __init__(self, path: Path, max_bytes: int | None = None) -> None:
        """`max_bytes`: of text, unpacked; what is beyond is not read."""
        self.warnings: list[str] = []
        self.line = b""
        self._path = path
        self._max_bytes = max_bytes
        self._number = 0  # of the line that came last, from 1
        self._unknown: dict[str, list[int]] = {}  # per kind: how many, and the first one's line

    def __iter__(self) -> Iterator[Event]:
        """The events.

        A last line that was cut is left out without a word: that the end is missing, whoever collects them sees.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            yield from self._events()
        except DamagedStreamError as error:
            self.warnings.append(f"line {self._number + 1}: {error}")
        except TraceFileError as error:
            if self.line.endswith(b"\n"):
                self.warnings.append(f"line {self._number}: {_short(error)}")
        for kind, (count, first) in self._unknown.items():
            events = f"{count} event{'s' if count > 1 else ''} of the unknown type {kind!r}"
            self.warnings.append(f"skipped {events}, first on line {first}")

    def feed(self, take: Callable[[Event], None]) -> None:
        """Hand over every event until one breaks an invariant.

        Raises:
            OSError: the file cannot be read.
            TraceFileError: nothing in it can be read.
        """
        taken = 0
        for event in self:
            try:
                take(event)
            except TraceError as error:
                self.warnings.append(f"event {taken + 1}: {_short(error)}; nothing after it was read")
                break
            taken += 1
        if not taken:
            reason = "; ".join(self.warnings) or "it holds no whole event"
            raise TraceFileError(f"{self._path} cannot be read as a trace: {reason}")

    def _events(self) -> Iterator[Event]:
        schema, size = codec.SCHEMA, 0
        for line in read_lines(self._path):
            size += len(line)
            if self._max_bytes and size > self._max_bytes:
                raise DamagedStreamError(f"only {self._max_bytes // 2**20} MiB are read here")
            self._number, self.line = self._number + 1, line
            if self._number == 1:
                schema = codec.schema_of(self.line)
            if schema != codec.SCHEMA:
                self.line = codec.upgraded(self.line, schema)
            event = self._decoded()
            if event is not None:
                yield event

    def _decoded(self) -> Event | None:
        """The event on the line; None, and a note, where its type is unknown."""
        try:
            return codec.decode(self.line)
        except TraceFileError:
            kind = codec.unknown_kind(self.line)
            if kind is None:
                raise
            self._skip(kind[:MAX_KIND])
            return None

    def _skip(self, kind: str) -> None:
        if len(self._unknown) == MAX_UNKNOWN_KINDS and kind not in self._unknown:
            kind = "(others)"
        self._unknown.setdefault(kind, [0, self._number])[0] += 1


def _short(error: Exception) -> str:
    message = str(error)
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "…"
