"""From the pieces of tokens to text."""

import codecs

from eagle3_viz.events import Piece


def piece_bytes(piece: str | Piece) -> bytes:
    """The bytes that a token adds to the text: none for a special token."""
    return piece.encode(errors="replace") if isinstance(piece, str) else piece.bytes or b""


def settled(data: bytes) -> str:
    """The text of the bytes; a character at the end that is not whole yet is held back."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data)
