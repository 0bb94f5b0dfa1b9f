"""Opening the files that a user names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eagle3_viz.errors import InputError
from eagle3_viz.trace import Trace


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turns what the system says of a file into words.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says of a file to be written into words.

    Raises:
        InputError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def load_trace(path: Path) -> Trace:
    """The trace in a file.

    Raises:
        InputError: the file cannot be read.
        TraceFileError: it is not a trace.
    """
    with opening(path):
        return Trace.load(path)
