"""From a request to what vLLM's engine takes: chat template, token ids. Says what is wrong before it runs."""

from typing import Any

import msgspec

from eagle3_viz.config import MAX_PROMPT_CHARACTERS, check_sampling
from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling
from eagle3_viz.sources.base import Request


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as the engine takes it (`engine_input`), and as the trace records it."""

    text: str
    token_ids: list[int]
    engine_input: dict[str, Any]


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


def render(request: Request, tokenizer: Any, max_model_len: int) -> Prompt:
    """Apply the chat template and tokenize.

    Raises:
        InputError: the prompt is longer than the model takes, or the tokenizer has no chat template.
    """
    if request.prompt is not None:
        text, token_ids = request.prompt, tokenizer.encode(request.prompt)
    else:
        if not tokenizer.chat_template:
            raise InputError("the verifier has no chat template: send the prompt raw")
        text = tokenizer.apply_chat_template(request.messages, tokenize=False, add_generation_prompt=True)
        token_ids = tokenizer.encode(text, add_special_tokens=False)
    if len(token_ids) >= max_model_len:
        raise InputError(
            f"the prompt has {len(token_ids):,} tokens: the model takes {max_model_len:,}, answer included. Shorten it"
        )
    return Prompt(text=text, token_ids=token_ids, engine_input={"prompt_token_ids": token_ids})


def sampling_arguments(sampling: Sampling) -> dict[str, Any]:
    """Arguments for vLLM's SamplingParams. What is at its default is left out: seeds and top-p cost time."""
    arguments: dict[str, Any] = {"temperature": sampling.temperature, "max_tokens": sampling.max_tokens}
    if sampling.top_p < 1:
        arguments["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        arguments["top_k"] = sampling.top_k
    if sampling.seed is not None:
        arguments["seed"] = sampling.seed
    return arguments
