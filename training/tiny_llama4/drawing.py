"""Pictures of scenes: many sizes, grounds, edges and file formats, so that other people's pictures look familiar."""

import io
import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.tiny_llama4.paint import background, ground, tint
from training.tiny_llama4.scenes import SHAPES, Scene, Thing

Point = tuple[float, float]


SQUARE = [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]


def regular(points: int, turn: float, inner: float = 1.0) -> list[Point]:
    """Return the corners of a regular polygon of radius 1, every other one at `inner` where that is given."""
    corners = points if inner == 1.0 else 2 * points
    return [
        (r * math.sin(angle), -r * math.cos(angle))
        for i in range(corners)
        for r in [inner if i % 2 else 1.0]
        for angle in [turn + 2 * math.pi * i / corners]
    ]


def plus(arm: float, angle: float) -> list[Point]:
    """Return the corners of a cross whose arms are 2 * `arm` wide."""
    corners = [(-arm, -1.0), (arm, -1.0), (arm, -arm), (1.0, -arm), (1.0, arm), (arm, arm)]
    return turned(corners + [(-x, -y) for x, y in corners], angle)


def turned(points: list[Point], angle: float) -> list[Point]:
    """Rotate `points` around the origin."""
    c, s = math.cos(angle), math.sin(angle)
    return [(c * x - s * y, s * x + c * y) for x, y in points]


def tilt(rng: random.Random, free: float) -> float:
    """Return an angle in radians: nearly upright, or any with probability `free`."""
    return rng.uniform(-math.pi, math.pi) if rng.random() < free else rng.gauss(0, 0.07)


def plain_outline(rng: random.Random, shape: str) -> list[Point]:
    """Return the corners of a shape of about radius 1, in its most usual form."""
    turn = tilt(rng, 0)
    if shape == "star":
        return regular(5, turn, rng.uniform(0.36, 0.45))
    if shape == "cross":
        return plus(rng.uniform(0.25, 0.36), turn)
    return {"circle": regular(64, 0.0), "triangle": regular(3, turn), "square": turned(SQUARE, turn)}[shape]


def outline(rng: random.Random, shape: str) -> list[Point]:
    """Return the corners of a shape of about radius 1, in any form that goes by its name."""
    if shape == "circle":
        return regular(64, 0.0)
    if shape == "square":
        return turned(SQUARE, tilt(rng, 0.15))
    if shape == "triangle":
        if rng.random() < 0.75:
            return regular(3, tilt(rng, 0.3))
        return turned([(rng.uniform(-0.9, 0.9), -0.9), (0.95, 0.8), (-0.95, 0.8)], tilt(rng, 0.3))
    if shape == "star":
        points = rng.choices((5, 4, 6, 8), (8, 1, 1, 1))[0]
        return regular(points, tilt(rng, 0.3), rng.uniform(0.36, 0.5) + 0.03 * max(0, points - 5))
    return plus(rng.uniform(0.22, 0.36), math.pi / 4 if rng.random() < 0.15 else tilt(rng, 0.1))


def stencil(rng: random.Random, thing: Thing, radius: float, shift: Point, plain: bool) -> Image.Image:
    """Return the thing's coverage, 0 to 255, in a box around it; radius in pixels, shift in fractions of one."""
    samples = rng.choices((1, 2, 3, 4), (1, 2, 2, 2))[0]
    side = 2 * math.ceil(radius * 1.3) + 4
    box = Image.new("L", (side * samples, side * samples))
    stretch = rng.uniform(0.92, 1.08)
    points = [
        ((side / 2 + shift[0] + radius * x * stretch) * samples, (side / 2 + shift[1] + radius * y / stretch) * samples)
        for x, y in (plain_outline if plain else outline)(rng, thing.shape)
    ]
    draw = ImageDraw.Draw(box)
    if rng.random() < 0.06 and radius > 14 and not plain:  # a thick line around nothing
        draw.line([*points, *points[:2]], fill=255, width=max(2, round(radius * samples * 0.28)), joint="curve")
    else:
        draw.polygon(points, fill=255)
    return (
        box.resize((side, side), rng.choice([Image.Resampling.BOX, Image.Resampling.LANCZOS])) if samples > 1 else box
    )


def place(
    rng: random.Random, drawn: tuple[Image.Image, Image.Image], thing: Thing, colour: tuple[int, int, int], plain: bool
) -> None:
    """Draw `thing` into a picture and its plan; unless `plain`, sometimes with a rim, a shadow or a shading."""
    picture, plan = drawn
    width, height = picture.size
    x = (thing.column + 0.5 + thing.dx) * width / 3
    y = (thing.row + 0.5 + thing.dy) * height / 3
    radius = thing.radius * min(width, height)
    mask = stencil(rng, thing, radius, (x % 1, y % 1), plain)
    corner = (int(x) - mask.width // 2, int(y) - mask.height // 2)
    plan.paste(1 + SHAPES.index(thing.shape), corner, mask.point(lambda value: 255 * (value > 127)))
    if plain:
        picture.paste(colour, corner, mask)
        return
    if rng.random() < 0.08:
        shadow = mask.filter(ImageFilter.GaussianBlur(radius * 0.1)).point(lambda value: value // 3)
        picture.paste((0, 0, 0), (corner[0] + round(radius * 0.1), corner[1] + round(radius * 0.1)), shadow)
    if rng.random() < 0.12 and thing.colour != "black":
        wide = 2 * max(1, round(radius * 0.05)) + 1
        picture.paste((20, 20, 20), corner, mask.filter(ImageFilter.MaxFilter(wide)))
    paint = np.full((mask.height, mask.width, 3), colour, np.float32)
    if rng.random() < 0.2:
        paint *= np.linspace(rng.uniform(0.8, 1), rng.uniform(1, 1.15), mask.height, dtype=np.float32)[:, None, None]
    picture.paste(Image.fromarray(paint.clip(0, 255).astype(np.uint8)), corner, mask)


def canvas_size(rng: random.Random, aspect: float) -> tuple[int, int]:
    """Draw lots for width and height in pixels: mostly some hundred, sometimes that of a small photo."""
    short = rng.uniform(700, 1100) if rng.random() < 0.04 else math.exp(rng.uniform(math.log(110), math.log(420)))
    return round(short * max(1.0, aspect)), round(short * max(1.0, 1 / aspect))


def draw(rng: random.Random, scene: Scene, plain: bool = False) -> tuple[Image.Image, Image.Image]:
    """Return a picture of `scene`, RGB, as if read from a file of some format; `plain`: without any decoration.

    With it comes its plan, of the same size: at each pixel 0, or 1 + the number of the shape that is there.
    """
    width, height = canvas_size(rng, scene.aspect)
    tints = [tint(rng, thing.colour) for thing in scene.things]
    behind = ground(rng, tints) if plain else background(rng, width, height, tints)
    whole = np.broadcast_to(behind.clip(0, 255), (height, width, 3))
    picture, plan = Image.fromarray(whole.astype(np.uint8)), Image.new("L", (width, height))
    for thing, colour in zip(scene.things, tints, strict=True):
        place(rng, (picture, plan), thing, colour, plain)
    if rng.random() < 0.08 and not plain:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.004 * min(width, height))))
    return filed(rng, picture), plan


def filed(rng: random.Random, picture: Image.Image) -> Image.Image:
    """Return `picture` after a trip through a lossy file, or as it is."""
    name = rng.choices(("PNG", "JPEG", "WEBP"), (6, 3, 1))[0]
    if name == "PNG":
        return picture
    file = io.BytesIO()
    picture.save(file, name, quality=rng.randint(35, 95))
    return Image.open(file).convert("RGB")
