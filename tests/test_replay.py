"""A recording as a source."""

import asyncio
from pathlib import Path

import pytest

from eagle3_viz import InputError, ReplaySource, Request, Trace, TraceFileError, load, record
from eagle3_viz.events import Event, RequestFailed, RequestFinished, Step
from tests import golden
from tests.golden import no_sleep, trace_path


class Time:
    """A clock that its own sleep moves."""

    def __init__(self) -> None:
        self.now = 50.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("name", ["by_hand", "scripted"])
async def test_plays_the_same_events(name: str) -> None:
    recorded = load(trace_path(name))
    assert (await record(ReplaySource(trace_path(name), sleep=no_sleep), [])).events == recorded.events
    assert (await record(ReplaySource(str(trace_path(name))), [])).events == recorded.events


@pytest.mark.parametrize("speed", [1, 4])
async def test_plays_at_its_speed(speed: float) -> None:
    time = Time()
    source = ReplaySource(trace_path("by_hand"), speed=speed, clock=time.clock, sleep=time.sleep)
    moments = [(event.t_ms, time.now) async for event in source.record([]) if isinstance(event, Step)]
    assert [moment for _, moment in moments] == [pytest.approx(50 + t_ms / 1000 / speed) for t_ms, _ in moments]


async def test_plays_the_requests_that_were_chosen() -> None:
    source = ReplaySource(trace_path("scripted"))
    trace = await record(source, [source.requests[1]])
    recorded = load(trace_path("scripted"))
    assert list(trace.requests) == ["sampled"]
    assert trace.requests["sampled"].steps == recorded.requests["sampled"].steps
    assert trace.finished
    assert trace.finished.engine_totals is None


async def test_a_recording_cannot_be_asked_anything_new() -> None:
    source = ReplaySource(trace_path("scripted"))
    with pytest.raises(InputError, match=r"has no request new: it can only play what it has \(greedy, sampled\)"):
        await record(source, [Request(request_id="new", prompt="Hi")])


async def test_what_was_cut_short_fails_there() -> None:
    trace = await record(ReplaySource(trace_path("cut_short")), [])
    assert trace.requests["r0"].ended == RequestFailed(
        request_id="r0", t_ms=30.0, error="the recording was cut short here"
    )
    assert trace.finished


async def test_lost_steps_and_failures_are_played_too() -> None:
    trace = await record(ReplaySource(trace_path("troubled")), [])
    assert trace.requests["r0"].num_dropped == 2
    assert isinstance(trace.requests["r1"].ended, RequestFailed)


async def test_a_stop_holds_half_a_character_back() -> None:
    stop, trace = asyncio.Event(), Trace()
    async for event in ReplaySource(trace_path("by_hand")).record([], stop):
        trace.append(event)
        if isinstance(event, Step) and event.index == 1:
            stop.set()
    ended = trace.requests["r0"].ended
    assert isinstance(ended, RequestFinished)
    assert (ended.finish_reason, ended.text) == ("abort", "Hi there, you")


async def test_a_stop_ends_a_pause() -> None:
    stop, events = asyncio.Event(), list[Event]()

    async def for_ever(_: float) -> None:
        stop.set()
        await asyncio.Event().wait()

    source = ReplaySource(trace_path("by_hand"), speed=1, sleep=for_ever)
    async for event in source.record([], stop):
        events.append(event)
    assert [type(event).__name__ for event in events[-1:]] == ["TraceFinished"]


@pytest.mark.parametrize("speed", [0, -1])
def test_speed_is_checked(speed: float) -> None:
    with pytest.raises(InputError, match=f"the speed is {speed}"):
        ReplaySource(trace_path("by_hand"), speed=speed)


def test_what_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError):
        ReplaySource(golden.stats_path("by_hand"))
    with pytest.raises(FileNotFoundError):
        ReplaySource(tmp_path / "missing.jsonl")
