"""`doctor`: what is wrong with a pair, from its files alone or, with `--run`, measured."""

import argparse
import json
from dataclasses import asdict

from eagle3_viz.cli import pairs
from eagle3_viz.doctor.diagnose import diagnose
from eagle3_viz.doctor.facts import gather


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser(
        "doctor", description="What is wrong with a verifier and its draft head. Reads configs and headers, no weights."
    )
    pairs.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print what was found."""
    speculator, verifier = pairs.named(args)
    findings = diagnose(gather(speculator, verifier))
    if args.json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2))
        return 0
    from eagle3_viz.views import findings as view
    from eagle3_viz.views import terminal

    view.show(findings, terminal.plain_console())
    return 0
