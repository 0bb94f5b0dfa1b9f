"""The lines of a file, compressed or not, in bounded memory whatever the file holds. Knows nothing of what they say."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31  # zlib's largest window, with a gzip header
CHUNK_BYTES = 2**18
MAX_LINE_BYTES = 64 * 2**20
# Recordings pack 4 to 40 times. What packs better is no recording, and may be made to fill a memory.
MAX_RATIO = 200
FREE_BYTES = 4 * 2**20  # that little is never a trap


class DamagedStreamError(ValueError):
    """The file's bytes end being lines of text."""


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, newline included; the last one may lack it. Its first bytes say whether it is compressed.

    An early end of the compressed bytes is only a cut: everything before it is read.

    Raises:
        OSError: the file cannot be opened or read.
        DamagedStreamError: a line longer than `MAX_LINE_BYTES`, damaged compression, or one that is a trap.
    """
    with path.open("rb") as stream:
        packed = stream.peek(2)[:2] == GZIP_MAGIC
        yield from split_lines(unpack(stream)) if packed else plain_lines(stream)


def plain_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of an uncompressed file."""
    while line := stream.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES:
            raise too_long()
        yield line


def unpack(stream: BinaryIO) -> Iterator[bytes]:
    """The uncompressed bytes of a gzip file of one or several members, in chunks."""
    unpacker, taken, given = zlib.decompressobj(GZIP_WINDOW), 0, 0
    while data := stream.read(CHUNK_BYTES):
        taken += len(data)
        while data:
            if unpacker.eof:
                unpacker = zlib.decompressobj(GZIP_WINDOW)
            try:
                chunk = unpacker.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise DamagedStreamError(f"damaged compression: {error}") from error
            given += len(chunk)
            if given > FREE_BYTES and given > MAX_RATIO * taken:
                raise DamagedStreamError(f"it unpacks to more than {MAX_RATIO} times its size, as no trace does")
            yield chunk
            data = unpacker.unconsumed_tail or unpacker.unused_data


def split_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks cut anew, at their line breaks."""
    begun: list[bytes] = []
    length = 0
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield b"".join((*begun, line, b"\n"))
            begun, length = [], 0
        begun.append(rest)
        length += len(rest)
        if length >= MAX_LINE_BYTES:
            raise too_long()
    if length:
        yield b"".join(begun)


def too_long() -> DamagedStreamError:
    """The error of a line that no trace has."""
    return DamagedStreamError(f"longer than {MAX_LINE_BYTES // 2**20} MiB")
