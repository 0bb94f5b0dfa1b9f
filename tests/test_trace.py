"""Each invariant of a trace has a test that breaks it; following and subscribing."""

import asyncio
from typing import Any

import pytest

from eagle3_viz.events import Counters, Event, Pieces, Proposed, RequestFailed, StepsDropped
from eagle3_viz.trace import Trace, TraceError
from tests.building import PIECES, asked, ended, finished, started, step, trace_of

FIRST = step(0, 0, [], [10])
SECOND = step(1, 1, [11, 12, 13], [11, 12, 13, 14])
THREE_OF_FIVE = Counters(num_drafts=1, num_draft_tokens=3, num_accepted_tokens=3, num_accepted_tokens_per_pos=[1, 1, 1])


def lost(count: int = 2, after_index: int = 0) -> StepsDropped:
    return StepsDropped(request_id="r", t_ms=1.0, after_index=after_index, count=count)


BROKEN: dict[str, tuple[list[Event], Event, str]] = {
    "second start": ([], started(), "trace_started comes first, and once"),
    "request twice": ([], asked(), "request r has started already"),
    "unknown request": ([], step(0, 0, [], [10], request_id="q"), "request q has not started"),
    "step after the end": ([FIRST, finished("a", [10])], step(1, 1, [], [10]), "request r has ended"),
    "end after the end": ([finished("", [])], finished("", []), "request r has ended"),
    "more proposed than K": ([], step(0, 0, [10, 11, 12, 13], [14]), "4 tokens proposed where K is 3"),
    "more accepted than proposed": ([], step(0, 0, [10], [10, 11, 12]), "2 of 1 accepted"),
    "fewer than none accepted": ([], step(0, 0, [10], [], num_accepted=-1), "-1 of 1 accepted"),
    "accepted what was not proposed": ([], step(0, 0, [10, 11], [10, 12, 13]), "accepted tokens differ"),
    "nothing emitted": ([], step(0, 0, [10], [], num_accepted=0), "0 tokens emitted with 0 accepted"),
    "too much emitted": ([], step(0, 0, [], [10, 11], num_accepted=0), "2 tokens emitted with 0 accepted"),
    "more cut than emitted": ([], step(0, 0, [], [10], num_cut=2), "2 of 1 tokens cut"),
    "fewer than none cut": ([], step(0, 0, [], [10], num_cut=-1), "-1 of 1 tokens cut"),
    "step left out": ([FIRST], step(2, 1, [], [10]), "step 2 of r where 1 was due"),
    "step repeated": ([FIRST], FIRST, "step 0 of r where 1 was due"),
    "step out of place": ([FIRST], step(1, 0, [], [10]), "step 1 starts at 0, not 1"),
    "step after a stop": ([step(0, 0, [], [10], num_cut=1)], step(1, 0, [], [10]), "comes after the stop"),
    "step left out of what was lost": ([FIRST, lost()], step(2, 9, [], [10]), "step 2 of r where 3 was due"),
    "nothing lost": ([FIRST], lost(count=0), "0 steps of r were dropped"),
    "lost out of place": ([FIRST], lost(after_index=1), "dropped after 1, not 0"),
    "emitted without a piece": ([], step(0, 0, [], [99]), "token 99 is used before its piece"),
    "proposed without a piece": ([], step(0, 0, [99], [10]), "token 99 is used before its piece"),
    "alternative without a piece": (
        [],
        step(0, 0, [Proposed(id=10, top=[(99, -1.0)])], [11]),
        "token 99 is used before its piece",
    ),
    "output of other tokens": ([FIRST, SECOND], finished("abcde", [10, 11, 12, 13, 15]), "tokens are not its output"),
    "output with cut tokens": ([step(0, 0, [], [10], num_cut=1)], finished("a", [10]), "tokens are not its output"),
    "another text": ([FIRST], finished("b", [10]), "pieces are not its text"),
    "text beyond the output": ([FIRST], finished("ab", [10]), "pieces are not its text"),
    "counters that are not the steps'": (
        [FIRST],
        finished("a", [10], engine_counters=THREE_OF_FIVE, counters_verified=True),
        "counters said to be verified differ",
    ),
    "verified without counters": ([FIRST], finished("a", [10], counters_verified=True), "said to be verified"),
    "piece of a negative id": ([], Pieces(pieces={-5: "x"}), "token -5 has a piece: ids count from 0"),
    "negative id": ([], step(0, 0, [], [-5]), "token -5 is used before its piece"),
    "running at the end": ([], ended(), "requests have not ended: r"),
    "other number of requests": ([finished("", [])], ended(2), "1 requests were recorded, not 2"),
    "event after the end": ([finished("", []), ended()], asked("q"), "the trace has finished"),
}


@pytest.mark.parametrize(("before", "event", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken(before: list[Event], event: Event, message: str) -> None:
    trace = trace_of(*before)
    state = snapshot(trace)
    with pytest.raises(TraceError, match=message.replace("(", r"\(")):
        trace.append(event)
    assert snapshot(trace) == state


def snapshot(trace: Trace) -> Any:
    record = trace.requests["r"]
    return (
        list(trace.events),
        list(trace.requests),
        trace.counters,
        (list(record.steps), list(record.output_token_ids), list(record.dropped), record.ended),
    )


@pytest.mark.parametrize("k", [-1, 129])
def test_k_out_of_range(k: int) -> None:
    with pytest.raises(TraceError, match=f"num_speculative_tokens is {k}"):
        Trace().append(started(k=k))


def test_trace_starts_with_its_start() -> None:
    trace = Trace()
    with pytest.raises(TraceError, match="comes first"):
        trace.append(asked())
    with pytest.raises(TraceError, match="has not started"):
        _ = trace.engine


def test_whole_trace() -> None:
    counters = THREE_OF_FIVE
    end = finished("abcde", [10, 11, 12, 13, 14], engine_counters=counters, counters_verified=True)
    trace = trace_of(FIRST, SECOND, end, ended(totals=counters))
    assert trace.counters == counters
    assert trace.finished == ended(totals=counters)
    assert trace.requests["r"].output_token_ids == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ([10, 20, 21, 11], "a🙂b"),
        ([10, 20], "a"),  # an unfinished character is held back
        ([10, 20], "a\ufffd"),  # or shown as broken
        ([10, 20, 11], "a\ufffdb"),
        ([10, 21, 11], "a\ufffdb"),
        ([10, 20, 1, 21], "a🙂"),  # a special token adds nothing
        ([10, 11, 12, 1], "ab"),  # a stop string cut inside the output
    ],
)
def test_text_of_pieces(output: list[int], text: str) -> None:
    steps = [step(i, i, [], [token_id]) for i, token_id in enumerate(output)]
    assert trace_of(*steps, finished(text, output)).requests["r"].ended


@pytest.mark.parametrize("text", ["a\ufffd\ufffd", "a🙃", "a🙂b"])
def test_text_that_the_pieces_do_not_give(text: str) -> None:
    steps = [step(i, i, [], [token_id]) for i, token_id in enumerate([10, 20, 21])]
    with pytest.raises(TraceError, match="pieces are not its text"):
        trace_of(*steps, finished(text, [10, 20, 21]))


def test_cut_tokens_are_counted_and_not_in_the_text() -> None:
    stopped = step(1, 1, [11, 1, 12], [11, 1, 12, 13], num_cut=2)
    trace = trace_of(FIRST, stopped, finished("ab", [10, 11, 1]))
    assert trace.counters.num_accepted_tokens == 3


def test_lost_steps_leave_the_output_unchecked_and_later_steps_in_order() -> None:
    trace = trace_of(FIRST, lost(), step(3, 9, [], [11]), finished("whatever it was", [10, 12, 13, 11]), ended())
    assert trace.requests["r"].num_dropped == 2


def test_filler_without_a_token_needs_no_piece() -> None:
    filler = [Proposed(id=-1, origin="filler")] * 3
    assert trace_of(step(0, 0, filler, [10])).counters.num_draft_tokens == 3


def test_counts_only_recording_needs_no_pieces() -> None:
    trace = Trace()
    for event in (started(detail="counts"), asked(), step(0, 0, [-1, -1], [-1, -1]), finished("text", []), ended()):
        trace.append(event)
    assert trace.counters.num_accepted_tokens == 1


def test_a_failed_request_is_over() -> None:
    trace = trace_of(RequestFailed(request_id="r", t_ms=1.0, error="no"), ended())
    assert trace.finished


def test_subscribers_hear_until_they_leave() -> None:
    trace, heard = trace_of(), list[Event]()
    leave = trace.subscribe(heard.append)
    trace.append(FIRST)
    with pytest.raises(TraceError):
        trace.append(FIRST)
    leave()
    trace.append(SECOND)
    assert heard == [FIRST]


async def test_followers_get_every_event_once_whenever_they_come() -> None:
    trace = trace_of(FIRST)
    early = asyncio.create_task(collect(trace))
    await asyncio.sleep(0)
    trace.append(Pieces(pieces={30: "z"}))
    late = asyncio.create_task(collect(trace, start=3))
    await asyncio.sleep(0)
    trace.append(finished("a", [10]))
    trace.append(ended())
    assert await early == trace.events
    assert await late == trace.events[3:]
    assert await collect(trace) == trace.events


async def collect(trace: Trace, start: int = 0) -> list[Event]:
    return [event async for batch in trace.follow(start) for event in batch]


def test_text_of_ids_without_pieces_is_an_error() -> None:
    assert trace_of().text_of(PIECES) == "abcdef🙂"
    with pytest.raises(TraceError, match="token 99"):
        trace_of().text_of([99])
