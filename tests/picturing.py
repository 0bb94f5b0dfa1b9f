"""Image files for tests, made where they are needed."""

import io
from typing import Any

from PIL import Image

RED, BLUE, WHITE = (220, 20, 30), (20, 40, 220), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def two_halves(width: int = 60, height: int = 40) -> Image.Image:
    """Red on the left, blue on the right: a turn shows."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def png(width: int = 60, height: int = 40) -> bytes:
    """A PNG of the two halves."""
    return encoded(two_halves(width, height))


def huge_png(side: int = 20_000) -> bytes:
    """A complete PNG of that many white pixels squared, a few kilobytes as a file."""
    return encoded(Image.new("1", (side, side), 1), optimize=True)


def animated_gif(frames: int = 3) -> bytes:
    """A GIF that moves."""
    first, *others = [Image.new("RGB", (20, 20), (80 * number, 0, 0)) for number in range(frames)]
    return encoded(first, "GIF", save_all=True, append_images=others)


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "text.png": (b"this is no picture\n" * 20, "cannot be read as an image"),
    "truncated.png": (png(300, 300)[:300], "damaged or not complete"),
    "truncated.jpg": (encoded(two_halves(300, 300), "JPEG")[:1500], "damaged or not complete"),
    "huge.png": (huge_png(), "too many pixels"),
    "moving.gif": (animated_gif(), "animation of 3 frames"),
    "empty.png": (b"", "is empty"),
}
