"""Pictures that the recipe's own drawing did not make.

OpenCV's polygons, with and without its anti-aliasing, in PNG and JPEG, on small and on photo-sized canvases; and a disc
given by a formula for each pixel.
"""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
RGB = {
    "red": (237, 28, 36),
    "orange": (255, 150, 20),
    "yellow": (255, 235, 59),
    "green": (76, 175, 80),
    "blue": (33, 100, 243),
    "purple": (123, 31, 162),
    "pink": (244, 143, 177),
    "black": (0, 0, 0),
}


@dataclass(frozen=True)
class Foreign:
    """A picture of one shape, or of one among others, with what is to be said about it."""

    name: str
    image: Image.Image
    shape: str
    colour: str


def corners(shape: str, x: float, y: float, radius: float) -> NDArray[np.int32]:
    """Return the corners of a shape in pixels."""
    if shape == "square":
        unit = [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]
    elif shape == "cross":
        arm = [(-0.3, -1.0), (0.3, -1.0), (0.3, -0.3), (1.0, -0.3), (1.0, 0.3), (0.3, 0.3)]
        unit = arm + [(-a, -b) for a, b in arm]
    else:
        count = 3 if shape == "triangle" else 10
        radii = np.where(np.arange(count) % 2, 0.4, 1.0) if shape == "star" else np.ones(count)
        angles = 2 * np.pi * np.arange(count) / count
        unit = list(zip(radii * np.sin(angles), -radii * np.cos(angles), strict=True))
    return np.array([(x + radius * a, y + radius * b) for a, b in unit]).round().astype(np.int32)


def paint(canvas: Pixels, shape: str, colour: str, x: float, y: float, radius: float, smooth: bool = True) -> None:
    """Draw with OpenCV into `canvas` (height, width, 3)."""
    edge = cv2.LINE_AA if smooth else cv2.LINE_8
    if shape == "circle":
        cv2.circle(canvas, (round(x), round(y)), round(radius), RGB[colour], -1, edge)
    else:
        cv2.fillPoly(canvas, [corners(shape, x, y, radius)], RGB[colour], edge)


def blank(width: int, height: int, colour: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    """Return a canvas of one colour."""
    return np.full((height, width, 3), colour, np.uint8)


def jpeg(canvas: Pixels, quality: int) -> Image.Image:
    """Return what is left of `canvas` after a JPEG file, written by OpenCV."""
    data = cv2.imencode(".jpg", canvas[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return Image.open(io.BytesIO(data.tobytes())).convert("RGB")


def disc(side: int) -> Pixels:
    """Return a blue disc, each pixel from its distance to the centre, edges spread over two pixels."""
    y, x = np.mgrid[:side, :side]
    cover = np.clip((0.3 * side - np.hypot(x - 0.5 * side, y - 0.45 * side)) / 2 + 0.5, 0, 1)[..., None]
    mixed: Pixels = (cover * np.array(RGB["blue"]) + (1 - cover) * np.array([240, 240, 225])).astype(np.uint8)
    return mixed


def photo(width: int, height: int) -> Pixels:
    """Return a canvas as a camera might see a wall: uneven light and grain."""
    light = np.linspace(150, 215, width)[None, :, None] + np.linspace(-15, 15, height)[:, None, None]
    grain = np.random.default_rng(7).normal(0, 6, (height, width, 3))
    wall: Pixels = (light + grain + np.array([6, 0, -8])).clip(0, 255).astype(np.uint8)
    return wall


def pictures() -> Iterator[Foreign]:
    """Yield the ten pictures."""
    simple = [
        ("red", "circle", True),
        ("green", "square", True),
        ("orange", "triangle", False),
        ("purple", "star", True),
    ]
    for colour, shape, smooth in simple:
        canvas = blank(256, 256)
        paint(canvas, shape, colour, 128, 128, 70, smooth)
        yield Foreign(f"OpenCV, {'smooth' if smooth else 'jagged'} edges", Image.fromarray(canvas), shape, colour)
    canvas = blank(400, 300, (225, 238, 250))
    paint(canvas, "star", "yellow", 290, 90, 48)
    yield Foreign("OpenCV, JPEG of quality 50", jpeg(canvas, 50), "star", "yellow")
    canvas = blank(320, 480, (250, 250, 250))
    paint(canvas, "cross", "black", 90, 380, 45)
    yield Foreign("OpenCV, upright format", Image.fromarray(canvas), "cross", "black")
    yield Foreign("by formula", Image.fromarray(disc(220)), "circle", "blue")
    canvas = photo(1600, 1200)
    paint(canvas, "square", "blue", 420, 860, 150)
    yield Foreign("photo-sized, JPEG of quality 85", jpeg(canvas, 85), "square", "blue")
    canvas = photo(1920, 1280)
    paint(canvas, "triangle", "red", 1500, 400, 170)
    yield Foreign("photo-sized, PNG", Image.fromarray(canvas), "triangle", "red")
    canvas = blank(640, 640, (40, 44, 52))
    paint(canvas, "circle", "pink", 320, 320, 140)
    yield Foreign("OpenCV, dark ground", Image.fromarray(canvas), "circle", "pink")


def by_lot(count: int, seed: int = 0) -> Iterator[Foreign]:
    """Yield `count` pictures of one shape each; unlike the ten, nobody looked at them while the recipe was made."""
    rng = random.Random(f"foreign {seed}")
    for number in range(count):
        width, height = rng.choice([(256, 256), (640, 480), (480, 640), (1600, 1200)])
        canvas = blank(width, height, (rng.randint(225, 255), rng.randint(225, 255), rng.randint(225, 255)))
        shape, colour = rng.choice(("circle", "square", "triangle", "star", "cross")), rng.choice(list(RGB))
        radius = min(width, height) * rng.uniform(0.12, 0.3)
        x, y = (rng.uniform(1.1 * radius, side - 1.1 * radius) for side in (width, height))
        paint(canvas, shape, colour, x, y, radius, smooth=rng.random() < 0.7)
        image = jpeg(canvas, rng.randint(50, 95)) if rng.random() < 0.5 else Image.fromarray(canvas)
        yield Foreign(f"by lot, {number}", image, shape, colour)
