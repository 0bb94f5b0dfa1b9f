"""The prompts that a user names on the command line or in a file, as requests."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from eagle3_viz.cli.files import load_trace
from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling
from eagle3_viz.input_files import parse, read_file, read_image
from eagle3_viz.sources.base import Request, user_message


def requests_of(args: argparse.Namespace) -> list[Request]:
    """The requests of `record`'s arguments, in order.

    Raises:
        InputError: a file cannot be read, or a line of it is no prompt.
    """
    if args.trace:
        return again(args.trace, args.top_logprobs)
    if args.prompts and args.image:
        raise InputError("--image goes with --prompt: in a file of prompts, name the image of a line as its `image`")
    sampling = Sampling(temperature=args.temperature, seed=args.seed, max_tokens=args.max_tokens)
    if args.prompts:
        prompts = list(read_prompts(args.prompts))
    else:
        prompts = [(args.prompt, [read_image(path) for path in args.image])]
    return [
        Request(
            request_id=f"r{number}",
            messages=None if args.raw else [user_message(prompt, len(images))],
            prompt=prompt if args.raw else None,
            images=tuple(images),
            sampling=sampling,
            top_logprobs=args.top_logprobs,
        )
        for number, (prompt, images) in enumerate(prompts)
    ]


def again(path: Path, top_logprobs: int) -> list[Request]:
    """The requests of a trace as they were sent, under their names. Those that it does not hold whole are left out:
    images, of which it keeps thumbnails, and branches, which began inside another answer.

    Raises:
        InputError: it cannot be opened, or holds none that can be sent again.
    """
    trace = load_trace(path)
    found = [
        Request(
            request_id=name,
            messages=seen.started.messages,
            prompt=None if seen.started.messages else seen.started.text,
            sampling=seen.started.sampling,
            top_logprobs=top_logprobs,
        )
        for name, seen in trace.requests.items()
        if not seen.started.images and seen.started.parent is None
    ]
    if not found:
        raise InputError(f"{path} holds no request that can be sent again: its images are thumbnails only")
    left = len(trace.requests) - len(found)
    if left:
        print(f"{path}: {left} with images or branched off are not sent again", file=sys.stderr)
    return found


def read_prompts(path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Prompt and images of each line; of several turns the first is taken. Images are beside the file of prompts.

    Raises:
        InputError: a line is no JSON object with `prompt` or `turns`, its `image` is no file name or list of them or
            cannot be read, or there is no line at all.
    """
    lines = enumerate(read_file(path).decode("utf-8", "replace").split("\n"), start=1)
    written = [(number, line) for number, line in lines if line.strip()]
    if not written:
        raise InputError(f"{path} holds no prompts: give a line of JSON with `prompt` for each")
    for number, line in written:
        record = parse(line, f"{path}, line {number}")
        turns = record.get("turns")
        prompt = record.get("prompt", turns[0] if isinstance(turns, list) and turns else None)
        if not isinstance(prompt, str):
            raise InputError(f"{path}, line {number}: there is no `prompt` and no `turns`")
        image = record.get("image") or []
        names = [image] if isinstance(image, str) else image
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(f"{path}, line {number}: `image` is neither a file name nor a list of them")
        yield prompt, [read_image(path.parent / name) for name in names]
