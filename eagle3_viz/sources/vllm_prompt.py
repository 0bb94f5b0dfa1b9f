"""From a request to what vLLM's engine takes: chat template, token ids, pictures. Says what is wrong before it runs."""

import asyncio
from typing import Any

import msgspec

from eagle3_viz import events
from eagle3_viz.config import MAX_PROMPT_CHARACTERS, check_image_count, check_sampling
from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Request


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as the engine takes it (`engine_input`), and as the trace records it."""

    text: str
    token_ids: list[int]  # what the engine prefills: a picture's placeholder as often as it takes tokens
    engine_input: Any
    images: list[events.Image] = []


def check(request: Request) -> None:
    """Check what needs no model.

    Raises:
        InputError: the prompt is empty or far too long, or a sampling parameter is out of range.
    """
    check_sampling(request.sampling, request.top_logprobs)
    text = written_text(request)
    if not text.strip():
        raise InputError("the prompt is empty: write something for the model to answer")
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InputError(
            f"the prompt has {len(text):,} characters: at most {MAX_PROMPT_CHARACTERS:,} are read. Shorten it"
        )


def written_text(request: Request) -> str:
    """What the user wrote, before any template."""
    if request.prompt is not None:
        return request.prompt
    return "\n".join(content_text(message.get("content")) for message in request.messages or [])


def content_text(content: Any) -> str:
    """The text of a message's content, which is a string or a list of typed parts."""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or [] if isinstance(part, dict))


async def render(request: Request, engine: Any, tokenizer: Any) -> Prompt:
    """Apply the chat template, tokenize, and let the engine's own renderer put the pictures in.

    Raises:
        InputError: the prompt is longer than the model takes, the tokenizer or its chat template do not take it, the
            model sees no pictures, or one of them cannot be used.
    """
    model = engine.model_config
    check_image_count(len(request.images), images_per_prompt(model))
    try:
        text, token_ids = await asyncio.to_thread(begun, request, tokenizer)
    except InputError:
        raise
    except Exception as error:  # a template may refuse an order of roles, a tokenizer half a character
        raise InputError(f"the verifier's chat template or tokenizer does not take this prompt: {error}") from error
    check_length(len(token_ids), model.max_model_len)
    prompt = Prompt(text=text, token_ids=token_ids, engine_input={"prompt_token_ids": token_ids})
    if request.images:
        prompt = await with_pictures(prompt, request.images, engine.renderer)
        check_length(len(prompt.token_ids), model.max_model_len, len(prompt.token_ids) - len(token_ids))
    return prompt


def images_per_prompt(model_config: Any) -> int:
    """How many images the model takes; 0 where it reads text only."""
    multimodal = model_config.multimodal_config if model_config.is_multimodal_model else None
    return multimodal.get_limit_per_prompt("image") if multimodal else 0


def check_length(num_tokens: int, max_model_len: int, num_image_tokens: int = 0) -> None:
    """Check that the prompt leaves room for an answer.

    Raises:
        InputError: it does not.
    """
    if num_tokens >= max_model_len:
        pictures = f", {num_image_tokens:,} of them for images" if num_image_tokens else ""
        raise InputError(
            f"the prompt has {num_tokens:,} tokens{pictures}: the model takes {max_model_len:,}, answer included."
            " Shorten it"
        )


def begun(request: Request, tokenizer: Any) -> tuple[str, list[int]]:
    """The prompt's text and tokens, one placeholder a picture, and what of an answer already stands behind it.

    Raises:
        InputError: the tokenizer has no chat template.
    """
    text, token_ids = templated(request, tokenizer)
    if not request.continues:
        return text, token_ids
    return text + tokenizer.decode(list(request.continues)), [*token_ids, *request.continues]


def templated(request: Request, tokenizer: Any) -> tuple[str, list[int]]:
    """The prompt's text and tokens, with one placeholder a picture.

    Raises:
        InputError: the tokenizer has no chat template.
    """
    if request.prompt is not None:
        return request.prompt, tokenizer.encode(request.prompt)
    if not tokenizer.chat_template:
        raise InputError("the verifier has no chat template: send the prompt raw")
    text = tokenizer.apply_chat_template(request.messages, tokenize=False, add_generation_prompt=True)
    return text, tokenizer.encode(text, add_special_tokens=False)


async def with_pictures(prompt: Prompt, files: tuple[bytes, ...], renderer: Any) -> Prompt:
    """The prompt with its pictures, as vLLM's renderer makes it.

    Raises:
        InputError: an image cannot be used, or the placeholders in the text do not fit the pictures.
    """
    from eagle3_viz.images import decode_all

    pictures = await asyncio.to_thread(decode_all, files)
    data = {"image": [picture.image for picture in pictures]}
    try:
        (rendered,) = await renderer.render_cmpl_async([{**prompt.engine_input, "multi_modal_data": data}])
    except Exception as error:  # whatever vLLM or the model's own processor says of this input
        raise InputError(
            f"the model cannot take this prompt with {len(files)} image(s): {error}. Raw text must hold the model's"
            " image placeholder once for each"
        ) from error
    places = rendered.get("mm_placeholders", {}).get("image", [])
    lengths = [place.length for place in places] if len(places) == len(pictures) else [None] * len(pictures)
    facts = [
        msgspec.structs.replace(picture.facts, num_tokens=length)
        for picture, length in zip(pictures, lengths, strict=True)
    ]
    return Prompt(text=prompt.text, token_ids=rendered["prompt_token_ids"], engine_input=rendered, images=facts)
