"""What kind of token stands in a text: told by its piece and by what stands before it. `kinds.js` is its twin."""

from typing import Literal

from eagle3_viz.events import Piece

Kind = Literal[
    "special", "near image", "code", "part of a character", "space and newline", "digit", "punctuation", "word start",
    "word inside", "unknown",
]  # fmt: skip
BLANKS = " \t\r\n"
NEAR_IMAGE = 16  # the first tokens of an answer to a prompt with an image
FENCE = 3  # backticks that open and close a block of code


class Reading:
    """One answer, read token by token.

    Args:
        has_image: whether its prompt has an image.
    """

    def __init__(self, *, has_image: bool = False) -> None:
        self._has_image = has_image
        self._in_code = False
        self._backticks = 0  # that the text ends with, those of the last fence left out
        self._after_letter = False

    def kind(self, piece: str | Piece | None, output_position: int) -> Kind:
        """The kind of the token that would come next. The first that holds, in the order of `Kind`."""
        if piece is None:
            return "unknown"
        if isinstance(piece, Piece) and piece.special is not None:
            return "special"
        if self._has_image and output_position < NEAR_IMAGE:
            return "near image"
        if self._in_code:
            return "code"
        return "part of a character" if isinstance(piece, Piece) else self._kind_of_text(piece)

    def _kind_of_text(self, text: str) -> Kind:
        core = text.strip(BLANKS)
        if not core:
            return "space and newline"
        if any(character.isalpha() for character in core):
            return "word inside" if self._after_letter and text[0].isalpha() else "word start"
        return "digit" if any(character.isdecimal() for character in core) else "punctuation"

    def read(self, piece: str | Piece | None) -> None:
        """Go on behind the next token."""
        text = piece if isinstance(piece, str) else ""
        self._after_letter = text[-1:].isalpha()
        for character in text or " ":
            self._backticks = self._backticks + 1 if character == "`" else 0
            if self._backticks == FENCE:
                self._in_code, self._backticks = not self._in_code, 0
