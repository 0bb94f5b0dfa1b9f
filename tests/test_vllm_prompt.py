"""Rendering a request for vLLM, with stand-ins for its renderer and tokenizer."""

from types import SimpleNamespace
from typing import Any

import pytest

from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Request
from eagle3_viz.sources.vllm_prompt import render
from tests.picturing import png

PLACEHOLDER, PATCH = 7, 8
ASKED = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}]


class Tokenizer:
    chat_template = "a template"

    def apply_chat_template(self, messages: Any, **_: Any) -> str:
        return "<|image|>What is this?"

    def encode(self, text: str, **_: Any) -> list[int]:
        return [PLACEHOLDER if part else 1 for part in (True, False, False)] if "<|image|>" in text else [1] * len(text)


class Renderer:
    """Puts `patches` tokens where a placeholder is."""

    def __init__(self, patches: int) -> None:
        self.patches = patches

    async def render_cmpl_async(self, prompts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        (prompt,) = prompts
        ids = prompt["prompt_token_ids"]
        if ids.count(PLACEHOLDER) != len(prompt["multi_modal_data"]["image"]):
            raise ValueError("no place for the image")
        expanded = [it for one in ids for it in ([PATCH] * self.patches if one == PLACEHOLDER else [one])]
        places = {"image": [SimpleNamespace(length=self.patches)]}
        return [{"type": "multimodal", "prompt_token_ids": expanded, "mm_placeholders": places}]


def engine(*, sees: bool = True, patches: int = 5) -> Any:
    model = SimpleNamespace(
        is_multimodal_model=sees,
        max_model_len=50,
        multimodal_config=SimpleNamespace(get_limit_per_prompt=lambda _: 2) if sees else None,
    )
    return SimpleNamespace(model_config=model, renderer=Renderer(patches))


def asking(**more: Any) -> Request:
    return Request(**{"request_id": "r", "messages": ASKED, "images": (png(),), **more})


async def test_what_a_template_refuses_is_told_of_this_prompt() -> None:
    class Strict(Tokenizer):
        def apply_chat_template(self, messages: Any, **_: Any) -> str:
            raise ValueError("roles must alternate")

    with pytest.raises(InputError, match="does not take this prompt: roles must alternate"):
        await render(asking(), engine(), Strict())


async def test_the_trace_has_the_tokens_that_the_engine_prefills() -> None:
    prompt = await render(asking(), engine(), Tokenizer())
    assert prompt.token_ids == [*[PATCH] * 5, 1, 1] == prompt.engine_input["prompt_token_ids"]
    assert prompt.text == "<|image|>What is this?"
    assert [(image.width, image.height, image.num_tokens) for image in prompt.images] == [(60, 40, 5)]


async def test_text_alone_does_not_pass_the_renderer() -> None:
    prompt = await render(asking(messages=None, prompt="abc", images=()), engine(), Tokenizer())
    assert prompt.engine_input == {"prompt_token_ids": [1, 1, 1]}
    assert prompt.images == []


@pytest.mark.parametrize(
    ("request_", "engine_", "problem"),
    [
        (asking(), engine(sees=False), "load a pair that sees"),
        (asking(images=(png(),) * 3), engine(), "3 images, of which at most 2"),
        (asking(), engine(patches=60), "62 tokens, 59 of them for images: the model takes 50"),
        (asking(messages=None, prompt="a" * 60), engine(), "60 tokens: the model takes 50"),
        (asking(messages=None, prompt="abc"), engine(), "no place for the image.*placeholder once for each"),
        (asking(images=(b"nonsense",)), engine(), "cannot be read as an image"),
    ],
)
async def test_what_cannot_run_is_told(request_: Request, engine_: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        await render(request_, engine_, Tokenizer())
