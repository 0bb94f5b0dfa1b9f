"""`inspect-head`: a head over the verifier's own text with true hidden states, at every position, some tokens deep."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eagle3_viz import cpu
from eagle3_viz.analysis.acceptance import rates
from eagle3_viz.analysis.diagnosis import Diagnosis
from eagle3_viz.cli import pairs
from eagle3_viz.cli.files import load_trace, writing
from eagle3_viz.cli.prompts import read_prompts
from eagle3_viz.cli.stats import causes_as_json
from eagle3_viz.doctor.facts import gather
from eagle3_viz.errors import InputError
from eagle3_viz.sources.pieces import Vocabulary
from eagle3_viz.trace import Trace

if TYPE_CHECKING:
    from eagle3_viz.heads.guesses import Guesses
    from eagle3_viz.heads.verifier import Seen, Text, Verifier


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser(
        "inspect-head",
        description="A head over the verifier's own text, at every position and not only where a run judged it.",
    )
    pairs.add_arguments(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--dataset", metavar="FILE", type=Path, help="prompts, which the verifier answers greedily first")
    what.add_argument("--trace", metavar="FILE", type=Path, help="a trace, whose answers are read again")
    parser.add_argument("--depth", metavar="D", type=int, default=3, help="tokens guessed at each position (default 3)")
    parser.add_argument("--max-tokens", metavar="N", type=int, default=128, help="of an answer to a --dataset prompt")
    parser.add_argument(
        "--against", metavar="P", help="another head for the same verifier, compared on the same positions"
    )
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the figures, and write them where that was asked for."""
    if args.depth < 1 or args.max_tokens < args.depth + 2:
        raise InputError("--depth is at least 1, and --max-tokens at least 2 more than it")
    speculator, named = pairs.named(args)
    trace = load_trace(args.trace) if args.trace else None
    cpu.prepare()
    from eagle3_viz.heads import comparison, summary
    from eagle3_viz.heads.verifier import Verifier
    from eagle3_viz.views import head_figures, terminal

    verifier = Verifier(pairs.verifier_of(speculator, named))
    texts = texts_of(args, trace, verifier)
    heads = [speculator, *([args.against] if args.against else [])]
    found = guesses_of(heads, named, verifier, texts, args.depth)
    spelled = Vocabulary(verifier.tokenizer).piece
    figures: dict[str, Any] = {
        head: summary.summarize(each, texts, spelled) for head, each in zip(heads, found, strict=True)
    }
    compared = comparison.compare(*found) if args.against else None
    console = terminal.plain_console()
    for head, each in figures.items():
        head_figures.show(head, each, console)
    measured = rates(trace.counters) if trace else None
    diagnosis = Diagnosis.of(trace, found[0].fed_truth(texts)) if trace else None
    if measured and diagnosis:
        head_figures.show_measured(measured, console)
        head_figures.show_causes(diagnosis, console)
    if compared:
        head_figures.show_comparison(heads[0], heads[1], compared, console)
    if args.json:
        whole = {"heads": {h: summary.as_json(f) for h, f in figures.items()}, "comparison": compared}
        causes = causes_as_json(diagnosis)["causes"] if diagnosis else None
        write_json(args.json, whole | {"measured": measured and asdict(measured), "causes": causes})
    return 0


def texts_of(args: argparse.Namespace, trace: Trace | None, verifier: "Verifier") -> "list[Text]":
    """The verifier's texts: read from the trace, or written to the prompts of the data set."""
    from eagle3_viz.heads import texts

    if trace:
        return texts.of_trace(trace, verifier.vocabulary)
    prompts = list(read_prompts(args.dataset))
    if any(images for _, images in prompts):
        raise InputError(f"{args.dataset} has images: the head is asked about texts alone, leave those lines out")
    return list(verifier.write([prompt for prompt, _ in prompts], args.max_tokens))


def guesses_of(
    heads: list[str], named: str | None, verifier: "Verifier", texts: "list[Text]", depth: int
) -> "list[Guesses]":
    """What each head guesses over the texts; the verifier reads them once."""
    from eagle3_viz.heads import module
    from eagle3_viz.heads.guesses import guesses
    from eagle3_viz.heads.verifier import folder_of

    loaded = []
    for head in heads:
        folder = folder_of(head)
        facts = gather(str(folder), named)
        loaded.append((module.load(folder, facts, verifier.model), module.as_configured(facts)))
    layers = {layer for _, settings in loaded for layer in settings.aux_layers}
    seen: list[Seen] = list(verifier.read(texts, layers))
    output = verifier.model.get_output_embeddings()
    return [guesses(checkpoint.module(settings), settings, seen, output, depth) for checkpoint, settings in loaded]


def write_json(path: Path, figures: dict[str, Any]) -> None:
    """Write the figures.

    Raises:
        InputError: the file cannot be written.
    """
    with writing(path):
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
