"""The tiny-llama4 pair as it ships, in real vLLM."""

import io

import pytest

from eagle3_viz.events import RequestFinished, Sampling
from eagle3_viz.sources.base import Request, record
from eagle3_viz.sources.vllm_engine import VllmSource
from eagle3_viz.trace import Trace
from training.tiny_llama4 import evaluate, settings
from training.tiny_llama4.foreign import pictures as foreign_pictures

pytestmark = pytest.mark.engine


def asking(name: str, chat: evaluate.Chat, temperature: float = 0.0) -> Request:
    """Return a request for one of the evaluation's chats."""
    content = chat[0]["content"]
    if isinstance(content, str):
        return Request(request_id=name, messages=chat, sampling=Sampling(temperature=temperature, max_tokens=160))
    file = io.BytesIO()
    content[0]["image_pil"].save(file, "PNG")
    return Request(
        request_id=name,
        messages=[{"role": "user", "content": [{"type": "image"}, content[1]]}],
        images=(file.getvalue(),),
        sampling=Sampling(temperature=temperature, max_tokens=160),
    )


def text(trace: Trace, name: str) -> str:
    """The text of an answer that ended by itself."""
    ended = trace.requests[name].ended
    assert isinstance(ended, RequestFinished)
    assert ended.finish_reason == "stop"
    return ended.text


async def test_greedy_tokens_are_those_of_transformers(seeing_source: VllmSource) -> None:
    chats = [chat for _, chat in evaluate.held_out(None, 6)] + evaluate.prompts_without_picture(4)
    trace = await record(seeing_source, [asking(f"r{number}", chat) for number, chat in enumerate(chats)])
    theirs = evaluate.transformers_answers(str(settings.START), chats)
    assert [trace.requests[f"r{number}"].output_token_ids for number in range(len(chats))] == theirs


async def test_pictures_that_others_drew_are_seen(seeing_source: VllmSource) -> None:
    pictures = list(foreign_pictures())
    questions = {"shape": "What shape is it?", "colour": "What colour is the shape?"}
    requests = [
        asking(f"{kind} {picture.name} {number}", evaluate.chat(question, picture.image))
        for kind, question in questions.items()
        for number, picture in enumerate(pictures)
    ]
    trace = await record(seeing_source, requests)
    told = [
        evaluate.is_told(
            picture, text(trace, f"shape {picture.name} {number}"), text(trace, f"colour {picture.name} {number}")
        )
        for number, picture in enumerate(pictures)
    ]
    assert sum(told) >= 8, [picture.name for picture, right in zip(pictures, told, strict=True) if not right]


async def test_sampled_answers_end_and_some_proposals_are_rejected(seeing_source: VllmSource) -> None:
    chats = [chat for _, chat in evaluate.held_out(None, 24)]
    trace = await record(seeing_source, [asking(f"r{number}", chat, 0.8) for number, chat in enumerate(chats)])
    answers = [text(trace, name) for name in trace.requests]
    assert len(set(answers)) > 12
    counters = trace.counters
    assert 0 < counters.num_accepted_tokens < counters.num_draft_tokens
    assert all(image.num_tokens for seen in trace.requests.values() for image in seen.started.images)
