"""An engine without speculation, as a source."""

import asyncio

import pytest

from eagle3_viz.errors import InputError
from eagle3_viz.events import RequestFailed, RequestFinished, Sampling, Step
from eagle3_viz.sources.base import Request, record, user_message
from eagle3_viz.sources.opening import open_plain
from eagle3_viz.trace import Trace
from tests.picturing import png


def asked(name: str, text: str = "What can you see?", **more: object) -> Request:
    fields = {"messages": [user_message(text)], "sampling": Sampling(max_tokens=24), **more}
    return Request(request_id=name, **fields)  # type: ignore[arg-type]


@pytest.mark.engine
async def test_it_writes_a_token_a_step_and_tells_what_it_believed_where_asked() -> None:
    source = await open_plain(lambda message, fraction: None, model="tiny-llama4")
    try:
        trace = await record(
            source,
            [
                asked("plain", top_logprobs=0),
                asked("believing", top_logprobs=2),
                asked("seeing", messages=[user_message("What do you see?", 1)], images=(png(),), top_logprobs=0),
                asked("long", "long " * 3000),
            ],
        )
        with pytest.raises(InputError, match="the model takes 2,048"):
            await record(source, [asked("long", "long " * 3000)])
        stop = asyncio.Event()
        stopped = Trace()
        stopped.subscribe(lambda event: stop.set() if isinstance(event, Step) and event.index == 3 else None)
        endless = Sampling(max_tokens=500, ignore_eos=True)
        await record(source, [asked("stopped", sampling=endless)], stopped, stop)
    finally:
        await source.close()

    assert trace.engine.num_speculative_tokens == 0
    assert trace.counters.num_drafts == 0
    assert trace.finished
    plain, believing, seeing, long = trace.requests.values()
    assert plain.output_token_ids == believing.output_token_ids
    for seen in (plain, believing, seeing):
        assert isinstance(seen.ended, RequestFinished)
        assert len(seen.steps) == len(seen.output_token_ids)
    assert seeing.started.images[0].num_tokens
    for step in believing.steps:
        (judged,) = step.verifier
        assert judged.top[0] == (step.emitted[0], judged.emitted_logprob)
        assert len(judged.top) == 2
    assert isinstance(long.ended, RequestFailed)
    (cut,) = stopped.requests.values()
    assert isinstance(cut.ended, RequestFinished)
    assert cut.ended.finish_reason == "abort"
    assert 4 <= len(cut.steps) < 500
