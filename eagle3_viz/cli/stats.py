"""`stats FILE [--causes] [--json]`: counts, rates, and the engine's own counters; why proposals were rejected."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from eagle3_viz.analysis.diagnosis import Diagnosis
from eagle3_viz.analysis.failures import Cost, Group, TokenCost
from eagle3_viz.analysis.places import GROUPS
from eagle3_viz.analysis.statistics import Statistics, statistics_of_file
from eagle3_viz.cli.files import opening
from eagle3_viz.views.words import spelled


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser("stats", description="Counts and rates of a trace, and the engine's own.")
    parser.add_argument("file", type=Path, help="a trace, .jsonl or .jsonl.gz")
    parser.add_argument("--causes", action="store_true", help="also why and where proposals were rejected")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the figures."""
    diagnosis = Diagnosis() if args.causes else None
    with opening(args.file):
        figures = statistics_of_file(args.file, diagnosis.take) if diagnosis else statistics_of_file(args.file)
    if args.json:
        print(json.dumps(as_json(figures) | (causes_as_json(diagnosis) if diagnosis else {}), indent=2))
        return 0
    from eagle3_viz.views import terminal, why_tables

    console = terminal.plain_console()
    terminal.show_figures(figures, console)
    if diagnosis:
        why_tables.show(diagnosis, console)
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


def causes_as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """What `--causes` adds."""
    failures, k = diagnosis.failures, diagnosis.engine.num_speculative_tokens

    def costs(cost: Cost) -> dict[str, Any]:
        without = failures.length_without(cost.lost)
        return {"count": cost.count, "lost_tokens": cost.lost, "mean_acceptance_length_without": without}

    def group(one: Group) -> dict[str, Any]:
        return {"judged": one.judged, **costs(one.cost), "causes": dict(one.causes)}

    def token(one: TokenCost) -> dict[str, Any]:
        text = spelled(diagnosis.pieces.get(one.token_id))
        place = {"request_id": one.request_id, "step": one.step}
        return {"token_id": one.token_id, "text": text, "first": place, **costs(one.cost)}

    return {
        "num_rejections": failures.num_rejections,
        "perfect_acceptance_length": k + 1,
        "not_proposed_tokens": failures.not_proposed(k),
        "causes": {cause: costs(cost) for cause, cost in failures.causes.items()},
        "ranks": {str(rank): failures.ranks[rank] for rank in sorted(failures.ranks)},
        "where": {facet: {name: group(one) for name, one in failures.ordered(facet)} for facet in GROUPS},
        "costliest": [token(one) for one in failures.costliest()],
    }
