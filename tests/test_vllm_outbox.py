"""The probe's bounded queue: a reader that is slow, gone, or never came."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagle3_viz.sources.vllm_inbox import Inbox
from eagle3_viz.sources.vllm_messages import LENGTH_BYTES, EngineStep, JudgedRow, ProposedRow, Tops, cut, encoder
from eagle3_viz.sources.vllm_outbox import Outbox

LENGTH = 8
MANY = 5000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a reader may listen."""
    return tmp_path / "probe"


class Reader:
    """Reads when it is told to, and keeps what has arrived."""

    def __init__(self, path: Path) -> None:
        self.got: list[EngineStep] = []
        self.inbox = Inbox(path, self.got.append)

    def read(self) -> list[EngineStep]:
        self.inbox.read()
        return self.got


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    """Somebody who listens."""
    reader = Reader(path)
    yield reader
    reader.inbox.close()


@contextlib.contextmanager
def outbox_to(path: Path) -> Iterator[Outbox]:
    outbox = Outbox(str(path), LENGTH)
    yield outbox
    outbox.close()


def step(number: int, *names: str) -> EngineStep:
    """An engine step with a row of each request."""
    rows = [
        JudgedRow(name, number, ProposedRow([], False), [7], None, [], [-0.5], [1.0], [], Tops([[]], [[]]))
        for name in names
    ]
    return EngineStep(number, 0.0, len(rows), rows, None, 2.0, 3.0, 0.1, {})


def test_what_fits_arrives_in_order(reader: Reader, path: Path) -> None:
    with outbox_to(path) as outbox:
        for number in range(3):
            outbox.push(step(number, "r-1"))
        outbox.flush()
        assert [message.number for message in reader.read()] == [0, 1, 2]
        assert outbox.forget("r-1") == 3


@given(sizes=st.lists(st.integers(1, 150), min_size=1))
def test_messages_are_whole_wherever_the_stream_was_cut(sizes: list[int]) -> None:
    sent = [step(number, *["r-1"] * (number % 3)) for number in range(6)]
    encoded = [encoder.encode(one) for one in sent]
    stream = b"".join(len(data).to_bytes(LENGTH_BYTES, "big") + data for data in encoded)
    held = bytearray()
    got: list[EngineStep] = []
    for size in itertools.cycle(sizes):
        held += stream[:size]
        got += cut(held)
        stream = stream[size:]
        if not stream:
            break
    assert got == sent
    assert held == b""


def test_without_a_reader_the_queue_stays_bounded_and_all_is_counted(path: Path) -> None:
    with outbox_to(path) as outbox:
        for number in range(MANY):
            outbox.push(step(number, "r-1", "r-2"))
        assert len(outbox._waiting) == LENGTH
        assert (outbox.forget("r-1"), outbox.forget("r-2")) == (MANY, MANY)


def test_a_slow_reader_is_told_how_many_it_missed_of_each_request(reader: Reader, path: Path) -> None:
    with outbox_to(path) as outbox:
        for number in range(MANY):  # without a wait, so that nothing is read
            outbox.push(step(number, "r-1", *(["r-2"] if number % 2 else [])))
        assert len(outbox._waiting) == LENGTH
        while not reader.got or reader.got[-1].number < MANY:
            reader.read()
            outbox.push(step(MANY, "r-1", "r-2"))
            outbox.flush()
        first = next(message for message in reader.got if message.number == MANY)
        before = [message for message in reader.got if message.number < MANY]
        assert [message.number for message in before] == list(range(len(before)))
        assert 0 < len(before) < MANY
        assert first.lost["r-1"] >= MANY - len(before)
        assert 0 < first.lost["r-2"] < first.lost["r-1"]


def test_a_reader_that_left_costs_nothing_but_its_messages(reader: Reader, path: Path) -> None:
    with outbox_to(path) as outbox:
        outbox.push(step(0, "r-1"))
        outbox.flush()
        assert len(reader.read()) == 1
        reader.inbox.hang_up()
        for number in range(1, MANY):
            outbox.push(step(number, "r-1"))
        assert len(outbox._waiting) == LENGTH
        assert outbox.forget("r-1") == MANY
