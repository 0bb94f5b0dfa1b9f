"""`stats FILE [--json]`: counts, rates, and the engine's own counters beside them."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from eagle3_viz.analysis.statistics import Statistics, statistics_of_file
from eagle3_viz.cli.files import opening


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser("stats", description="Counts and rates of a trace, and the engine's own.")
    parser.add_argument("file", type=Path, help="a trace, .jsonl or .jsonl.gz")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the figures."""
    with opening(args.file):
        figures = statistics_of_file(args.file)
    if args.json:
        print(json.dumps(as_json(figures), indent=2))
        return 0
    from eagle3_viz.views import terminal

    terminal.show_figures(figures, terminal.plain_console())
    return 0


def as_json(figures: Statistics) -> dict[str, Any]:
    """The figures as `--json` prints them."""
    totals = figures.engine_totals
    return {
        **asdict(figures.rates),
        "engine_totals": None if totals is None else msgspec.to_builtins(totals),
        "engine_totals_agree": figures.totals_agree,
        "requests": asdict(figures.requests),
        "warnings": figures.warnings,
    }
