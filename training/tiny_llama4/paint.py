"""Colours and backgrounds of the pictures, as numpy arrays of RGB from 0 to 255."""

import random
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]  # (height, width, 3)

# Each colour's range is spanned by these: the names' usual values on the web and in plotting libraries, and darker and
# paler ones.
ANCHORS = {
    "red": [(255, 0, 0), (220, 20, 60), (178, 24, 30), (230, 60, 50), (214, 39, 40)],
    "orange": [(255, 165, 0), (255, 127, 14), (255, 140, 0), (240, 120, 20)],
    "yellow": [(255, 255, 0), (255, 220, 0), (250, 230, 70), (240, 220, 20)],
    "green": [(0, 128, 0), (0, 255, 0), (44, 160, 44), (34, 139, 34), (0, 200, 80), (20, 100, 40)],
    "blue": [(0, 0, 255), (31, 119, 180), (30, 144, 255), (0, 0, 139), (65, 105, 225)],
    "purple": [(128, 0, 128), (148, 103, 189), (160, 32, 240), (106, 13, 173)],
    "pink": [(255, 192, 203), (255, 105, 180), (227, 119, 194), (255, 150, 190)],
    "black": [(0, 0, 0), (32, 32, 32), (12, 12, 24)],
}
PLAIN_CONTRAST = 110.0  # how far apart the colours of a thing and of what is behind it are at least, in RGB


def tint(rng: random.Random, name: str) -> tuple[int, int, int]:
    """Return an RGB value that people call `name`."""
    one, two = rng.choice(ANCHORS[name]), rng.choice(ANCHORS[name])
    share = rng.random()
    mixed = [a + share * (b - a) + rng.uniform(-8, 8) for a, b in zip(one, two, strict=True)]
    red, green, blue = (min(255, max(0, round(value))) for value in mixed)
    return red, green, blue


def ground(rng: random.Random, avoid: Sequence[tuple[int, int, int]]) -> Pixels:
    """Return a background colour (1, 1, 3) that stands off from all of `avoid`."""
    while True:
        base, spread = rng.choice([(255, 0), (245, 10), (225, 30), (190, 40), (128, 50), (60, 30), (0, 0)])
        colour = np.array([min(255, max(0, base + rng.uniform(-spread, spread))) for _ in range(3)], np.float32)
        if all(np.linalg.norm(colour - np.array(other)) > PLAIN_CONTRAST for other in avoid):
            return colour.reshape(1, 1, 3)


def ramp(rng: random.Random, width: int, height: int) -> Pixels:
    """Return values (height, width, 1) that rise from 0 to 1 in some direction."""
    x, y = np.meshgrid(np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32))
    a, b = rng.uniform(-1, 1), rng.uniform(-1, 1)
    values = a * x + b * y
    low, high = values.min(), values.max()
    risen: Pixels = ((values - low) / max(1e-6, float(high - low)))[..., None]
    return risen


def stripes(rng: random.Random, width: int, height: int) -> Pixels:
    """Return 0 and 1 in bands, or in a chequer of two band directions."""
    period = rng.uniform(0.04, 0.3)
    bands: Pixels = np.floor(ramp(rng, width, height) / period)
    if rng.random() < 0.4:
        bands = bands + np.floor(ramp(rng, width, height) / period)
    return bands % 2


FADING: tuple[Callable[[random.Random, int, int], Pixels], ...] = (ramp, stripes)


def background(rng: random.Random, width: int, height: int, avoid: Sequence[tuple[int, int, int]]) -> Pixels:
    """Return a background (height, width, 3): plain, a gradient or bands of two colours; sometimes noisy."""
    base = ground(rng, avoid)
    pixels = np.broadcast_to(base, (height, width, 3)).astype(np.float32)
    if rng.random() < 0.45:
        other = base + (ground(rng, avoid) - base) * rng.uniform(0.1, 0.6)
        if all(np.linalg.norm(other.ravel() - np.array(colour)) > 0.7 * PLAIN_CONTRAST for colour in avoid):
            pixels = base + (other - base) * rng.choice(FADING)(rng, width, height)
    if rng.random() < 0.25:
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal((height, width, 1), np.float32)
        pixels = pixels + rng.uniform(2, 18) * noise
    return pixels
