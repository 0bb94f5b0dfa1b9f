"""Sentences with room to choose: `[a|b]` is one of its branches, at random; brackets nest."""

import random
import re

CHOICE = re.compile(r"\[([^\[\]]*)\]")


def say(rng: random.Random, pattern: str, **words: str) -> str:
    """Choose a branch of every bracket of `pattern`, then put in `words` where it has `{name}`.

    The first letter becomes a capital; `a` before a vowel becomes `an`.
    """
    while match := CHOICE.search(pattern):
        chosen = rng.choice(match[1].split("|"))
        pattern = pattern[: match.start()] + chosen + pattern[match.end() :]
    text = pattern.format(**words)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return text[:1].upper() + text[1:]


def listed(parts: list[str], last: str = "and") -> str:
    """Join `parts` as a sentence does."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"
