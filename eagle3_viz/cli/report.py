"""`report FILE... -o report.html`, `report --site DIR`: recordings as HTML that needs no server."""

import argparse
from pathlib import Path

from eagle3_viz import web
from eagle3_viz.bench.datasets import unused
from eagle3_viz.cli.files import load_trace, writing
from eagle3_viz.errors import InputError
from eagle3_viz.saved_run import SUFFIXES, title_of
from eagle3_viz.views import recordings, report
from eagle3_viz.views.report import Titled


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb's arguments."""
    parser = subparsers.add_parser("report", description="Write recordings as HTML that opens without a server.")
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="traces; with --site, the shipped ones")
    parser.add_argument("--request", metavar="ID", action="append", default=[], help="only this one; may be repeated")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", metavar="HTML", type=Path, help="one file with all of them")
    where.add_argument("--site", metavar="DIR", type=Path, help="a folder: index.html and a file for each")


def run(args: argparse.Namespace) -> int:
    """Write the file or the folder."""
    paths = args.files or (demo_traces() if args.site else [])
    if not paths:
        raise InputError("there is no trace to report: name a file")
    if args.output:
        write(args.output, report.report([titled(path, args.request) for path in paths]))
        return 0
    pages: list[tuple[str, recordings.RecordingIndex]] = []
    for path in paths:
        page = f"{unused(title_of(path), {'index', *(name.removesuffix('.html') for name, _ in pages)})}.html"
        one = titled(path, args.request)
        write(args.site / page, report.report([one]))
        pages.append((page, recordings.index(one.trace, one.title)))
    write(args.site / "index.html", report.site_index(pages))
    return 0


def demo_traces() -> list[Path]:
    """The recordings that ship."""
    return sorted(path for path in (web.folder() / "traces").iterdir() if path.name.endswith(SUFFIXES))


def titled(path: Path, requests: list[str]) -> Titled:
    """The trace in a file, called like it."""
    return Titled(title_of(path), load_trace(path), requests)


def write(path: Path, text: str) -> None:
    """Write a file and say how large it is."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
