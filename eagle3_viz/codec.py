"""Event <-> JSON line, and the schema version. Knows nothing of what events mean together."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args

import msgspec

from eagle3_viz.events import Event, TraceStarted

SCHEMA = 1
# From schema n to n + 1: the objects of one line as they were, to what they are now.
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
KINDS = frozenset(kind.__struct_config__.tag for kind in get_args(Event))
COMPRESSION = 6  # the default, 9, takes three times as long for 2 % less

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class TraceFileError(ValueError):
    """A trace file, or a line of one, that cannot be read."""


class _Head(msgspec.Struct):
    """What a line says about itself."""

    type: str | None = None
    schema: int | None = None


_head = msgspec.json.Decoder(_Head)


def encode(event: Event) -> bytes:
    """The event as one line of JSON, newline included."""
    return _encoder.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """The event on a line of this schema.

    Raises:
        TraceFileError: the line is no event, or of a newer schema.
    """
    try:
        event: Event = _decoder.decode(line)
    except UNREADABLE as error:
        raise TraceFileError(str(error)) from error
    if isinstance(event, TraceStarted):
        check_schema(event.schema)
    return event


def check_schema(schema: int) -> None:
    """This version can read it.

    Raises:
        TraceFileError: it cannot.
    """
    if schema > SCHEMA:
        raise TraceFileError(f"the trace has schema {schema}; this version reads up to {SCHEMA}: update eagle3_viz")
    if schema < SCHEMA and any(step not in UPGRADES for step in range(schema, SCHEMA)):
        raise TraceFileError(f"the trace has schema {schema}, which never was: schemas count from 1")


def schema_of(line: bytes) -> int:
    """The schema that a first line names; this version's where it names none.

    Raises:
        TraceFileError: this version cannot read it.
    """
    try:
        head = _head.decode(line)
    except UNREADABLE:
        return SCHEMA
    if head.type != "trace_started" or head.schema is None:
        return SCHEMA
    check_schema(head.schema)
    return head.schema


def upgraded(line: bytes, schema: int) -> bytes:
    """A line of an older schema as it would be written today.

    Raises:
        TraceFileError: the line is no JSON object.
    """
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
    except UNREADABLE as error:
        raise TraceFileError(str(error)) from error
    for step in range(schema, SCHEMA):
        fields = UPGRADES[step](fields)
    if "schema" in fields:
        fields["schema"] = SCHEMA
    return _encoder.encode(fields) + b"\n"


def unknown_kind(line: bytes) -> str | None:
    """The type of an event that only a later version knows; None where the line is no such event."""
    try:
        kind = _head.decode(line).type
    except UNREADABLE:
        return None
    return None if kind in KINDS else kind


def has_unknown_fields(event: Event, line: bytes) -> bool:
    """Whether a line holds more than its event does: fields of a later version, which saving must not lose."""
    if encode(event).rstrip() == line.rstrip():
        return False
    try:
        return _holds_more(msgspec.json.decode(line), msgspec.to_builtins(event, str_keys=True))
    except UNREADABLE:  # nested deeper than Python can follow, in a field that was passed over
        return True


def _holds_more(raw: Any, known: Any) -> bool:
    if isinstance(raw, dict) and isinstance(known, dict):
        return any(key not in known or _holds_more(value, known[key]) for key, value in raw.items())
    if isinstance(raw, list) and isinstance(known, list | tuple):
        return any(map(_holds_more, raw, known))
    return False


def open_write(path: Path) -> BinaryIO:
    """Open a file for a new trace, compressed if its name ends in `.gz`. What was flushed, a reader gets."""
    return cast(BinaryIO, gzip.open(path, "wb", COMPRESSION) if path.suffix == ".gz" else path.open("wb"))
