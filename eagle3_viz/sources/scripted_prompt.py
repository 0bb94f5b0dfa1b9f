"""The prompts of the scripted source: what it reads of a request, and what is wrong with one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from eagle3_viz import events
from eagle3_viz.config import check_image_count
from eagle3_viz.errors import InputError
from eagle3_viz.sources import scripted_text as text
from eagle3_viz.sources.base import Request


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A request's prompt in the fake's template, its pictures, and what is wrong with it, if anything."""

    text: str
    images: list[events.Image] = field(default_factory=list)
    problem: str | None = None


def read_all(requests: Sequence[Request], *, images_per_prompt: int) -> list[Prompt]:
    """The prompt of each request.

    Raises:
        InputError: two requests share an id, or none of them can run.
    """
    if not requests:
        raise InputError("there is no request: give at least one")
    if len({request.request_id for request in requests}) < len(requests):
        raise InputError("two requests have the same id: give each its own")
    prompts = [read(request, images_per_prompt=images_per_prompt) for request in requests]
    problems = [prompt.problem for prompt in prompts if prompt.problem]
    if len(problems) == len(prompts):
        raise InputError(problems[0])
    return prompts


def read(request: Request, *, images_per_prompt: int) -> Prompt:
    """The prompt of a request."""
    written = request.prompt or "" if request.messages is None else text.chat_text(request.messages)
    said = written if request.messages is None else text.spoken(request.messages)
    if not said.strip():
        return Prompt(text=written, problem="the prompt is empty: write something for the model to answer")
    try:
        return Prompt(text=written, images=look_at(request.images, written, images_per_prompt=images_per_prompt))
    except InputError as error:
        return Prompt(text=written, problem=str(error))


def look_at(files: tuple[bytes, ...], written: str, *, images_per_prompt: int) -> list[events.Image]:
    """The pictures, each with the number of its patches.

    Raises:
        InputError: the fake plays one that reads text only, an image cannot be used, or has no place in the text.
    """
    if not files:
        return []
    check_image_count(len(files), images_per_prompt)
    from eagle3_viz.images import decode_all  # Pillow is only needed here

    facts = [picture.facts for picture in decode_all(files)]
    if written.count(text.IMAGE.special or "") != len(facts):
        raise InputError(f"raw text must hold {text.IMAGE.special} once for each image")
    return [msgspec.structs.replace(image, num_tokens=text.num_patches(image.width, image.height)) for image in facts]
