"""Event <-> JSON line, files of them, and the schema version. Knows nothing of what events mean together."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast, get_args

import msgspec

from eagle3_viz.events import Event, TraceStarted

SCHEMA = 1
KINDS = frozenset(kind.__struct_config__.tag for kind in get_args(Event))
MAX_LINE_BYTES = 64 * 2**20

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


class TraceFileError(ValueError):
    """A trace file, or a line of one, that cannot be read."""


class DamagedStreamError(TraceFileError):
    """The file's bytes end being lines of text."""


class _Kind(msgspec.Struct):
    type: str | None = None


_kind = msgspec.json.Decoder(_Kind)


def encode(event: Event) -> bytes:
    """The event as one line of JSON, newline included."""
    return _encoder.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """The event on a line.

    Raises:
        TraceFileError: the line is no event, or of a newer schema.
    """
    try:
        event: Event = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TraceFileError(str(error)) from error
    if isinstance(event, TraceStarted) and event.schema > SCHEMA:
        raise TraceFileError(
            f"the trace has schema {event.schema}; this version reads up to {SCHEMA}: update eagle3_viz"
        )
    return event


@contextmanager
def open_read(path: Path) -> Iterator[BinaryIO]:
    """Open a `.jsonl` or `.jsonl.gz` file; which of the two it is, its first bytes say."""
    with path.open("rb") as stream:
        if stream.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=stream) as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield stream


def open_write(path: Path) -> BinaryIO:
    """Open a file for a new trace, compressed if its name ends in `.gz`."""
    return cast(BinaryIO, gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb"))


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The file's lines; the last one may lack its newline.

    Raises:
        DamagedStreamError: a line longer than `MAX_LINE_BYTES`, or damaged compression. An early end is only a cut.
    """
    while True:
        try:
            line = stream.readline(MAX_LINE_BYTES)
        except EOFError:
            return
        except (OSError, zlib.error) as error:
            raise DamagedStreamError(f"damaged compression: {error}") from error
        if len(line) == MAX_LINE_BYTES:
            raise DamagedStreamError(f"longer than {MAX_LINE_BYTES // 2**20} MiB")
        if not line:
            return
        yield line


def decode_known(line: bytes, warnings: list[str], number: int) -> Event | None:
    """The event on line `number`, or None with a warning for an event type of a later version.

    Raises:
        TraceFileError: the line is damaged.
    """
    try:
        return decode(line)
    except TraceFileError:
        try:
            kind = _kind.decode(line).type
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            kind = None
        if kind is None or kind in KINDS:
            raise
        warnings.append(f"line {number}: skipped an event of the unknown type {kind!r}")
        return None


def read_events(path: Path, warnings: list[str]) -> Iterator[Event]:
    """The events of a file as far as it can be read; what is wrong with it is added to `warnings`.

    A last line that was cut is left out without a word: that the end is missing, whoever collects the events sees.

    Raises:
        OSError: the file cannot be opened.
    """
    number, line = 0, b"\n"
    with open_read(path) as stream:
        try:
            for number, line in enumerate(read_lines(stream), start=1):
                event = decode_known(line, warnings, number)
                if event is not None:
                    yield event
        except DamagedStreamError as error:
            warnings.append(f"line {number + 1}: {error}")
        except TraceFileError as error:
            if line.endswith(b"\n"):
                warnings.append(f"line {number}: {error}")
