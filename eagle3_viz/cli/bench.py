"""`bench`: a dataset through an engine, and what that says of the draft head."""

import argparse
import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from eagle3_viz import bundled
from eagle3_viz.analysis import results
from eagle3_viz.analysis.results import Benchmark
from eagle3_viz.bench import datasets
from eagle3_viz.bench.whole import Interrupted, Plan, Whole
from eagle3_viz.cli.files import writing
from eagle3_viz.cli.record import progress_on_stderr
from eagle3_viz.config import check_k, check_sampling
from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling
from eagle3_viz.sources.opening import add_engine_arguments, open_engine, open_plain

BELOW, INTERRUPTED, INCOMPLETE = 3, 1, 1
WEIGHTS = ("config.json", "*.safetensors")
EXIT_CODES = "exit codes: 0 fine, 2 bad input (one line on stderr), 3 below --fail-below, 1 anything else"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser("bench", description="Measure acceptance and speed on a dataset.", epilog=EXIT_CODES)
    add_what(parser)
    add_how(parser)
    parser.add_argument(
        "--json", metavar="OUT", type=Path, help="write the report and every answer; traces are kept in OUT.traces"
    )
    parser.add_argument(
        "--save-traces", metavar="DIR", type=Path, help="keep each answer's trace; the same command again goes on there"
    )
    parser.add_argument(
        "--fail-below", metavar="LENGTH", type=float, help="exit with 3 where the mean acceptance length is below"
    )


def add_what(parser: argparse.ArgumentParser) -> None:
    """What to ask."""
    parser.add_argument("--dataset", metavar="FILE|HF_ID", help="lines with `turns`, `conversations` or `prompt`")
    parser.add_argument("--images", metavar="DIR|FILE", type=Path, help="ask --question about each image")
    parser.add_argument("--question", metavar="TEXT", default=datasets.QUESTION, help="default: %(default)s")
    parser.add_argument("--turns", choices=("first", "all"), default="first", help="of a conversation")
    parser.add_argument("--num-prompts", metavar="N", type=int, help="only the first N")
    parser.add_argument("--max-tokens", metavar="N", type=int, default=256)
    parser.add_argument("--temperature", metavar="T", type=float, default=0.0, help="0 (default) is greedy")


def add_how(parser: argparse.ArgumentParser) -> None:
    """On which engine."""
    parser.add_argument("--concurrency", metavar="C", type=int, default=1, help="requests at a time")
    parser.add_argument("--num-speculative-tokens", metavar="K", type=int, help="default: the head's own")
    parser.add_argument("--sweep", metavar="K,K,…", type=numbers, default=(), help="measure these K too")
    parser.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0], help="a pair that ships")
    parser.add_argument("--speculator", metavar="P", help="folder or Hugging Face id of a head of your own")
    parser.add_argument("--verifier", metavar="P", help="its verifier, if not the one that it names")
    add_engine_arguments(parser)
    parser.add_argument("--baseline", action="store_true", help="the same prompts without speculation too")


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers between commas."""
    return tuple(int(part) for part in text.split(","))


def run(args: argparse.Namespace) -> int:
    """Measure and report; returns 3 where `--fail-below` is not reached, 1 where it was interrupted."""
    plan = plan_of(args)
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # stdout is for what was measured
    try:
        benchmark = asyncio.run(measure(args, plan))
    except Interrupted:
        print("eagle3_viz bench: interrupted before the first answer", file=sys.stderr)
        return INTERRUPTED
    from eagle3_viz.views import bench_report, terminal

    bench_report.show(benchmark, terminal.plain_console())
    if args.json:
        with writing(args.json):
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_bytes(results.encode(benchmark))
    if benchmark.interrupted:
        again = f"the same command goes on in {plan.folder}" if plan.folder else "nothing was kept: add --save-traces"
        print(f"eagle3_viz bench: interrupted; {again}", file=sys.stderr)
        return INTERRUPTED
    if len(benchmark.sweep) < len(set(args.sweep)) or (args.baseline and benchmark.baseline is None):
        print("eagle3_viz bench: not all that was asked for could be measured", file=sys.stderr)
        return INCOMPLETE
    return verdict(benchmark, args.fail_below)


def verdict(benchmark: Benchmark, fail_below: float | None) -> int:
    """The exit code, and by how much a measurement is below what was asked for."""
    length = benchmark.summary.mean_acceptance_length
    if fail_below is None or (length is not None and length >= fail_below):
        return 0
    told = "nothing was drafted" if length is None else f"mean acceptance length {length:.4f}"
    gap = "" if length is None else f", {fail_below - length:.4f} below {fail_below:g}"
    print(f"eagle3_viz bench: {told}{gap}", file=sys.stderr)
    return BELOW


def plan_of(args: argparse.Namespace) -> Plan:
    """What to measure.

    Raises:
        InputError: an option is out of range, or there is nothing to ask.
    """
    if not args.dataset and not args.images:
        raise InputError("there is nothing to ask: name a --dataset, or --images")
    for name, value in (("--num-prompts", args.num_prompts), ("--concurrency", args.concurrency)):
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}: give 1 or more")
    for k in (args.num_speculative_tokens, *args.sweep):
        check_k(k)
    sampling = Sampling(temperature=args.temperature, max_tokens=args.max_tokens)
    check_sampling(sampling, 0)
    return Plan(
        dataset=datasets.read(args.dataset, args.images, args.question, args.num_prompts),
        sampling=sampling,
        pair=pair_of(args),
        concurrency=args.concurrency,
        all_turns=args.turns == "all",
        k=args.num_speculative_tokens,
        sweep=args.sweep,
        baseline=args.baseline,
        weights=weights_of([args.speculator, args.verifier] if args.speculator else [bundled.head(args.model)]),
        folder=args.save_traces or (args.json.with_suffix(".traces") if args.json else None),
    )


def pair_of(args: argparse.Namespace) -> str:
    """The pair in words, with what was added to how it runs."""
    pair = f"{args.speculator} for {args.verifier or 'its verifier'}" if args.speculator else args.model
    return f"{pair} with {json.dumps(args.engine_args)}" if args.engine_args else pair


def weights_of(checkpoints: Sequence[str | Path | None]) -> str:
    """What changes when a file of these folders does; a Hugging Face id is taken at its word."""
    folders = [Path(name).expanduser() for name in checkpoints if name]
    files = sorted(path for folder in folders for kind in WEIGHTS for path in folder.glob(kind))
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16] if files else ""


async def measure(args: argparse.Namespace, plan: Plan) -> Benchmark:
    """Run the plan; Ctrl-C ends it early, and what is done is reported."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    chosen = {
        "model": args.model,
        "speculator": args.speculator,
        "verifier": args.verifier,
        "engine_args": args.engine_args,
    }
    with progress_on_stderr() as tell:
        return await Whole(
            plan,
            open_at=lambda k: open_engine(tell, **chosen, num_speculative_tokens=k),
            open_plain=partial(open_plain, tell, **chosen),
            tell=tell,
            stop=stop,
        ).run()
