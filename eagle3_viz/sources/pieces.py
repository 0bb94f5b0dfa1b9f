"""What a token looks like: from a Hugging Face tokenizer to the trace's pieces, exact to the byte."""

import functools
import json
import re
from typing import Any

from eagle3_viz.events import Piece

BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Vocabulary:
    """The pieces of one tokenizer. A token's bytes do not depend on its neighbours."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.added = tokenizer.added_tokens_decoder
        self.byte_of = byte_level_alphabet() if is_byte_level(tokenizer) else None
        self.piece = functools.cache(self._piece)  # vLLM's tokenizer is slow to ask; no more than the vocabulary

    def _piece(self, token_id: int) -> str | Piece:
        """The piece of a token; ids that the tokenizer does not have (a padded vocabulary) are shown as special."""
        if token_id in self.added:
            token = self.added[token_id]
            return Piece(special=token.content) if token.special else str(token.content)
        token = self.tokenizer.convert_ids_to_tokens(token_id)
        if token is None:
            return Piece(special=f"<unused {token_id}>")
        data = self._bytes(token)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return Piece(bytes=data)

    def _bytes(self, token: str) -> bytes:
        if self.byte_of is not None:
            return bytes(self.byte_of[character] for character in token)
        if match := BYTE_TOKEN.fullmatch(token):
            return bytes.fromhex(match[1])
        return token.replace("▁", " ").encode()


def is_byte_level(tokenizer: Any) -> bool:
    """Whether the tokenizer spells bytes as printable characters (GPT-2's way), rather than as ▁ and <0x0A>."""
    return '"ByteLevel"' in json.dumps(json.loads(tokenizer.backend_tokenizer.to_str())["decoder"])


def byte_level_alphabet() -> dict[str, int]:
    """Which byte each character of a byte-level token stands for."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}
