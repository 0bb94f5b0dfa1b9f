"""Draws the pictures of the page's image examples: coloured shapes, as `tiny-llama4` knows them.

python -m scripts.draw_images    # writes assets/images/
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

OUT = Path("assets/images")
HEIGHT = 336
FINER = 4  # drawn that much larger and scaled down, for smooth edges
COLOURS = {
    "red": (220, 20, 60),
    "yellow": (255, 220, 0),
    "green": (34, 139, 34),
    "blue": (65, 105, 225),
    "purple": (128, 0, 128),
}
# Corners on a unit circle, as (share of a turn from the top, distance from the centre).
STAR = [(i / 10, 1.0 if i % 2 == 0 else 0.4) for i in range(10)]
CORNERS = {
    "circle": [(i / 90, 1.0) for i in range(90)],
    "triangle": [(i / 3, 1.0) for i in range(3)],
    "square": [(i / 4 + 1 / 8, 1.0) for i in range(4)],
    "star": STAR,
}


@dataclass(frozen=True)
class Thing:
    """A shape; centre as shares of width and height, radius as a share of the height."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float = 0.155


@dataclass(frozen=True)
class Picture:
    """What to draw. `aspect` is width by height."""

    name: str
    background: tuple[int, int, int]
    things: Sequence[Thing]
    aspect: float = 4 / 3


PICTURES = (
    Picture(
        "circle-and-square", (250, 246, 238), [Thing("circle", "red", 1 / 6, 0.5), Thing("square", "blue", 5 / 6, 0.5)]
    ),
    Picture(
        "three-stars",
        (245, 248, 250),
        [Thing("star", "purple", 1 / 6, 1 / 6), Thing("star", "green", 0.5, 0.5), Thing("star", "red", 5 / 6, 5 / 6)],
    ),
    Picture(
        "triangle-over-circle",
        (52, 58, 70),
        [Thing("triangle", "yellow", 0.5, 1 / 6), Thing("circle", "red", 0.5, 5 / 6)],
        aspect=1.0,
    ),
)


def draw(picture: Picture) -> Image.Image:
    """The picture, anti-aliased."""
    height = HEIGHT * FINER
    width = round(height * picture.aspect)
    canvas = Image.new("RGB", (width, height), picture.background)
    brush = ImageDraw.Draw(canvas)
    for thing in picture.things:
        corners = [
            (
                thing.x * width + math.sin(2 * math.pi * turn) * far * thing.radius * height,
                thing.y * height - math.cos(2 * math.pi * turn) * far * thing.radius * height,
            )
            for turn, far in CORNERS[thing.shape]
        ]
        brush.polygon(corners, fill=COLOURS[thing.colour])
    return canvas.resize((width // FINER, height // FINER), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:
        path = OUT / f"{picture.name}.png"
        draw(picture).save(path, optimize=True)
        print(path)
