"""Reads an answer: whether it says the one right thing, and no other of its kind."""

import re

from training.tiny_llama4.questions import NUMBERS, Exchange
from training.tiny_llama4.scenes import COLOURS, SHAPES

DIRECTIONS = ("above", "below", "left", "right")
# The direction that was asked for, said again before the verdict: it claims nothing by itself.
REPEATED = re.compile(rf"\b({'|'.join(DIRECTIONS)})[?:](?= (yes|no)\b)", re.IGNORECASE)


def named(answer: str, words: tuple[str, ...]) -> set[str]:
    """Return which of `words` the answer has, singular or plural."""
    found = re.findall(r"[a-z]+", answer.lower())
    return {word for word in words if {word, f"{word}s", f"{word}es"} & set(found)}


def is_right(exchange: Exchange, answer: str) -> bool:
    """Judge `answer` to the question of `exchange`, of one of the kinds that are scored.

    A colour, a shape or a number has to be named, and no other one. A direction likewise; after a yes or a no only
    directions that hold.
    """
    if exchange.kind == "relation":
        return relation_is_right(exchange.key, answer)
    words = {"colour": COLOURS, "shape": SHAPES, "count": NUMBERS}[exchange.kind]
    return named(answer, words) == {exchange.key}


def relation_is_right(key: str, answer: str) -> bool:
    """Judge an answer about how two things lie; `key` is the true direction, after yes or no where that was asked."""
    verdict, _, where = key.partition(": ") if ": " in key else ("", "", key)
    claims = REPEATED.sub(" ", answer)
    true, said = named(where, DIRECTIONS), named(claims, DIRECTIONS)
    if not verdict:
        return said == true
    return named(answer, ("yes", "no")) == {verdict} and (said <= true if verdict == "yes" else said in (set(), true))
