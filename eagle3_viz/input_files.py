"""Reading the files of prompts and images that a user names."""

import json
from pathlib import Path
from typing import Any

from eagle3_viz.config import check_image_size
from eagle3_viz.errors import InputError


def read_file(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def read_image(path: Path) -> bytes:
    """An image file's bytes, for the source to decode.

    Raises:
        InputError: it cannot be read, is empty, or far too large.
    """
    if path.is_file():
        check_image_size(path.stat().st_size, str(path))
    return read_file(path)


def parse(line: str, place: str) -> dict[str, Any]:
    """The JSON object on a line.

    Raises:
        InputError: it is none.
    """
    try:
        record = json.loads(line)
        json.dumps(record, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: no JSON: {error}") from error
    if not isinstance(record, dict):
        raise InputError(f"{place}: no JSON object")
    return record
