"""`compare A B`: two measurements of the same prompts, benchmarks' JSON or traces."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import msgspec

from eagle3_viz.analysis import results
from eagle3_viz.analysis.measured import Measured, of_trace
from eagle3_viz.analysis.paired import paired
from eagle3_viz.cli.files import load_trace, writing
from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser("compare", description="Compare two measurements of the same prompts.")
    parser.add_argument("a", metavar="A", type=Path, help="what `bench --json` wrote, or a trace")
    parser.add_argument("b", metavar="B", type=Path, help="the same, of another head, K or version")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the comparison")


@dataclass(frozen=True)
class Side:
    """One of the two."""

    name: str
    engine: EngineInfo
    greedy: bool
    answers: list[Measured]


def run(args: argparse.Namespace) -> int:
    """Print the comparison."""
    a, b = load(args.a), load(args.b)
    found = paired(a.answers, b.answers, greedy=a.greedy and b.greedy and a.engine.verifier == b.engine.verifier)
    if not found.num_pairs:
        raise InputError(f"{args.a} and {args.b} have no prompt in common: there is nothing to compare")
    from eagle3_viz.views import compare_report, terminal

    compare_report.show(found, (a.name, b.name), terminal.plain_console())
    if args.json:
        with writing(args.json):
            args.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return 0


def load(path: Path) -> Side:
    """A benchmark or a trace.

    Raises:
        InputError: the file cannot be read, or nothing in it was measured.
        TraceFileError: it is no trace.
    """
    side = of_benchmark(path) if path.suffix == ".json" else of_recording(path)
    if not side.answers:
        raise InputError(f"{path} holds no answer that ended in order")
    return side


def of_benchmark(path: Path) -> Side:
    """The side that is a benchmark's JSON."""
    found = results.load(path)
    pace = found.report.times.tokens_per_second
    name = title(path, found.engine) + (f", {pace:.1f} tokens/s" if pace else "")
    return Side(name, found.engine, not found.settings["temperature"], found.answers)


def of_recording(path: Path) -> Side:
    """The side that is a trace."""
    trace = load_trace(path)
    greedy = all(not record.started.sampling.temperature for record in trace.requests.values())
    return Side(title(path, trace.engine), trace.engine, greedy, list(of_trace(trace)))


def title(path: Path, engine: EngineInfo) -> str:
    """A side in a line."""
    version = f", vLLM {engine.vllm_version}" if engine.vllm_version else ""
    return f"{path.name}: {engine.draft} for {engine.verifier}, K = {engine.num_speculative_tokens}{version}"
