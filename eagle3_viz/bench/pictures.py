"""The images of a benchmark's prompts: files beside the dataset, a folder of them, or what a hub's dataset holds."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eagle3_viz.config import check_image_size
from eagle3_viz.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif")


def pictures_in(path: Path) -> Iterator[tuple[str, dict[str, Any], Path]]:
    """A record for each image of a folder, by name, or for the one image that `path` is.

    Raises:
        InputError: there is no image.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist: give an image, or a folder of them")
    files = [path] if path.is_file() else sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{path} holds no image: files that end in {', '.join(SUFFIXES)} are taken")
    for file in files:
        yield file.name, {"image": file.name, "id": file.stem, "category": "image"}, file.parent


def image_of(record: dict[str, Any], folder: Path | None) -> tuple[Path | bytes, ...]:
    """The images of a record: names of files beside it (`folder`; None: none may be read), or what its dataset holds.

    Raises:
        InputError: one is not there, or is no image at all.
    """
    given = record.get("image") or []
    return tuple(found(one, folder) for one in (given if isinstance(given, list) else [given]))


def found(image: Any, folder: Path | None) -> Path | bytes:
    """One image: its file, or its content."""
    if isinstance(image, str):
        if folder is None:
            raise InputError(f"its image {image} did not come with it")
        path = folder / image
        if not path.is_file():
            raise InputError(f"its image {image} is not there")
        check_image_size(path.stat().st_size, image)
        return path
    if hasattr(image, "save"):  # as the datasets library hands pictures out
        file = io.BytesIO()
        try:
            image.save(file, "PNG")
        except (OSError, ValueError) as error:  # of a kind that a PNG cannot hold, or damaged
            raise InputError(f"its image cannot be used: {error}") from error
        return file.getvalue()
    raise InputError("its `image` is neither a file name nor a list of them")


def content(image: Path | bytes) -> bytes:
    """The image's bytes.

    Raises:
        InputError: its file cannot be read any more.
    """
    if isinstance(image, bytes):
        return image
    try:
        return image.read_bytes()
    except OSError as error:
        raise InputError(f"{image.name} cannot be read: {error.strerror or error}") from error
