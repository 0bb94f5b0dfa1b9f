"""The words, glyphs and visible characters that every view in Python shares."""

import unicodedata

from eagle3_viz.events import Piece

NEWLINE = "⏎"
NAMED = {"\n": NEWLINE, "\t": "⇥", "\x7f": "␡"}
JOINERS = "\u200c\u200d"  # without effect on what stands around them, and part of ordinary words and emoji
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
NO_PIECE = "⟨?⟩"


def visible(text: str, *, break_lines: bool = False) -> str:
    """The text with every control, formatting and unassigned character spelled out.

    `break_lines` keeps the line feed after its sign, so that a text still has its lines.
    """
    shown = "".join(map(_visible_character, text))
    return shown.replace(NEWLINE, f"{NEWLINE}\n") if break_lines else shown


def _visible_character(character: str) -> str:
    if character in NAMED:
        return NAMED[character]
    if character < " ":
        return chr(0x2400 + ord(character))
    if character in JOINERS or unicodedata.category(character) not in HIDDEN:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def hex_bytes(data: bytes) -> str:
    """Bytes that are no whole character, as ⟨f0 9f⟩."""
    return f"⟨{data.hex(' ')}⟩"


def count(number: int, noun: str, plural: str = "s") -> str:
    """Like "1 token" or "2,000 tokens"."""
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def headline(num_passes: int, num_tokens: int) -> str:
    """What speculation came to, in plain words."""
    return f"{count(num_passes, 'verifier pass', 'es')} wrote {count(num_tokens, 'token')}"


def spelled(piece: str | Piece | None) -> str:
    """A token on its own."""
    if piece is None:
        return NO_PIECE
    if isinstance(piece, str):
        return piece
    return hex_bytes(piece.bytes or b"") if piece.special is None else piece.special
