"""The probe's bounded queue: a reader that is slow, gone, or never came."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from eagle3_viz.sources.vllm_messages import EngineStep, JudgedRow, ProposedRow, decoder
from eagle3_viz.sources.vllm_outbox import Outbox

LENGTH = 8
MANY = 500


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Where a reader may listen."""
    return f"ipc://{tmp_path}/probe"


@pytest.fixture
def outbox(address: str) -> Iterator[Outbox]:
    """An outbox of the process's own context, as in the worker."""
    outbox = Outbox(address, LENGTH)
    yield outbox
    outbox.close()


@pytest.fixture
def reader(address: str) -> Iterator[Any]:
    """A reader that takes in no more than it is asked for."""
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.set(zmq.RCVHWM, 1)
        socket.set(zmq.RCVTIMEO, 5000)
        socket.bind(address)
        yield socket


def step(number: int, *names: str) -> EngineStep:
    """An engine step with a row of each request."""
    rows = [
        JudgedRow(name, number, ProposedRow([], False, [], [], []), [7], None, [], [-0.5], [1.0], [], [[]])
        for name in names
    ]
    return EngineStep(number, 0.0, len(rows), rows, None, 2.0, 3.0, 0.1, {})


def test_what_fits_arrives_in_order(outbox: Outbox, reader: Any) -> None:
    for number in range(3):
        outbox.push(step(number, "r-1"))
    assert [decoder.decode(reader.recv()).number for _ in range(3)] == [0, 1, 2]
    assert outbox.forget("r-1") == 3


def test_without_a_reader_the_queue_stays_bounded_and_all_is_counted(outbox: Outbox) -> None:
    for number in range(MANY):
        outbox.push(step(number, "r-1", "r-2"))
    assert (outbox.forget("r-1"), outbox.forget("r-2")) == (MANY, MANY)


def test_a_slow_reader_is_told_how_many_it_missed_of_each_request(outbox: Outbox, reader: Any) -> None:
    for number in range(MANY):
        outbox.push(step(number, "r-1", *(["r-2"] if number % 2 else [])))
    got = [decoder.decode(reader.recv())]
    while got[-1].number < MANY:  # until the next one tells what was lost before it
        outbox.push(step(MANY, "r-1", "r-2"))
        got.append(decoder.decode(reader.recv()))
    last = got[-1]
    seen = [message for message in got if message.number < MANY]
    assert last.lost["r-1"] >= MANY - len(seen)
    assert 0 < last.lost["r-2"] < last.lost["r-1"]
    assert all(not message.lost for message in seen)


def test_a_reader_that_left_costs_nothing_but_its_messages(outbox: Outbox, address: str) -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.bind(address)
        outbox.push(step(0, "r-1"))
        assert socket.poll(5000)
    for number in range(1, MANY):
        outbox.push(step(number, "r-1"))
    assert outbox.forget("r-1") == MANY
