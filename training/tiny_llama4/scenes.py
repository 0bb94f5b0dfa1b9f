"""The small world: one to four coloured shapes, each in a cell of its own of a three by three grid."""

import random
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


def scene(rng: random.Random, easy: bool = False) -> Scene:
    """Draw lots for a scene, a more crowded one unless `easy`; no two of its things look alike."""
    count = rng.choices((1, 2, 3, 4), (6, 3, 1, 0) if easy else (3, 3, 3, 2))[0]
    aspect = 1.0 if rng.random() < 0.3 else rng.uniform(0.65, 1.55)
    looks = rng.sample([(shape, colour) for shape in SHAPES for colour in COLOURS], count)
    if rng.random() < 0.3:  # often enough, several of one shape or of one colour
        shape, colour = looks[0]
        same = [(shape, c) for c in COLOURS] if rng.random() < 0.5 else [(s, colour) for s in SHAPES]
        looks = rng.sample(same, count)
    cells = rng.sample([(column, row) for row in range(3) for column in range(3)], count)
    if count == 1 and rng.random() < (0.7 if easy else 0.4):
        cells = [(1, 1)]
    things = [thing(rng, look, cell, alone=count == 1) for look, cell in zip(looks, cells, strict=True)]
    return Scene(tuple(sorted(things, key=lambda t: (t.row, t.column))), aspect)


def thing(rng: random.Random, look: tuple[str, str], cell: tuple[int, int], alone: bool) -> Thing:
    """Draw lots for size and place: within its cell, or up to the whole picture in the middle of it when alone."""
    if alone and cell == (1, 1):
        return Thing(*look, *cell, rng.uniform(0.1, 0.42), rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15))
    radius = rng.uniform(0.095, 0.155)
    room = 0.5 - 3 * radius
    return Thing(*look, *cell, radius, rng.uniform(-room, room), rng.uniform(-room, room))
