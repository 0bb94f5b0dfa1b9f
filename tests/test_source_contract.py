"""What every source promises, run against every source. A new one adds itself to `SOURCES`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import cast

import msgspec
import pytest

from eagle3_viz.events import (
    Event,
    RequestFinished,
    RequestStarted,
    Sampling,
    Step,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.sources.base import Request, Source, record
from eagle3_viz.sources.replay import ReplaySource
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.trace import Trace


@dataclass
class Opened:
    """A source, and three or more requests that it can run."""

    source: Source
    requests: list[Request]


Open = Callable[[], AbstractAsyncContextManager[Opened]]

PROMPTS = ("Tell me about the river.", "Count to ten.", "Who watches the clock? 🐦")
REQUESTS = [
    Request(
        request_id=f"r{i}",
        messages=[{"role": "user", "content": prompt}],
        sampling=Sampling(temperature=0.8 * (i % 2), seed=7, max_tokens=40 + 10 * i),
    )
    for i, prompt in enumerate(PROMPTS)
]


@asynccontextmanager
async def open_scripted() -> AsyncIterator[Opened]:
    yield Opened(ScriptedSource(Script(seed=3, filler_every=9)), REQUESTS)


@asynccontextmanager
async def open_replay() -> AsyncIterator[Opened]:
    source = ReplaySource(await record(ScriptedSource(Script(seed=3)), REQUESTS))
    yield Opened(source, source.requests)


SOURCES = [
    pytest.param(open_scripted, id="scripted"),
    pytest.param(open_replay, id="replay"),
    pytest.param(None, id="vllm", marks=pytest.mark.engine),
]


@pytest.fixture(params=SOURCES)
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    if request.param is None:
        yield Opened(request.getfixturevalue("vllm_source"), [on_and_on(asked) for asked in REQUESTS])
        return
    async with cast(Open, request.param)() as it:
        yield it


def on_and_on(request: Request) -> Request:
    """A request whose length does not depend on what a model samples on this machine."""
    return msgspec.structs.replace(request, sampling=msgspec.structs.replace(request.sampling, ignore_eos=True))


def stream(opened: Opened, stop: asyncio.Event | None = None) -> AsyncGenerator[Event]:
    return cast(AsyncGenerator[Event], opened.source.record(opened.requests, stop))


def finish_reasons(trace: Trace) -> list[str]:
    ends = [record.ended for record in trace.requests.values()]
    return [end.finish_reason for end in ends if isinstance(end, RequestFinished)]


async def test_recording_is_a_whole_trace(opened: Opened, tmp_path: Path) -> None:
    trace = await record(opened.source, opened.requests)
    assert isinstance(trace.events[0], TraceStarted)
    assert isinstance(trace.events[-1], TraceFinished)
    assert trace.engine == opened.source.engine
    assert trace.warnings == []
    trace.save(tmp_path / "t.jsonl")
    assert Trace.load(tmp_path / "t.jsonl").events == trace.events


async def test_requests_start_in_order_as_they_were_asked(opened: Opened) -> None:
    events = [event async for event in stream(opened)]
    started = [event for event in events if isinstance(event, RequestStarted)]
    assert [event.request_id for event in started] == [request.request_id for request in opened.requests]
    assert [event.sampling for event in started] == [request.sampling for request in opened.requests]
    assert [event.messages for event in started] == [request.messages for request in opened.requests]


async def test_each_request_ends_with_its_own_tokens(opened: Opened) -> None:
    """The trace checks that steps, output and text agree; here, that no request is without any of them."""
    trace = await record(opened.source, opened.requests)
    for request in opened.requests:
        ended = trace.requests[request.request_id].ended
        assert isinstance(ended, RequestFinished)
        assert ended.finish_reason in ("stop", "length")
        assert 0 < len(ended.output_token_ids) <= request.sampling.max_tokens
        assert ended.text


async def test_requests_run_at_once(opened: Opened) -> None:
    steps = [event async for event in stream(opened) if isinstance(event, Step)]
    turns = [name for name, _ in groupby(step.request_id for step in steps)]
    assert len(turns) > 2 * len(opened.requests)
    for engine_step in {step.engine_step for step in steps}:
        names = [step.request_id for step in steps if step.engine_step == engine_step]
        assert len(set(names)) == len(names)


async def test_a_finished_request_has_the_engines_counters_and_they_are_the_steps(opened: Opened) -> None:
    trace = await record(opened.source, opened.requests)
    for one in trace.requests.values():
        assert isinstance(one.ended, RequestFinished)
        assert one.ended.counters_verified is True
        assert one.ended.engine_counters == one.tally.counters(trace.engine.num_speculative_tokens)
    assert trace.finished
    assert trace.finished.engine_totals == trace.counters


async def test_times_of_a_request_do_not_run_backwards(opened: Opened) -> None:
    trace = await record(opened.source, opened.requests)
    for one in trace.requests.values():
        times = [step.t_ms for step in one.steps]
        assert times == sorted(times)


async def test_stop_aborts_what_still_runs_and_finishes_in_order(opened: Opened) -> None:
    trace, stop = Trace(), asyncio.Event()
    async with aclosing(stream(opened, stop)) as events:
        async for event in events:
            trace.append(event)
            if isinstance(event, Step) and event.index == 2:
                stop.set()
    assert trace.finished
    assert finish_reasons(trace) == ["abort"] * len(opened.requests)


async def test_stop_before_the_start_leaves_an_empty_recording_in_order(opened: Opened) -> None:
    stop = asyncio.Event()
    stop.set()
    trace = await record(opened.source, opened.requests, stop=stop)
    assert trace.finished
    assert set(finish_reasons(trace)) <= {"abort"}


async def test_closing_the_iterator_aborts_and_leaves_the_source_usable(opened: Opened) -> None:
    async with aclosing(stream(opened)) as events:
        async for event in events:
            if isinstance(event, Step):
                break
    trace = await record(opened.source, opened.requests)
    assert "abort" not in finish_reasons(trace)
