"""Pictures as the verifier gets them, and an endless stream of drawn ones."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from training.tiny_llama4 import drawing, scenes, settings
from training.tiny_llama4.scenes import COLOURS, SHAPES, Scene

NOTHING = len(SHAPES)  # the grid's class of a place with no thing's centre
GRID_CLASSES = [len(SHAPES) + 1, len(COLOURS), 3, 3]  # shape or nothing, colour, column, row
FINE = 7  # points of the plan along each side of an image token
IGNORED = -100
PLAIN = 0.3  # share of pictures without any decoration, which are what most people draw
EASY = 0.8  # share of easy ones at the beginning


def framed(picture: Image.Image, resampling: Image.Resampling = Image.Resampling.BILINEAR) -> NDArray[np.uint8]:
    """Scale `picture` into the verifier's square, black to its right or below it.

    It is what Llama 4's image processor does, by another library and several times as fast. Returns (side, side, 3),
    or (side, side) for a picture of one channel.
    """
    side = settings.IMAGE_SIZE
    scale = min(side / picture.width, side / picture.height)
    size = (max(1, math.floor(picture.width * scale)), max(1, math.floor(picture.height * scale)))
    scaled = np.asarray(picture.resize(size, resampling))
    frame = np.zeros((side, side, *scaled.shape[2:]), np.uint8)
    frame[: size[1], : size[0]] = scaled
    return frame


def points_of(plan: Image.Image) -> NDArray[np.int64]:
    """Return the plan's values at FINE * FINE points of each image token, (GRID * GRID, FINE * FINE)."""
    step = settings.IMAGE_SIZE // (settings.GRID * FINE)
    points = framed(plan, Image.Resampling.NEAREST)[step // 2 :: step, step // 2 :: step]
    split = points.reshape(settings.GRID, FINE, settings.GRID, FINE).swapaxes(1, 2)
    return split.reshape(settings.GRID**2, FINE**2).astype(np.int64)


def pixel_values(frames: Tensor) -> Tensor:
    """Turn frames uint8 (N, side, side, 3) into float32 (N, 3, side, side), rounded as the image processor rounds."""
    values = frames.permute(0, 3, 1, 2).to(torch.bfloat16) * (1 / 255)
    return ((values - 0.5) / 0.5).float()


def grid_of(scene: Scene) -> NDArray[np.int64]:
    """Return what is where in the frame, (4, GRID * GRID): the classes of GRID_CLASSES at each image token.

    Away from the things' centres all but the first are IGNORED.
    """
    grid = np.full((4, settings.GRID, settings.GRID), IGNORED, np.int64)
    grid[0] = NOTHING
    wide, high = min(1.0, scene.aspect), min(1.0, 1 / scene.aspect)  # shares of the frame that the picture fills
    for thing in scene.things:
        x = int((thing.column + 0.5 + thing.dx) / 3 * wide * settings.GRID)
        y = int((thing.row + 0.5 + thing.dy) / 3 * high * settings.GRID)
        grid[:, y, x] = SHAPES.index(thing.shape), COLOURS.index(thing.colour), thing.column, thing.row
    return grid.reshape(4, -1)


@dataclass(frozen=True)
class Picture:
    """A scene, its frame (side, side, 3), its grid (4, GRID * GRID) and its points (GRID * GRID, FINE * FINE)."""

    scene: Scene
    frame: NDArray[np.uint8]
    grid: NDArray[np.int64]
    points: NDArray[np.int64]


def drawn(rng: random.Random, easy: float = 0.0) -> Picture:
    """Draw a scene by lot, an easy one with probability `easy`; some of the others are plain as well."""
    simple = rng.random() < easy
    scene = scenes.scene(rng, simple)
    picture, plan = drawing.draw(rng, scene, simple or rng.random() < PLAIN)
    return Picture(scene, framed(picture), grid_of(scene), points_of(plan))


def stream(seed: str, easy: int = 0) -> Iterator[Picture]:
    """Yield drawn pictures without end, the same for the same seed; most of the first `easy` ones are easy."""
    rng = random.Random(seed)
    for _ in range(easy):
        yield drawn(rng, EASY)
    while True:
        yield drawn(rng)
