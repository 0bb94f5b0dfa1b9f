"""The real engine: our counts are vLLM's counts, and our text is vLLM's text."""

import asyncio
import json
from pathlib import Path

import pytest

from eagle3_viz import bundled, draft_vocabulary
from eagle3_viz.errors import InputError
from eagle3_viz.events import Piece, Pieces, RequestFinished, RequestStarted, Sampling, Step
from eagle3_viz.sources.base import Request, record
from eagle3_viz.sources.vllm_engine import VllmSource
from eagle3_viz.trace import Trace

pytestmark = pytest.mark.engine

PROMPTS = [json.loads(line)["prompt"] for line in Path("assets/prompts.jsonl").read_text("utf-8").splitlines()]
MARKUP = "<img src=x onerror=alert(1)>"


def chat(prompt: str, number: int = 0, temperature: float = 0.0, max_tokens: int = 48) -> Request:
    """A chat request."""
    return Request(
        request_id=f"r{number}",
        messages=[{"role": "user", "content": prompt}],
        sampling=Sampling(temperature=temperature, max_tokens=max_tokens),
    )


def finished(trace: Trace, request_id: str) -> RequestFinished:
    """How a request ended, which has to be in order."""
    ended = trace.requests[request_id].ended
    assert isinstance(ended, RequestFinished), ended
    return ended


def targets_of(pair: bundled.Pair) -> list[int]:
    """The ids that the head can propose, as its checkpoint says."""
    from safetensors import safe_open

    file = json.loads(Path(pair.speculator, "model.safetensors.index.json").read_text("utf-8"))["weight_map"]["t2d"]
    with safe_open(Path(pair.speculator, file), "pt") as tensors:
        targets: list[int] = tensors.get_tensor("t2d").nonzero().flatten().tolist()
    return targets


def assert_counts_agree(trace: Trace) -> None:
    """Ours are vLLM's to the integer, for each request and over all."""
    assert trace.finished
    assert trace.finished.engine_totals == trace.counters
    for request_id, seen in trace.requests.items():
        ended = finished(trace, request_id)
        assert ended.engine_counters == seen.tally.counters(trace.engine.num_speculative_tokens)
        assert ended.counters_verified is True


def assert_text_agrees(trace: Trace) -> None:
    """The pieces give the engine's own text, byte for byte; it holds back tokens that end within a character."""
    for request_id in trace.requests:
        ended = finished(trace, request_id)
        ids = list(ended.output_token_ids)
        while (text := trace.bytes_of(ids).decode("utf-8", errors="replace")).endswith("\N{REPLACEMENT CHARACTER}"):
            ids.pop()
        assert text == ended.text


@pytest.mark.parametrize("temperature", [0.0, 0.8])
async def test_counts_and_text_are_vllms_own(vllm_source: VllmSource, temperature: float) -> None:
    requests = [chat(prompt, number, temperature) for number, prompt in enumerate(PROMPTS[8:18])]
    trace = await record(vllm_source, requests)
    assert trace.counters.num_drafts > 50
    assert trace.counters.num_accepted_tokens > 0
    assert_counts_agree(trace)
    assert_text_agrees(trace)


async def test_an_answer_that_begins_inside_a_character_has_its_own_text(vllm_source: VllmSource) -> None:
    first, *rest = vllm_source.vocabulary.tokenizer.encode("\U0001f600")
    assert isinstance(vllm_source.vocabulary.piece(first), Piece)  # half a character
    request = Request(
        request_id="r0",
        messages=[{"role": "user", "content": PROMPTS[0]}],
        continues=(first,),
        sampling=Sampling(allowed_token_ids=rest, max_tokens=6),
    )
    trace = await record(vllm_source, [request])
    assert_counts_agree(trace)
    assert set(finished(trace, "r0").output_token_ids) <= set(rest)
    assert "user" not in finished(trace, "r0").text  # of the prompt, which vLLM tells once more


async def test_eight_at_once_hold_only_their_own_steps(vllm_source: VllmSource) -> None:
    alone = [await record(vllm_source, [chat(prompt, 0, max_tokens=24)]) for prompt in PROMPTS[:8]]
    together = await record(vllm_source, [chat(prompt, n, max_tokens=24) for n, prompt in enumerate(PROMPTS[:8])])
    assert max(step.batch_size for step in together.events if isinstance(step, Step)) == 8
    assert_counts_agree(together)
    for number, one in enumerate(alone):
        assert finished(together, f"r{number}").output_token_ids == finished(one, "r0").output_token_ids
    assert list(together.requests) == [f"r{number}" for number in range(8)]


async def test_greedy_text_is_that_of_transformers(vllm_source: VllmSource, pair: bundled.Pair) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    trace = await record(vllm_source, [chat(prompt, n, max_tokens=24) for n, prompt in enumerate(PROMPTS)])
    model = AutoModelForCausalLM.from_pretrained(pair.verifier, dtype=torch.float32).eval()
    for seen in trace.requests.values():
        ids = torch.tensor([[*seen.started.token_ids, *seen.output_token_ids]])
        with torch.inference_mode():
            theirs = model(ids).logits[0].argmax(-1).tolist()  # behind the same text: one pass tells what 24 would
        assert seen.output_token_ids == theirs[len(seen.started.token_ids) - 1 : -1], seen.started.text
    assert len(trace.requests) == 20


async def test_the_verifiers_numbers_are_those_of_transformers(vllm_source: VllmSource, pair: bundled.Pair) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    trace = await record(vllm_source, [chat(PROMPTS[1], max_tokens=24)])
    seen = trace.requests["r0"]
    model = AutoModelForCausalLM.from_pretrained(pair.verifier, dtype=torch.float32).eval()
    ids = torch.tensor([[*seen.started.token_ids, *seen.output_token_ids]])
    with torch.inference_mode():
        logprobs = model(ids).logits[0, len(seen.started.token_ids) - 1 :].log_softmax(-1)
    for step in seen.steps:
        for offset, row in enumerate(step.verifier[: len(step.emitted) - step.num_cut]):
            theirs = logprobs[step.output_start + offset]
            assert row.emitted_logprob == pytest.approx(float(theirs[step.emitted[offset]]), abs=1e-3)
            assert [entry[1] for entry in row.top] == pytest.approx(theirs.topk(5).values.tolist(), abs=1e-3)
            assert row.entropy == pytest.approx(float(torch.special.entr(theirs.exp()).sum()), abs=1e-3)


async def test_the_draft_vocabulary_is_the_heads_own(vllm_source: VllmSource, pair: bundled.Pair) -> None:
    info = vllm_source.engine
    assert [one for one in range(info.vocab_size or 0) if draft_vocabulary.holds(info, one)] == targets_of(pair)


async def test_steps_explain_their_verdict(vllm_source: VllmSource) -> None:
    trace = await record(vllm_source, [chat(PROMPTS[4], 0), chat(PROMPTS[5], 1, temperature=0.8)])
    for seen in trace.requests.values():
        first, *judged = seen.steps
        assert (first.proposed, first.rule) == ([], None)
        for step in judged:
            assert len(step.verifier) == len(step.emitted)
            assert len(step.proposed) == 3
            assert all(token.logprob is not None and len(token.top) == 5 for token in step.proposed)
            assert 0 < (step.ms.draft or 0) < (step.ms.step or 0)
            assert 0 < (step.ms.verify or 0) < (step.ms.step or 0)
    for step in trace.requests["r0"].steps[1:]:
        probabilities = [row.accept_probability for row in step.verifier[: len(step.proposed)]]
        assert step.rule == "greedy"
        assert probabilities == [1.0] * step.num_accepted + [0.0] * (step.num_accepted < len(step.proposed))
    sampled = [row.accept_probability for step in trace.requests["r1"].steps[1:] for row in step.verifier[:3]]
    assert {step.rule for step in trace.requests["r1"].steps[1:]} == {"probabilistic"}
    assert any(probability is not None and 0 < probability < 1 for probability in sampled)


async def test_stop_aborts_at_once_and_leaves_the_engine_idle(vllm_source: VllmSource) -> None:
    stop = asyncio.Event()
    trace = Trace()
    trace.subscribe(lambda event: stop.set() if isinstance(event, Step) and event.index == 5 else None)
    await record(vllm_source, [chat("Count to a thousand in words.", max_tokens=1000)], trace, stop)
    ended = finished(trace, "r0")
    assert (ended.finish_reason, ended.counters_verified) == ("abort", None)
    assert 5 <= len(trace.requests["r0"].steps) < 100
    assert not vllm_source.llm.output_processor.has_unfinished_requests()
    assert vllm_source.running == {}
    assert trace.finished
    assert trace.finished.engine_totals == trace.counters


async def test_aborts_of_many_at_once_are_counted_as_vllm_counts_them(vllm_source: VllmSource) -> None:
    for at in (3, 4, 9):
        stop = asyncio.Event()
        trace = Trace()
        trace.subscribe(lambda event: stop.set() if isinstance(event, Step) and event.index == at else None)  # noqa: B023
        requests = [chat(prompt, number, max_tokens=400) for number, prompt in enumerate(PROMPTS[:4])]
        await record(vllm_source, requests, trace, stop)
        assert trace.finished
        assert trace.finished.engine_totals == trace.counters


async def test_markup_is_text(vllm_source: VllmSource) -> None:
    trace = await record(vllm_source, [chat(f"Repeat: {MARKUP}")])
    started = next(event for event in trace.events if isinstance(event, RequestStarted))
    assert MARKUP in trace.text_of(started.token_ids)
    pieces = [event for event in trace.events if isinstance(event, Pieces)]
    assert MARKUP not in [piece for event in pieces for piece in event.pieces.values()]


BAD = {
    "empty": (Request(request_id="x", prompt="  \n"), "the prompt is empty"),
    "10 MB": (Request(request_id="x", prompt="a" * 10_000_000), "10,000,000 characters"),
    "too long": (chat("word " * 3000), "the model takes 2,048"),
    "image": (Request(request_id="x", prompt="What is this?", images=(b"GIF89a",)), "reads text only"),
    "temperature": (chat("Hello", temperature=-1), "temperature is -1"),
}


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_is_told_and_the_engine_lives_on(vllm_source: VllmSource, case: str) -> None:
    request, message = BAD[case]
    with pytest.raises(InputError, match=message):
        await record(vllm_source, [request])
    assert_counts_agree(await record(vllm_source, [chat("Say hello.", max_tokens=8)]))


async def test_a_bad_request_among_good_ones_fails_alone(vllm_source: VllmSource) -> None:
    trace = await record(vllm_source, [chat("", 0), chat("Say hello.", 1, max_tokens=8)])
    assert "empty" in getattr(trace.requests["r0"].ended, "error", "")
    assert finished(trace, "r1").output_token_ids
