"""`show FILE`: the coloured text and an acceptance table in the terminal."""

import argparse
from pathlib import Path

from eagle3_viz.cli.files import load_trace


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser("show", description="Show a trace: its text in colour, and its acceptance.")
    parser.add_argument("file", type=Path, help="a trace, .jsonl or .jsonl.gz")


def run(args: argparse.Namespace) -> int:
    """Print the trace."""
    from eagle3_viz.views import terminal

    terminal.show(load_trace(args.file), terminal.plain_console())
    return 0
