"""Events to lines and back, and files that are not what they should be."""

import gzip
import json
import types
import typing
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eagle3_viz import codec, unpacking
from eagle3_viz.codec import TraceFileError
from eagle3_viz.events import Event
from eagle3_viz.trace import Trace
from tests import golden
from tests.building import ended, started

WHOLE = golden.trace_path("scripted").read_bytes()
PACKED = gzip.compress(WHOLE)
EVENTS = [codec.decode(line) for line in WHOLE.splitlines()]
CUT = "the trace was cut short: its end is missing"
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)

SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(),
    bytes: st.binary(),
    bool: st.booleans(),
    type(None): st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
    Any: st.text() | st.lists(st.text()) | st.none(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type that events are made of."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in SCALARS:
        return SCALARS[kind]
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, inner))
    if origin is list:
        return st.lists(values(inner[0]), max_size=4)
    if origin is tuple:
        return st.tuples(*map(values, inner))
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=4)
    return structs(kind)


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Instances of a struct; a schema is one that can be read."""
    hints = typing.get_type_hints(kind)
    fields = {field.name: values(hints[field.name]) for field in msgspec.structs.fields(kind)}
    if "schema" in fields:
        fields["schema"] = st.just(codec.SCHEMA)
    return st.builds(kind, **fields)


@given(st.one_of(*map(structs, get_args(Event))))
def test_round_trip(event: Event) -> None:
    line = codec.encode(event)
    assert line.count(b"\n") == 1
    assert codec.decode(line) == event


def test_lines_are_the_documented_ones() -> None:
    lines = [json.loads(line) for line in WHOLE.splitlines()]
    assert [line["type"] for line in lines[:3]] == ["trace_started", "pieces", "request_started"]
    assert lines[-1]["type"] == "trace_finished"
    pieces = {json.dumps(piece) for line in lines if line["type"] == "pieces" for piece in line["pieces"].values()}
    assert {'{"bytes": "8J8="}', '{"special": "<|im_end|>"}', '"The"'} <= pieces
    step = next(line for line in lines if line["type"] == "step" and line["proposed"])
    assert set(step["proposed"][0]) == {"id", "logprob", "top"}
    assert set(step["verifier"][0]) == {"proposed_logprob", "emitted_logprob", "accept_probability", "entropy", "top"}


def opened(path: Path, data: bytes) -> Trace:
    path.write_bytes(data)
    return Trace.load(path)


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "compressed without saying so.jsonl"])
def test_file_round_trip(tmp_path: Path, name: str) -> None:
    trace = opened(tmp_path / "whole.jsonl", WHOLE)
    trace.save(tmp_path / name)
    again = Trace.load(tmp_path / name)
    assert again.events == EVENTS
    assert again.warnings == []


def test_compressed_whatever_its_name(tmp_path: Path) -> None:
    assert opened(tmp_path / "t.jsonl", PACKED).events == EVENTS


def test_unknown_event_is_skipped_with_a_warning(tmp_path: Path) -> None:
    lines = WHOLE.splitlines(keepends=True)
    lines.insert(3, b'{"type":"weather","t_ms":1}\n')
    trace = opened(tmp_path / "t.jsonl", b"".join(lines))
    assert trace.events == EVENTS
    assert trace.warnings == ["skipped 1 event of the unknown type 'weather', first on line 4"]


def test_unknown_fields_do_no_harm_and_are_saved_again(tmp_path: Path) -> None:
    data = WHOLE.replace(b'"engine_step":1,', b'"engine_step":1,"weather":{"sky":"grey"},')
    data = data.replace(b'"top":[[', b'"why":"luck","top":[[', 3)
    assert data != WHOLE
    trace = opened(tmp_path / "t.jsonl", data)
    assert trace.events == EVENTS
    trace.save(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == data


def test_another_writers_spelling_is_not_taken_for_unknown_fields(tmp_path: Path) -> None:
    spaced = b"".join(json.dumps(json.loads(line)).encode() + b"\n" for line in WHOLE.splitlines())
    opened(tmp_path / "t.jsonl", spaced).save(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == WHOLE


def test_older_schemas_are_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def second(fields: dict[str, Any]) -> dict[str, Any]:
        return {("engine_step" if key == "pass_number" else key): value for key, value in fields.items()}

    monkeypatch.setattr(codec, "SCHEMA", 2)
    monkeypatch.setattr(codec, "UPGRADES", {1: second})
    trace = opened(tmp_path / "t.jsonl", WHOLE.replace(b'"engine_step"', b'"pass_number"'))
    assert trace.events[1:] == EVENTS[1:]
    assert trace.header.schema == 2


@pytest.mark.parametrize("schema", [0, -1])
def test_a_schema_that_never_was(tmp_path: Path, schema: int) -> None:
    with pytest.raises(TraceFileError, match=f"schema {schema}, which never was"):
        opened(tmp_path / "t.jsonl", codec.encode(started(schema=schema)))


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    data = codec.encode(started(schema=2)) + codec.encode(ended(0))
    with pytest.raises(TraceFileError, match=r"schema 2; this version reads up to 1: update eagle3_viz"):
        opened(tmp_path / "t.jsonl", data)


@in_one_folder
@given(cut=st.integers(0, len(WHOLE) - 2))
def test_cut_anywhere(tmp_path: Path, cut: int) -> None:
    check_cut(tmp_path / "t.jsonl", WHOLE[:cut])


@in_one_folder
@given(cut=st.integers(0, len(PACKED) - 1))
def test_compressed_and_cut_anywhere(tmp_path: Path, cut: int) -> None:
    check_cut(tmp_path / "t.jsonl.gz", PACKED[:cut])


def check_cut(path: Path, data: bytes) -> None:
    """It opens with the events before the cut and the one warning, or, where there is none, is refused."""
    try:
        trace = opened(path, data)
    except TraceFileError as error:
        assert str(error) == f"{path} cannot be read as a trace: it holds no whole event"  # noqa: PT017
        return
    assert trace.events == EVENTS[: len(trace.events)]
    assert trace.warnings == ([] if trace.finished else [CUT])


def test_last_line_without_its_newline_is_whole(tmp_path: Path) -> None:
    trace = opened(tmp_path / "t.jsonl", WHOLE.rstrip())
    assert trace.finished
    assert trace.warnings == []


@pytest.mark.parametrize("data", [WHOLE, PACKED], ids=["plain", "compressed"])
@in_one_folder
@given(patches=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
def test_damaged_anywhere(tmp_path: Path, data: bytes, patches: list[tuple[float, bytes]]) -> None:
    damaged = bytearray(data)
    for place, patch in patches:
        start = int(place * len(damaged))
        damaged[start : start + len(patch)] = patch
    try:
        trace = opened(tmp_path / "t", bytes(damaged))
    except TraceFileError:
        return
    assert trace.events


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}",
        b"null\n",
        b"[" * 100_000 + b"\n",
        b'{"type":"step"}\n',
        b"\xff\xfe\n",
        b"\x1f\x8b",
        codec.encode(ended(0)),
        codec.encode(started(k=10**15)),
        codec.encode(started()).replace(b'"schema":1', b'"schema":NaN'),
    ],
)
def test_what_is_no_trace_gives_one_clear_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TraceFileError, match="cannot be read as a trace: ") as caught:
        opened(tmp_path / "t.jsonl", data)
    assert "\n" not in str(caught.value)


def test_overlong_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_LINE_BYTES", 1000)
    first = codec.encode(started())
    trace = opened(tmp_path / "t.jsonl", first + b" " * 1000 + b"\n")
    assert len(trace.events) == 1
    assert trace.warnings[0].startswith("line 2: longer than")


def test_a_file_that_breaks_an_invariant_holds_what_came_before(tmp_path: Path) -> None:
    lines = WHOLE.splitlines(keepends=True)
    first_step = next(i for i, line in enumerate(lines) if b'"type":"step"' in line)
    trace = opened(tmp_path / "t.jsonl", b"".join(lines[: first_step + 1] + lines[first_step:]))
    assert trace.events == EVENTS[: first_step + 1]
    assert "nothing after it was read" in trace.warnings[0]
    assert trace.warnings[1:] == [CUT]
