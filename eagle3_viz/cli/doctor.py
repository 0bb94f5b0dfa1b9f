"""`doctor`: what is wrong with a pair, from its files alone or, with `--run`, measured."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from eagle3_viz import cpu
from eagle3_viz.cli import pairs
from eagle3_viz.cli.files import load_trace
from eagle3_viz.cli.prompts import read_prompts
from eagle3_viz.config import proposed_tokens
from eagle3_viz.doctor.diagnose import diagnose
from eagle3_viz.doctor.facts import Facts, config_of, gather
from eagle3_viz.errors import InputError

LEAST_TEXTS = 16  # with fewer, chance alone makes some alternative of several look better than it is

if TYPE_CHECKING:
    from eagle3_viz.doctor.trial import Measured


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser(
        "doctor", description="What is wrong with a verifier and its draft head. Reads configs and headers, no weights."
    )
    pairs.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--run", action="store_true", help="measure the head as configured and under alternatives")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--prompts", metavar="FILE", type=Path, help="with --run: other prompts than the doctor's own")
    what.add_argument("--trace", metavar="FILE", type=Path, help="with --run: answers of the verifier, from a trace")
    parser.add_argument("--max-tokens", metavar="N", type=int, default=96, help="with --run: of each answer")


def run(args: argparse.Namespace) -> int:
    """Print what was found."""
    speculator, verifier = pairs.named(args)
    if args.run:
        from eagle3_viz.heads.verifier import folder_of

        config_of(speculator, "speculator")  # says it better where there is none
        speculator = str(folder_of(speculator))
    facts = gather(speculator, verifier)
    findings = diagnose(facts)
    measured = measure(args, speculator, verifier, facts) if args.run else None
    if measured:
        from eagle3_viz.doctor.verdicts import judge

        findings += judge(measured, findings)
    if args.json:
        whole = {"findings": [asdict(finding) for finding in findings]}
        print(json.dumps(whole | ({"measured": asdict(measured)} if measured else {}), indent=2))
        return 0
    from eagle3_viz.views import findings as view
    from eagle3_viz.views import terminal

    view.show(findings, terminal.plain_console())
    if measured:
        view.show_measured(measured, terminal.plain_console())
    return 0


def measure(args: argparse.Namespace, speculator: str, named: str | None, facts: Facts) -> "Measured":
    """Measure the head on the verifier's own text.

    Raises:
        InputError: the head cannot run as configured, or there is too little text.
    """
    cpu.prepare()
    from eagle3_viz.doctor.prompts import PROMPTS
    from eagle3_viz.doctor.trial import Trial
    from eagle3_viz.heads import texts
    from eagle3_viz.heads.verifier import Verifier

    verifier = Verifier(pairs.verifier_of(speculator, named))
    if args.trace:
        read = texts.of_trace(load_trace(args.trace), verifier.vocabulary)
    else:
        prompts = [prompt for prompt, _ in read_prompts(args.prompts)] if args.prompts else PROMPTS
        read = list(verifier.write(prompts, args.max_tokens))
    if len(read) < LEAST_TEXTS:
        raise InputError(f"{len(read)} texts are too few to tell settings apart: give at least {LEAST_TEXTS}")
    depth = proposed_tokens(facts.head.get("speculators_config") or {}) or 3
    return Trial(verifier, read, depth).measure(Path(speculator), facts)
