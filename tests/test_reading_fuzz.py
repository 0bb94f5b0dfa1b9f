"""Files that nobody wrote on purpose, and files that somebody did: an error in one line, or a trace with a warning."""

import gzip
import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eagle3_viz import codec, unpacking, web
from eagle3_viz.analysis.statistics import Statistics, statistics, statistics_of_file
from eagle3_viz.codec import TraceFileError
from eagle3_viz.events import Event
from eagle3_viz.trace import Trace
from eagle3_viz.views import recordings
from tests import golden
from tests.building import asked, finished, started, step

REAL = gzip.decompress((web.folder() / "traces" / "text-good-head.jsonl.gz").read_bytes())
# The beginning of a real one is enough: mutations should fall on lines of every kind.
RECORDINGS = {
    **{name: golden.trace_path(name).read_bytes() for name in golden.NAMES},
    "real": b"".join(REAL.splitlines(keepends=True)[:30]),
}
MUTATIONS_EACH = 150
SOMEWHERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=600, deadline=None)
# What a value may be turned into: other types, numbers out of range, markup, halves of characters.
VALUES = (
    b"null", b"-1", b"1e999", b"NaN", b"-Infinity", b"9999999999999999999999", b"[]", b"{}", b'""', b"true", b"0.5",
    b'"<script>alert(1)</script>"', b'"\\ud800"', b'"\\u0000"', b"[" * 2000, b'{"a":' * 2000,
)  # fmt: skip

Mutation = Callable[[random.Random, bytes], bytes]


def read(path: Path, data: bytes) -> Statistics | None:
    """The file's figures, read both ways, after a page could have shown it; None where it is refused, in one line."""
    path.write_bytes(data)
    try:
        trace = Trace.load(path)
    except TraceFileError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert len(str(error)) < 3000  # noqa: PT017
        with pytest.raises(TraceFileError):
            statistics_of_file(path)
        return None
    shown = [recordings.index(trace, "t"), *(recordings.request(trace, name) for name in trace.requests)]
    assert msgspec.json.encode(shown)
    trace.save(path)
    assert Trace.load(path).events == trace.events
    path.write_bytes(data)
    held = statistics(trace)
    assert statistics_of_file(path) == held
    assert trace.finished or held.warnings
    return held


def spans(data: bytes) -> list[tuple[int, int]]:
    """Where the values of the lines stand, roughly: between the signs that part them."""
    places = [i for i, byte in enumerate(data) if byte in b",:[]{}\n"]
    return [(a + 1, b) for a, b in itertools.pairwise(places) if b > a + 1]


def other_value(chance: random.Random, data: bytes) -> bytes:
    start, end = chance.choice(spans(data))
    return data[:start] + chance.choice(VALUES) + data[end:]


def other_bytes(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + chance.randbytes(chance.randrange(1, 9)) + data[start + chance.randrange(9) :]


def lines_swapped(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def line_gone(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def line_twice(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return b"".join(lines)


def cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def packed_and_damaged(chance: random.Random, data: bytes) -> bytes:
    return other_bytes(chance, gzip.compress(data, 1))


MUTATIONS = (other_value, other_bytes, lines_swapped, line_gone, line_twice, cut, packed_and_damaged)


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("name", RECORDINGS)
def test_mutated_recordings(tmp_path: Path, mutation: Mutation, name: str) -> None:
    for seed in range(MUTATIONS_EACH):
        chance = random.Random(f"{mutation.__name__} {name} {seed}")
        data = RECORDINGS[name]
        for _ in range(chance.randrange(1, 4)):
            data = mutation(chance, data)
        read(tmp_path / "t.jsonl", data)


@SOMEWHERE
@given(data=st.binary(max_size=400))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path / "t.jsonl", data) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@SOMEWHERE
@given(kind=st.sampled_from(sorted(codec.KINDS)), fields=st.dictionaries(st.text(), JSON, max_size=5))
def test_any_fields_of_an_event(tmp_path: Path, kind: str, fields: dict[str, object]) -> None:
    line = json.dumps({**fields, "type": kind}).encode() + b"\n"
    read(tmp_path / "t.jsonl", codec.encode(started()) + line)


class TestTraps:
    """Files that are made to fill a memory or to last for ever."""

    @pytest.fixture(autouse=True)
    def small_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpacking, "FREE_BYTES", 2**20)
        monkeypatch.setattr(unpacking, "MAX_LINE_BYTES", 2**20)

    def test_a_bomb(self, tmp_path: Path) -> None:
        data = codec.encode(started()) + b'{"type":"weather"}\n' * 600_000
        (tmp_path / "t.gz").write_bytes(gzip.compress(data))
        assert statistics_of_file(tmp_path / "t.gz").warnings[0].endswith("times its size, as no trace does")

    def test_an_endless_line(self, tmp_path: Path) -> None:
        data = codec.encode(started()) + random.Random(1).randbytes(2**21).replace(b"\n", b" ")
        (tmp_path / "t.gz").write_bytes(gzip.compress(data, 1))
        assert "line 2: longer than 1 MiB" in statistics_of_file(tmp_path / "t.gz").warnings[0]

    def test_ten_gigabytes_in_a_line(self, tmp_path: Path) -> None:
        path = tmp_path / "t.jsonl"
        path.write_bytes(codec.encode(started()))
        with path.open("r+b") as stream:
            stream.truncate(10 * 2**30)  # a hole: it takes no disk
        assert "line 2: longer than 1 MiB" in Trace.load(path).warnings[0]

    def test_many_unknown_types_are_told_in_a_few_words(self, tmp_path: Path) -> None:
        lines = b"".join(b'{"type":"%s%d"}\n' % (b"x" * 100, number) for number in range(500))
        (tmp_path / "t.jsonl").write_bytes(codec.encode(started()) + lines)
        warnings = Trace.load(tmp_path / "t.jsonl").warnings
        assert len(warnings) < 12
        assert sum(map(len, warnings)) < 2000


def test_two_compressed_halves_are_one_file(tmp_path: Path) -> None:
    data = RECORDINGS["by_hand"]
    (tmp_path / "t.gz").write_bytes(gzip.compress(data[:700]) + gzip.compress(data[700:]))
    assert Trace.load(tmp_path / "t.gz").finished


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_what_was_flushed_is_read_although_the_writer_died(tmp_path: Path, name: str) -> None:
    events: list[Event] = [started(), asked(), finished("", [])]
    with codec.open_write(tmp_path / name) as stream:
        for event in events:
            stream.write(codec.encode(event))
        stream.flush()
        stream.write(codec.encode(step(0, 0, [], [10])))
        dead = (tmp_path / name).read_bytes()
    (tmp_path / "dead").write_bytes(dead)
    assert Trace.load(tmp_path / "dead").events == events
