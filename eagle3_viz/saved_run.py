"""What is said of a saved run without reading it: its file's name, and the first lines. Titles are file names."""

import re
import unicodedata
from pathlib import Path

import msgspec

from eagle3_viz.codec import TraceFileError
from eagle3_viz.events import RequestStarted, TraceStarted
from eagle3_viz.reading import Reader
from eagle3_viz.records import asked

SUFFIXES = (".jsonl.gz", ".jsonl")
MAX_TITLE_BYTES = 160  # a file's name may have 255, and some characters take four
MAX_PROMPT = 300
UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


class SavedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of runs says of one.

    Attributes:
        name: the file's name, by which it is opened, renamed and deleted.
        title: the name without its ending.
        prompt: the beginning of the first request's prompt; empty where none can be read.
        verifier: of the engine that made it.
        num_bytes: the file's size.
        modified: when it was last written, in seconds since 1970.
    """

    name: str
    title: str
    prompt: str
    verifier: str
    num_bytes: int
    modified: float


def described(path: Path) -> SavedRun | None:
    """What a list says of a file; None where it cannot be read at all."""
    try:
        status = path.stat()
        head = first_events(path)
    except (OSError, TraceFileError):
        return None
    return SavedRun(
        name=path.name,
        title=title_of(path),
        prompt=asked(head[1].messages, head[1].text)[:MAX_PROMPT] if head[1] else "",
        verifier=head[0].engine.verifier if head[0] else "",
        num_bytes=status.st_size,
        modified=status.st_mtime,
    )


def first_events(path: Path) -> tuple[TraceStarted | None, RequestStarted | None]:
    """A file's start and its first request, as far as there are any; the rest is not read."""
    start = None
    for event in Reader(path):
        if isinstance(event, RequestStarted):
            return start, event
        start = event if isinstance(event, TraceStarted) else start
    return start, None


def clean_title(title: str) -> str:
    """A title that every file system takes: no separators, no control characters, no dot in front."""
    printable = "".join(c for c in title if unicodedata.category(c)[0] != "C" or c == "\n")
    words = " ".join(UNSAFE.sub(" ", printable).split()).encode()
    return words[:MAX_TITLE_BYTES].decode(errors="ignore").strip(" .")


def ending(path: Path) -> str:
    """The part of a file's name that says what kind it is; empty where that is something else."""
    return next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), "")


def title_of(path: Path) -> str:
    """What a trace is called: its file's name without the ending."""
    return path.name.removesuffix(ending(path))
