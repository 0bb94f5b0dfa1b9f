"""The counts are vLLM's in every awkward mode of the engine, and each step names the rule that was applied.

Every engine here is one of the small pair, started with what is fixed for its life; requests are crossed on each.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eagle3_viz import cpu
from eagle3_viz.errors import InputError
from eagle3_viz.events import RequestFailed, RequestStarted, Step, StepsDropped
from eagle3_viz.sources import vllm_counters, vllm_recording
from eagle3_viz.sources.base import record
from eagle3_viz.sources.vllm_endings import STOPPED
from eagle3_viz.sources.vllm_engine import VllmSource
from eagle3_viz.trace import Trace
from tests.engines import asked, assert_exact, finished, pairwise, tiny_llama4

pytestmark = pytest.mark.engine

PROMPTS = [json.loads(line)["prompt"] for line in Path("assets/prompts.jsonl").read_text("utf-8").splitlines()]
LONG = " ".join(PROMPTS)
SCHEMA = {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 2, "maxItems": 4}
PARAMETERS: dict[str, list[Any]] = {
    "temperature": [0.0, 0.8, 1.5],
    "limits": [{}, {"top_p": 0.7}, {"top_k": 5}, {"top_k": 20, "top_p": 0.9}],
    "penalties": [{}, {"repetition_penalty": 1.3}, {"presence_penalty": 0.7, "frequency_penalty": 0.3}],
    "words": [{}, {"bad_words": ["the", "red"]}, {"allowed_token_ids": list(range(200, 500))}, {"json_schema": SCHEMA}],
    "stop": [{}, {"stop": ["e"]}, {"stop_token_ids": list(range(300, 400))}, {"ignore_eos": True}, {"min_tokens": 12}],
    "seed": [{}, {"seed": 7}],
    "max_tokens": [1, 18, 31],
    "top_logprobs": [0, 5],
}


@cache
def crossed() -> list[Any]:
    """Requests with every two values of the parameters together in one of them."""
    requests = []
    for number, row in enumerate(pairwise(PARAMETERS)):
        merged = {"temperature": row["temperature"], "max_tokens": row["max_tokens"]}
        for name in ("limits", "penalties", "words", "stop", "seed"):
            merged.update(row[name])
        if merged.get("min_tokens", 0) > merged["max_tokens"]:  # vLLM refuses that
            del merged["min_tokens"]
        requests.append(asked(PROMPTS[number % len(PROMPTS)], number, row["top_logprobs"], **merged))
    return requests


def steps_of(trace: Trace) -> list[Step]:
    return [event for event in trace.events if isinstance(event, Step)]


@pytest.fixture(scope="module")
async def plain() -> AsyncIterator[VllmSource]:
    """K = 3, greedy drafts, the whole context."""
    async with tiny_llama4(worker_extension_cls="tests.engines.CountingExtension") as source:
        yield source


@pytest.fixture(scope="module")
async def narrow() -> AsyncIterator[VllmSource]:
    """K = 1, a short context, prompts in chunks."""
    async with tiny_llama4(k=1, max_model_len=256, max_num_batched_tokens=64) as source:
        yield source


@pytest.fixture(scope="module")
async def crowded() -> AsyncIterator[VllmSource]:
    """K = 7, drafts that sample, and a cache too small for its requests."""
    speculative = {"draft_sample_method": "probabilistic"}
    cache = {"num_gpu_blocks_override": 7, "block_size": 128}  # a CPU's own size; a GPU takes it too
    async with tiny_llama4(k=7, max_model_len=512, speculative=speculative, **cache) as source:
        yield source


@pytest.fixture(params=["plain", "narrow", "crowded", "vllm_source"])
def engine(request: pytest.FixtureRequest) -> VllmSource:
    """Each of the engines; `vllm_source` is that of the other pair."""
    source: VllmSource = request.getfixturevalue(request.param)
    return source


async def test_crossed_parameters_together_and_alone(engine: VllmSource) -> None:
    requests = crossed()
    trace = await record(engine, requests)
    assert_exact(trace)
    assert {finished(trace, request.request_id).finish_reason for request in requests} == {"stop", "length"}
    for request in requests[::4]:
        assert_exact(await record(engine, [request]))


async def test_steps_explain_their_verdict(engine: VllmSource) -> None:
    requests = [asked(prompt, n, temperature=0.9 * (n % 2)) for n, prompt in enumerate(PROMPTS[:6])]
    trace = await record(engine, requests)
    for number, seen in enumerate(trace.requests.values()):
        for step in seen.steps[1:]:
            judged = step.verifier[: len(step.proposed)]
            chances = [row.accept_probability for row in judged]
            assert all(token.origin is None and token.logprob is not None for token in step.proposed)
            assert all(token.entropy is not None and len(token.top) == 5 for token in step.proposed)
            assert all(chance is not None and 0 <= chance <= 1 for chance in chances)
            assert len(step.verifier) == len(step.emitted)
            if number % 2:
                assert step.rule == "probabilistic"
                assert all(chances[: step.num_accepted])  # what had no chance was not accepted
            else:
                assert step.rule == "greedy"
                assert chances == [1.0] * step.num_accepted + [0.0] * (step.num_accepted < len(step.proposed))


@settings(max_examples=4, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 11)), min_size=2, max_size=16))
async def test_requests_that_come_at_any_time(plain: VllmSource, arrivals: list[tuple[int, int]]) -> None:
    """Each in a recording of its own, all on one engine: each is exact, and so are they together."""
    requests = [request for request in crossed() if not request.sampling.stop]
    before = plain.counters.totals()
    seen = asyncio.Condition()
    steps = 0

    async def arrive(after: int, which: int) -> Trace:
        nonlocal steps
        async with seen:
            await seen.wait_for(lambda: steps >= min(after, 1000))
        trace = Trace()
        async for event in plain.record([requests[which]]):
            trace.append(event)
            if isinstance(event, Step):
                async with seen:
                    steps += 1
                    seen.notify_all()
        async with seen:
            steps += 1000  # nobody waits for steps that do not come
            seen.notify_all()
        return trace

    first = asyncio.create_task(arrive(0, 0))
    traces = [await first, *await asyncio.gather(*(arrive(*arrival) for arrival in arrivals))]
    for trace in traces:
        assert_exact(trace)
    after = plain.counters.totals()
    assert vllm_counters.difference(after, before) == vllm_counters.total([trace.counters for trace in traces], 3)


async def test_long_prompts_come_in_chunks(narrow: VllmSource) -> None:
    requests = [asked(LONG[: 65 * (n + 2)], n, max_tokens=20) for n in range(6)]
    trace = await record(narrow, requests)
    assert_exact(trace)
    prompts = [event.token_ids for event in trace.events if isinstance(event, RequestStarted)]
    assert max(map(len, prompts)) > 64
    assert all(seen.steps[0].proposed == [] for seen in trace.requests.values())


async def test_near_the_maximum_length_vllm_fills_in(crowded: VllmSource) -> None:
    requests = [asked("red " * (100 + n), n, ignore_eos=True, max_tokens=500) for n in range(3)]  # one may jump over it
    trace = await record(crowded, [*requests, asked(PROMPTS[0], 3)])
    assert_exact(trace)
    for seen in list(trace.requests.values())[:3]:
        assert len(seen.started.token_ids) + len(seen.output_token_ids) == 512
    fillers = [token for step in steps_of(trace) for token in step.proposed if token.origin == "filler"]
    assert fillers
    assert {(token.id, token.logprob) for token in fillers} == {(0, None)}


async def test_a_prefix_from_the_cache(plain: VllmSource) -> None:
    for _ in range(2):
        trace = await record(plain, [asked(LONG[:1200], n, max_tokens=12) for n in range(3)])
        assert_exact(trace)
    started = [event for event in trace.events if isinstance(event, RequestStarted)]
    assert len(started[0].token_ids) > 256  # two blocks and more


async def test_preempted_requests_lose_nothing(crowded: VllmSource) -> None:
    preempted = crowded.counters.values("vllm:num_preemptions")
    requests = [asked(PROMPTS[n], n, ignore_eos=True, max_tokens=300, temperature=0.8 * (n % 2)) for n in range(5)]
    assert_exact(await record(crowded, requests))
    assert crowded.counters.values("vllm:num_preemptions") > preempted


@pytest.mark.parametrize("number", [1, 5])
async def test_aborts_in_the_middle_are_counted_as_vllm_counts_them(vllm_source: VllmSource, number: int) -> None:
    for at in (1, 4, 7):
        stop, trace = asyncio.Event(), Trace()
        trace.subscribe(lambda event: stop.set() if isinstance(event, Step) and event.index == at else None)  # noqa: B023
        requests = [asked(PROMPTS[n], n, ignore_eos=True, max_tokens=400) for n in range(number)]
        await record(vllm_source, requests, trace, stop)
        assert_exact(trace)
        assert finished(trace).finish_reason == "abort"


@pytest.mark.parametrize("stop", ["max_tokens", "stop_token_ids", "stop"])
async def test_a_stop_inside_an_accepted_run_is_cut(vllm_source: VllmSource, stop: str) -> None:
    """Stops known texts at the first token of runs that were accepted, where that token is new."""
    decode = vllm_source.vocabulary.tokenizer.decode
    texts = (
        await record(vllm_source, [asked(prompt, n, max_tokens=60) for n, prompt in enumerate(PROMPTS[:12])])
    ).requests
    runs = [
        (PROMPTS[n], base, step)
        for n, base in enumerate(texts.values())
        for step in base.steps
        if step.num_accepted >= 2 and not step.num_cut
        if decode(step.emitted[:1]) not in decode(base.output_token_ids[: step.output_start])
    ]
    assert runs
    for prompt, base, step in runs[:2]:
        token = step.emitted[0]
        stops: dict[str, dict[str, Any]] = {
            "max_tokens": {"max_tokens": step.output_start + 1},
            "stop_token_ids": {"stop_token_ids": [token], "max_tokens": 60},
            "stop": {"stop": [decode([token])], "max_tokens": 60},
        }
        trace = await record(vllm_source, [asked(prompt, **stops[stop])])
        assert_exact(trace)
        output = finished(trace).output_token_ids
        assert output == base.output_token_ids[: len(output)]
        assert trace.requests["r0"].steps[-1].num_cut > 0


async def test_structured_output_keeps_to_its_schema_and_raw_stays_raw(plain: VllmSource) -> None:
    trace = await record(plain, [asked(PROMPTS[n], n, json_schema=SCHEMA, temperature=0.5 * n) for n in range(3)])
    assert_exact(trace)
    free = await record(plain, [asked(PROMPTS[0], max_tokens=1)])
    masked = trace.requests["r0"].steps[0].verifier[0]
    assert [token for token, _ in masked.top] == [token for token, _ in free.requests["r0"].steps[0].verifier[0].top]
    for request_id in trace.requests:
        ended = finished(trace, request_id)
        if ended.finish_reason == "stop":
            assert set(json.loads(ended.text)) <= {"red", "green"}


@pytest.mark.skipif(not cpu.is_cpu_only(), reason="a GPU's vLLM has them")
@pytest.mark.parametrize("method", ["synthetic", "block"])
async def test_a_rule_that_vllm_has_not_here_is_told_before_the_start(method: str) -> None:
    with pytest.raises(InputError, match=f"'{method}'"):
        async with tiny_llama4(speculative={"rejection_sample_method": method}):
            pass


@pytest.mark.parametrize("refused", [{"logit_bias": {5: 1.0}}, {"min_p": 0.2}])
async def test_what_vllm_refuses_with_speculation_is_told_in_its_words(
    plain: VllmSource, refused: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"min_p and logit_bias .* not yet supported with speculative decoding"):
        await record(plain, [asked(PROMPTS[0], temperature=0.8, **refused)])


async def test_an_untraced_request_runs_no_line_of_the_probe(plain: VllmSource) -> None:
    from vllm import SamplingParams

    async def untraced(name: str) -> int:
        params = SamplingParams(temperature=0, max_tokens=12, ignore_eos=True)
        await plain.llm.collective_rpc("eagle3_viz_count")
        async for _ in plain.llm.generate({"prompt_token_ids": [5, 6, 7]}, params, name):
            pass
        return sum(await plain.llm.collective_rpc("eagle3_viz_counted"))

    assert await untraced("before") == 0
    await plain.llm.collective_rpc("eagle3_viz_count")
    assert_exact(await record(plain, [asked(PROMPTS[0])]))
    assert sum(await plain.llm.collective_rpc("eagle3_viz_counted")) > 100
    assert await untraced("after") == 0


async def test_of_a_batch_only_the_traced_requests_are_told(plain: VllmSource) -> None:
    from vllm import SamplingParams

    async def untraced(number: int, tokens: int = 300) -> list[int]:
        params = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True)
        ids: list[int] = []
        async for output in plain.llm.generate({"prompt_token_ids": [5, 6, number]}, params, f"other-{number}"):
            ids = output.outputs[0].token_ids
        return ids[:40]

    alone = [await untraced(number, 40) for number in range(7, 10)]
    others = [asyncio.create_task(untraced(number)) for number in range(7, 10)]
    trace = await record(plain, [asked(PROMPTS[1], n) for n in range(2)])
    assert [await other for other in others] == alone
    assert max(step.batch_size for step in steps_of(trace)) > 2
    assert all(finished(trace, name).counters_verified for name in trace.requests)


async def test_detached_and_attached_again(plain: VllmSource) -> None:
    before = finished(await record(plain, [asked(PROMPTS[2])])).output_token_ids
    await plain.detach()
    with pytest.raises(InputError, match="the probe is detached"):
        await record(plain, [asked(PROMPTS[2])])
    await plain.attach()
    trace = await record(plain, [asked(PROMPTS[2])])
    assert_exact(trace)
    assert finished(trace).output_token_ids == before


async def test_without_a_reader_the_run_ends_and_says_what_it_missed(
    plain: VllmSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_recording, "WITNESS_TIMEOUT", 0.2)
    plain.inbox.hang_up()
    trace = await record(plain, [asked(PROMPTS[3], ignore_eos=True)])
    dropped = [event for event in trace.events if isinstance(event, StepsDropped)]
    assert steps_of(trace) == []
    assert sum(event.count for event in dropped) == trace.requests["r0"].num_dropped > 5
    assert (finished(trace).finish_reason, finished(trace).counters_verified) == ("length", False)
    assert finished(trace).output_token_ids
    await plain.attach()
    assert_exact(await record(plain, [asked(PROMPTS[3])]))


@pytest.mark.skipif(not cpu.is_cpu_only() and torch.cuda.device_count() < 2, reason="one GPU is one rank")
async def test_of_two_ranks_one_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "|".join(map(str, sorted(os.sched_getaffinity(0))[:2])))  # one each
    async with tiny_llama4(tensor_parallel_size=2) as source:
        trace = await record(source, [asked(PROMPTS[n], n, temperature=0.8 * (n % 2)) for n in range(4)])
    assert trace.engine.tensor_parallel_size == 2
    assert_exact(trace)


def workers(source: VllmSource) -> list[psutil.Process]:
    """The processes of its ranks, and nobody else's: a browser's come and go meanwhile."""
    [core] = source.llm.engine_core.resources.engine_manager.processes
    ranks: list[psutil.Process] = psutil.Process(core.pid).children()
    return ranks


async def test_a_worker_that_dies_fails_the_request_and_ends_the_source() -> None:
    async with tiny_llama4() as source:
        trace = Trace()

        def kill(event: Any) -> None:
            if isinstance(event, Step) and event.index == 3:
                for worker in workers(source):
                    worker.kill()

        trace.subscribe(kill)
        async with asyncio.timeout(60):
            await record(source, [asked(PROMPTS[4], ignore_eos=True, max_tokens=500)], trace)
            assert "vLLM stopped" in await source.ended()
        ended = trace.requests["r0"].ended
        assert isinstance(ended, RequestFailed)
        assert ended.error == STOPPED
        assert trace.finished
