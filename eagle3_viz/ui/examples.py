"""Prompts to start with: easy ones for a draft and hard ones, so that the difference can be seen, and pictures."""

from dataclasses import dataclass
from pathlib import Path

from eagle3_viz import web


@dataclass(frozen=True)
class Example:
    """A prompt, the words on its button, and the name of its image, if it has one (scripts/draw_images.py)."""

    label: str
    prompt: str
    image: str | None = None

    @property
    def path(self) -> Path | None:
        """The image's file."""
        return web.folder() / "images" / self.image if self.image else None


EXAMPLES = (
    Example("Count to thirty", "Count from 1 to 30, separated by commas."),
    Example("Why the sky is blue", "Why is the sky blue? Explain it to a child in a few sentences."),
    Example("Pancake recipe", "Give me a short recipe for pancakes: first the ingredients as a list, then the steps."),
    Example("Python function", "Write a Python function that checks whether a word is a palindrome, with a docstring."),
    Example("A strange poem", "Write a short, strange poem about a lighthouse that is afraid of the dark."),
    Example("Polite e-mail", "Write a short, polite e-mail that asks my neighbour to turn the music down at night."),
    Example("Describe a picture", "Describe this image in detail, please.", "circle-and-square.png"),
    Example("Count stars", "How many stars do you see?", "three-stars.png"),
    Example("Above or below?", "Where is the yellow triangle seen from the red circle?", "triangle-over-circle.png"),
)
