"""The small world: one to four coloured shapes, each in a cell of its own of a three by three grid."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "cross")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black")
ROWS = ("top", "", "bottom")
COLUMNS = ("left", "", "right")
MAX_THINGS = 4


@dataclass(frozen=True)
class Thing:
    """One shape. `column` and `row` are 0 to 2, from the left and from the top. Sizes and places in units of the
    picture's shorter side: `radius`, and the centre's offset from its cell's centre, in cells."""

    shape: str
    colour: str
    column: int
    row: int
    radius: float
    dx: float = 0.0
    dy: float = 0.0

    @property
    def name(self) -> str:
        """Colour and shape."""
        return f"{self.colour} {self.shape}"

    @property
    def place(self) -> str:
        """Where in the picture: `top left`, `left`, `centre`, ..."""
        return f"{ROWS[self.row]} {COLUMNS[self.column]}".strip() or "centre"

    def towards(self, other: "Thing") -> tuple[str, str]:
        """How this one lies from `other`: (`left`, `right` or empty; `above`, `below` or empty)."""
        sideways = ("left", "", "right")[1 + (self.column > other.column) - (self.column < other.column)]
        upright = ("above", "", "below")[1 + (self.row > other.row) - (self.row < other.row)]
        return sideways, upright


@dataclass(frozen=True)
class Scene:
    """What a picture shows, things in reading order. `aspect` is width by height."""

    things: tuple[Thing, ...]
    aspect: float = 1.0

    def having(self, *, shape: str | None = None, colour: str | None = None) -> list[Thing]:
        """Return the things of that shape and that colour."""
        return [t for t in self.things if shape in (None, t.shape) and colour in (None, t.colour)]

    @property
    def single_shapes(self) -> list[Thing]:
        """The things whose shape no other has."""
        return [t for t in self.things if len(self.having(shape=t.shape)) == 1]

    @property
    def single_colours(self) -> list[Thing]:
        """The things whose colour no other has."""
        return [t for t in self.things if len(self.having(colour=t.colour)) == 1]


def scene(rng: random.Random, colours: Sequence[str] = COLOURS) -> Scene:
    """Draw lots for a scene. No two things look alike, and no two differ in size by so little that one must measure."""
    count = rng.choices((1, 2, 3, 4), (3, 3, 3, 2))[0]
    aspect = 1.0 if rng.random() < 0.3 else rng.uniform(0.6, 1.7)
    looks = rng.sample([(shape, colour) for shape in SHAPES for colour in colours], count)
    if rng.random() < 0.3:  # often enough, several of one shape or of one colour
        shape, colour = looks[0]
        same = [(shape, c) for c in colours] if rng.random() < 0.5 else [(s, colour) for s in SHAPES]
        looks = rng.sample(same, count)
    cells = rng.sample([(column, row) for row in range(3) for column in range(3)], count)
    if count == 1 and rng.random() < 0.4:
        cells = [(1, 1)]
    things = [
        Thing(*look, *cell, radius(rng, count, cell), rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15))
        for look, cell in zip(looks, cells, strict=True)
    ]
    return Scene(tuple(sorted(things, key=lambda t: (t.row, t.column))), aspect)


def radius(rng: random.Random, count: int, cell: tuple[int, int]) -> float:
    """Draw lots for a size: one of three that are told apart at a glance, jittered; one thing alone may fill it all."""
    if count == 1 and cell == (1, 1):
        return rng.uniform(0.07, 0.42)
    return rng.choice((0.07, 0.105, 0.155)) * rng.uniform(0.93, 1.07)
