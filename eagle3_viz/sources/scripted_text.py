"""The scripted source's vocabulary, its prose, and its made-up distributions. Knows nothing of drafting."""

import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eagle3_viz.events import Piece, TopEntry

ADJECTIVES = (" small", " quiet", " green", " careful", " late", " bright", " slow", " curious", " warm", " narrow")
NOUNS = (" river", " engine", " garden", " reader", " window", " letter", " bridge", " cloud", " clock", " bird")
VERBS = (" follows", " remembers", " carries", " crosses", " watches", " answers", " finds", " draws")
PLACES = (" near", " under", " behind", " beyond", " without", " through")
OPENINGS = ("The", "Every", "Another")
MARKUP = " <img src=x onerror=alert(1)>"
BIRD = (Piece(bytes=b"\xf0\x9f"), Piece(bytes=b"\x90"), Piece(bytes=b"\xa6"))  # one emoji in three tokens
FILLER, USER, END = Piece(special="<|endoftext|>"), Piece(special="<|im_start|>"), Piece(special="<|im_end|>")
IMAGE = Piece(special="<|image|>")  # stands for a patch of a picture
PATCH_PIXELS, MAX_PATCHES_A_SIDE = 28, 8
MARKS = (" the", ".", ",", " and", "\n\n", " ", " **", "**")

PIECES: tuple[str | Piece, ...] = (
    *(FILLER, USER, END, *MARKS, *OPENINGS, MARKUP, *BIRD),
    *(*ADJECTIVES, *NOUNS, *VERBS, *PLACES),
)
IDS = {piece: token_id for token_id, piece in enumerate(PIECES)}
END_ID, FILLER_ID = IDS[END], IDS[FILLER]
DRAFTABLE = tuple(
    sorted(set(IDS.values()) - {FILLER_ID, IDS[USER], IDS[MARKUP], IDS[" draws"]})
)  # the draft's vocabulary
NUM_RANKS = 24  # more than any number of alternatives that can be asked for


def prose(rng: random.Random) -> Iterator[int]:
    """Token ids of sentences without end, with all that a view has to get right in every few of them."""
    number = 0
    while True:
        yield from (IDS[piece] for piece in _sentence(rng, number))
        number += 1


def _sentence(rng: random.Random, number: int) -> Iterator[str | Piece]:
    yield rng.choice(OPENINGS)
    yield from (rng.choice(ADJECTIVES), rng.choice(NOUNS), rng.choice(VERBS), " the")
    if number % 4 == 2:
        yield from (" **", rng.choice(ADJECTIVES), "**")
    yield rng.choice(NOUNS)
    if rng.random() < 0.6:
        yield from (rng.choice(PLACES), " the", rng.choice(ADJECTIVES), rng.choice(NOUNS))
    if number % 4 == 1:
        yield MARKUP
    yield "."
    if number % 2 == 0:
        yield from (" ", *BIRD)
    yield "\n\n" if number % 3 == 2 else " "


def chat_text(messages: list[dict[str, Any]]) -> str:
    """The conversation in the fake's chat template, up to where the answer begins."""
    turns = (f"<|im_start|>{message.get('role', 'user')}\n{_content(message)}<|im_end|>\n" for message in messages)
    return "".join(turns) + "<|im_start|>assistant\n"


def spoken(messages: list[dict[str, Any]]) -> str:
    """What the messages say, without any template."""
    return "".join(map(_content, messages)).replace(IMAGE.special or "", "")


def _content(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(IMAGE.special or "" if part.get("type") == "image" else part.get("text", "") for part in content)


def num_patches(width: int, height: int) -> int:
    """How many tokens a picture takes."""
    sides = (min(MAX_PATCHES_A_SIDE, -(-side // PATCH_PIXELS)) for side in (width, height))
    return math.prod(sides)


def split(text: str, patches: Sequence[int] = ()) -> list[str | Piece]:
    """A prompt's text as pieces: special tokens, words with the space before them, single blanks.

    Each picture's placeholder comes as often as the picture has patches.
    """
    parts = re.findall(r"<\|\w+\|>| ?[^\s<]+|<|\s", text)
    pieces = [Piece(special=part) if part.startswith("<|") and part.endswith("|>") else part for part in parts]
    times = iter(patches)
    return [piece for piece in pieces for _ in range(next(times, 1) if piece == IMAGE else 1)]


@dataclass(frozen=True)
class Belief:
    """A distribution over ranked ids: `confidence` on the first, and half of what is left on each further one."""

    confidence: float
    ranked: list[int]

    def logprob(self, token_id: int) -> float:
        """Natural logarithm of the probability of one of the ranked ids."""
        return self._at(self.ranked.index(token_id))

    def top(self, count: int) -> list[TopEntry]:
        """The `count` likeliest ids."""
        return [(token_id, self._at(rank)) for rank, token_id in enumerate(self.ranked[:count])]

    @property
    def entropy(self) -> float:
        """In nats; the tail is a geometric distribution, which has 2 bits."""
        p = self.confidence
        return round(-p * math.log(p) - (1 - p) * math.log(1 - p) + (1 - p) * 2 * math.log(2), 4)

    def _at(self, rank: int) -> float:
        return round(math.log(self.confidence if rank == 0 else (1 - self.confidence) / 2**rank), 4)


def believe(
    rng: random.Random, placed: dict[int, int], *, sure: bool, among: Sequence[int] = range(len(PIECES))
) -> Belief:
    """A belief over ids of `among`, with each id of `placed` at its rank."""
    others = [token_id for token_id in rng.sample(among, NUM_RANKS) if token_id not in placed]
    for token_id, rank in sorted(placed.items(), key=lambda item: item[1]):
        others.insert(rank, token_id)
    return Belief(rng.uniform(0.7, 0.99) if sure else rng.uniform(0.4, 0.65), others)
