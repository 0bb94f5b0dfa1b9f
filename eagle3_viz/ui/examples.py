"""Prompts to start with: easy ones for a draft and hard ones, so that the difference can be seen."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A prompt and the words on its button."""

    label: str
    prompt: str


EXAMPLES = (
    Example("Count to thirty", "Count from 1 to 30, separated by commas."),
    Example("Why the sky is blue", "Why is the sky blue? Explain it to a child in a few sentences."),
    Example("Pancake recipe", "Give me a short recipe for pancakes: first the ingredients as a list, then the steps."),
    Example("Python function", "Write a Python function that checks whether a word is a palindrome, with a docstring."),
    Example("A strange poem", "Write a short, strange poem about a lighthouse that is afraid of the dark."),
    Example("Polite e-mail", "Write a short, polite e-mail that asks my neighbour to turn the music down at night."),
)
