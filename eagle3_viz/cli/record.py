"""`record`: generate from prompts on a real engine and write what happened as a trace file."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rich import progress as bars
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from eagle3_viz import bundled, codec
from eagle3_viz.cli.prompts import requests_of
from eagle3_viz.config import check_image_count, check_k, check_sampling
from eagle3_viz.errors import InputError
from eagle3_viz.events import RequestFailed, Step
from eagle3_viz.sources.base import Progress, Request, Source
from eagle3_viz.sources.opening import add_engine_arguments, open_engine
from eagle3_viz.sources.vllm_prompt import check
from eagle3_viz.trace import Trace


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser("record", description="Generate from prompts and write a trace file.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompt", metavar="TEXT", help="one prompt, sent through the chat template")
    what.add_argument("--prompts", metavar="FILE", type=Path, help="JSON lines with `prompt` or `turns`, and `image`")
    what.add_argument(
        "--from",
        dest="trace",
        metavar="TRACE",
        type=Path,
        help="the requests of a trace once more, as they were sent: for another head of the same verifier",
    )
    parser.add_argument(
        "--image",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="shown to the model before the prompt; may be repeated",
    )
    parser.add_argument("--raw", action="store_true", help="no chat template")
    parser.add_argument("--max-tokens", metavar="N", type=int, default=256)
    parser.add_argument("--temperature", metavar="T", type=float, default=0.0, help="0 (default) is greedy")
    parser.add_argument("--seed", metavar="S", type=int)
    parser.add_argument("--top-logprobs", metavar="N", type=int, default=5, help="alternatives on either side")
    parser.add_argument("--num-speculative-tokens", metavar="K", type=int, help="default: the head's own")
    parser.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0], help="a pair that ships")
    parser.add_argument("--speculator", metavar="P", help="folder or Hugging Face id of a head of your own")
    parser.add_argument("--verifier", metavar="P", help="its verifier, if not the one that it names")
    add_engine_arguments(parser)
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help=".jsonl or .jsonl.gz")


def run(args: argparse.Namespace) -> int:
    """Record; returns 1 where a request failed."""
    requests = requests_of(args)
    check_k(args.num_speculative_tokens)
    check_sampling(requests[0].sampling, args.top_logprobs)
    if args.prompt is not None:
        check_prompt(args, requests[0])  # before half a minute of starting the engine
    trace = asyncio.run(record_to(args, requests))
    failed = [event for event in trace.events if isinstance(event, RequestFailed)]
    for event in failed:
        print(f"eagle3_viz record: {event.request_id} failed: {event.error}", file=sys.stderr)
    print(f"{args.output}: {len(trace.requests) - len(failed)} of {len(trace.requests)} requests recorded")
    return 1 if failed else 0


def check_prompt(args: argparse.Namespace, request: Request) -> None:
    """Check the one prompt of the command line.

    Raises:
        InputError: it cannot be used, or one of its images cannot.
    """
    check(request)
    if args.image:
        from eagle3_viz import images  # Pillow is only needed here

        check_image_count(len(args.image))
        for data, path in zip(request.images, args.image, strict=True):
            images.decode(data, str(path))
        if not args.speculator and not bundled.SHIPPED[args.model].sees_images:
            seeing = [name for name, pair in bundled.SHIPPED.items() if pair.sees_images]
            raise InputError(f"{args.model} reads text only: leave the image out, or add --model {seeing[0]}")


async def record_to(args: argparse.Namespace, requests: list[Request]) -> Trace:
    """Start the engine, run the requests, and write each event as it comes."""
    with progress_on_stderr() as tell:
        source = await open_engine(
            tell,
            model=args.model,
            speculator=args.speculator,
            verifier=args.verifier,
            num_speculative_tokens=args.num_speculative_tokens,
            engine_args=args.engine_args,
        )
        try:
            return await write(source, requests, args.output, tell)
        finally:
            await source.close()


async def write(source: Source, requests: list[Request], path: Path, tell: Progress) -> Trace:
    """Record into a file. There is none where nothing could be recorded."""
    trace = Trace()
    most = sum(request.sampling.max_tokens for request in requests)
    tokens = 0
    with contextlib.ExitStack() as stack:
        stream = None
        async for event in source.record(requests):
            trace.append(event)
            if stream is None:
                stream = stack.enter_context(open_output(path))
            stream.write(codec.encode(event))
            if isinstance(event, Step):
                tokens += len(event.emitted) - event.num_cut
                tell(f"{tokens} tokens of at most {most}", tokens / most)
    return trace


def open_output(path: Path) -> BinaryIO:
    """Open the file to write.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return codec.open_write(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def progress_on_stderr() -> Iterator[Progress]:
    """Shows what is going on and how far it is, where stderr is a terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with bars.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def tell(message: str, fraction: float | None) -> None:
            total = None if fraction is None else 1.0
            progress.update(task, description=message, total=total, completed=fraction or 0)

        yield tell
