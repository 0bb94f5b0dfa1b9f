"""Opening the files that a user names."""

from pathlib import Path

from eagle3_viz.errors import InputError
from eagle3_viz.trace import Trace


def load_trace(path: Path) -> Trace:
    """The trace in a file.

    Raises:
        InputError: the file cannot be opened.
        TraceFileError: it is not a trace.
    """
    try:
        return Trace.load(path)
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from error
