"""The scripted source: the same from a seed, and with all that a view has to get right."""

import asyncio
import math
from typing import Any

import pytest

from eagle3_viz import InputError, Request, Sampling, Script, ScriptedSource, Trace, record
from eagle3_viz.analysis.acceptance import rates
from eagle3_viz.analysis.steps import emitted_tokens
from eagle3_viz.events import Event, Piece, RequestFailed, RequestFinished, Step
from eagle3_viz.invariants import used_ids
from eagle3_viz.sources.scripted_text import IMAGE, MARKUP
from tests.picturing import png


def asking(request_id: str = "r", prompt: str = "Tell me.", **more: Any) -> Request:
    return Request(request_id=request_id, prompt=prompt, **more)


async def made(script: Script, *requests: Request) -> Trace:
    return await record(ScriptedSource(script), requests or [asking()])


def end_of(trace: Trace, request_id: str = "r") -> RequestFinished:
    ended = trace.requests[request_id].ended
    assert isinstance(ended, RequestFinished)
    return ended


async def test_has_all_that_a_view_has_to_get_right() -> None:
    trace = await made(Script(num_tokens=100))
    steps = trace.requests["r"].steps
    emitted = [token for step in steps for token in emitted_tokens(step)]
    assert {token.verdict for token in emitted} == {"accepted", "correction", "bonus", "unspeculated"}
    assert emitted[0].verdict == "unspeculated"
    pieces = [trace.pieces[token.token_id] for token in emitted]
    assert {MARKUP, "\n\n", Piece(bytes=b"\xf0\x9f"), Piece(special="<|im_end|>")} <= set(pieces)
    assert "🐦" in end_of(trace).text
    assert all(len(step.verifier) == len(step.emitted) for step in steps)


async def test_an_end_inside_an_accepted_run_is_cut() -> None:
    """Whatever the prompt: the draft sees the end coming."""
    cuts = [(await made(Script(num_tokens=n))).requests["r"].steps[-1].num_cut for n in range(40, 60)]
    assert sum(cut > 0 for cut in cuts) > 5


async def test_the_seed_decides() -> None:
    first, again, other = [await made(Script(seed=seed)) for seed in (1, 1, 2)]
    assert [step.emitted for step in first.requests["r"].steps] == [step.emitted for step in again.requests["r"].steps]
    assert end_of(first).text != end_of(other).text


async def test_a_greedy_text_does_not_depend_on_the_draft() -> None:
    texts = {end_of(await made(Script(acceptance=(rate,)))).text for rate in (0.0, 0.5, 1.0)}
    assert len(texts) == 1


async def test_a_sampled_text_depends_on_its_seed() -> None:
    sampled = [asking(str(seed), sampling=Sampling(temperature=1.0, seed=seed)) for seed in (1, 2)]
    trace = await made(Script(), *sampled)
    assert end_of(trace, "1").text != end_of(trace, "2").text
    assert {step.rule for step in trace.requests["1"].steps} == {"probabilistic"}


@pytest.mark.parametrize(
    ("num_tokens", "max_tokens", "length", "reason"),
    [(30, 100, 30, "stop"), (100, 30, 30, "length"), (30, 30, 30, "stop"), (100, 1, 1, "length")],
)
async def test_ends_where_it_should(num_tokens: int, max_tokens: int, length: int, reason: str) -> None:
    trace = await made(Script(num_tokens=num_tokens), asking(sampling=Sampling(max_tokens=max_tokens)))
    assert len(end_of(trace).output_token_ids) == length
    assert end_of(trace).finish_reason == reason


async def test_acceptance_is_about_what_was_asked_for() -> None:
    trace = await made(
        Script(num_tokens=5000, num_speculative_tokens=4, acceptance=(0.8, 0.5)),
        asking(sampling=Sampling(max_tokens=10_000)),
    )
    given_prefix = rates(trace.counters).rate_given_prefix
    assert given_prefix == [pytest.approx(rate, abs=0.06) for rate in (0.8, 0.5, 0.5, 0.5)]


async def test_fillers_come_when_asked_for() -> None:
    steps = (await made(Script(filler_every=5))).requests["r"].steps
    fillers = [step.index for step in steps if step.proposed and step.proposed[0].origin == "filler"]
    assert fillers == list(range(5, len(steps), 5))


@pytest.mark.parametrize("temperature", [0.0, 0.8])
async def test_beliefs_are_distributions(temperature: float) -> None:
    request = asking(sampling=Sampling(temperature=temperature), top_logprobs=20)
    for step in (await made(Script(), request)).requests["r"].steps:
        check_tops([token.top for token in step.proposed] + [row.top for row in step.verifier])
        for row, token_id in zip(step.verifier, step.emitted, strict=True):
            assert dict(row.top)[token_id] == row.emitted_logprob
            assert row.entropy is not None
            assert 0 < row.entropy < 3
        for row, proposed in zip(step.verifier, step.proposed, strict=False):
            assert dict(row.top)[proposed.id] == row.proposed_logprob
        check_greedy(step)


def check_tops(tops: list[list[tuple[int, float | None]]]) -> None:
    for top in tops:
        logprobs = [logprob for _, logprob in top if logprob is not None]
        assert len({token_id for token_id, _ in top}) == len(top) == len(logprobs) == 20
        assert sum(map(math.exp, logprobs)) <= 1.001


def check_greedy(step: Step) -> None:
    if step.rule == "greedy":
        assert [row.top[0][0] for row in step.verifier] == step.emitted
        judged = [row.accept_probability for row in step.verifier if row.accept_probability is not None]
        assert judged == [1.0] * step.num_accepted + [0.0] * (len(judged) - step.num_accepted)


async def test_no_alternatives_when_none_were_asked_for() -> None:
    trace = await made(Script(), asking(top_logprobs=0))
    for step in trace.requests["r"].steps:
        assert set(used_ids(step)) == {*step.emitted, *(token.id for token in step.proposed)}


async def test_a_prompt_is_told_apart_from_its_template() -> None:
    trace = await made(Script(), Request(request_id="r", messages=[{"role": "user", "content": "Hi <b>  you"}]))
    start = trace.requests["r"].started
    assert start.text == "<|im_start|>user\nHi <b>  you<|im_end|>\n<|im_start|>assistant\n"
    spelled = [trace.pieces[token_id] for token_id in start.token_ids]
    assert "".join(it if isinstance(it, str) else it.special or "" for it in spelled) == start.text


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([], "there is no request"),
        ([asking(prompt="")], "the prompt is empty"),
        ([asking(prompt=" \n")], "the prompt is empty"),
        ([Request(request_id="r", messages=[{"role": "user", "content": [{"type": "text", "text": ""}]}])], "empty"),
        ([asking(images=(b"png",))], "cannot be read as an image"),
        ([asking(images=(png(),))], "must hold"),
        ([asking(images=(png(),) * 5)], "at most 4"),
        ([asking("a"), asking("a")], "the same id"),
    ],
)
async def test_bad_input(requests: list[Request], message: str) -> None:
    source = ScriptedSource()
    with pytest.raises(InputError, match=message):
        await record(source, requests)
    assert (await record(source, [asking()])).finished


async def test_one_bad_request_does_not_stop_the_others() -> None:
    trace = await made(Script(), asking("good"), asking("bad", prompt=""))
    failed = trace.requests["bad"].ended
    assert isinstance(failed, RequestFailed)
    assert "the prompt is empty" in failed.error
    assert end_of(trace, "good").finish_reason == "stop"


async def test_keeps_its_pace() -> None:
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    trace = await record(ScriptedSource(Script(steps_per_second=20, num_tokens=30), sleep=sleep), [asking()])
    assert pauses == [0.05] * len(trace.requests["r"].steps)


async def test_a_stop_ends_a_pause() -> None:
    stop, events = asyncio.Event(), list[Event]()

    async def for_ever(_: float) -> None:
        stop.set()
        await asyncio.Event().wait()

    async for event in ScriptedSource(sleep=for_ever).record([asking()], stop):
        events.append(event)
    assert [type(event).__name__ for event in events[-2:]] == ["RequestFinished", "TraceFinished"]


async def test_says_what_is_running() -> None:
    source = ScriptedSource(Script(num_tokens=20))
    short = asking("short", sampling=Sampling(max_tokens=2))
    running = [set(source.running) async for event in source.record([short, asking("long")]) if isinstance(event, Step)]
    assert running[0] == {"short", "long"}
    assert running[-1] == {"long"}
    assert source.running == set()


async def test_a_picture_stands_where_its_placeholder_was() -> None:
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}]
    trace = await made(Script(num_tokens=9), Request(request_id="r", messages=asked, images=(png(60, 40),)))
    started = trace.requests["r"].started
    assert [(image.width, image.height, image.num_tokens) for image in started.images] == [(60, 40, 6)]
    assert [trace.pieces[token_id] for token_id in started.token_ids].count(IMAGE) == 6
    assert started.messages == asked


async def test_one_that_reads_text_only_refuses_pictures() -> None:
    source = ScriptedSource(Script(images_per_prompt=0))
    assert source.engine.images_per_prompt == 0
    with pytest.raises(InputError, match="load a pair that sees"):
        await record(source, [asking(images=(png(),))])
