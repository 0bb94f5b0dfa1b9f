"""`export FILE -o STEPS`: the steps of a trace as a table, CSV or Parquet."""

import argparse
from pathlib import Path

from eagle3_viz.cli.files import load_trace, writing
from eagle3_viz.errors import InputError
from eagle3_viz.views import tables

WRITERS = {".csv": tables.write_csv, ".parquet": tables.write_parquet}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser("export", description="Write a trace's steps as a table, one row a step.")
    parser.add_argument("file", type=Path, help="a trace, .jsonl or .jsonl.gz")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help=".csv or .parquet")


def run(args: argparse.Namespace) -> int:
    """Write the table."""
    writer = WRITERS.get(args.output.suffix)
    if writer is None:
        raise InputError(f"{args.output} has no ending that says what to write: give {' or '.join(WRITERS)}")
    trace = load_trace(args.file)
    with writing(args.output):
        args.output.parent.mkdir(parents=True, exist_ok=True)
        writer(trace, args.output)
    return 0
