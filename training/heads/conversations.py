"""Conversations as token ids, the material of a recipe: one JSON object a line, in `.jsonl.gz` files.

A line has `prompt` (ids up to and including the header of the answer) and `output` (ids of the answer, end token
included where the answer ended).
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Conversation:
    """One prompt and the verifier's own answer to it, as ids of the verifier's vocabulary."""

    prompt: tuple[int, ...]
    output: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """Prompt and answer in one sequence."""
        return self.prompt + self.output


def read(paths: Iterable[Path]) -> Iterator[Conversation]:
    """Yield every conversation of the files in `paths`, in order."""
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                record = json.loads(line)
                yield Conversation(tuple(record["prompt"]), tuple(record["output"]))


def files(paths: Sequence[Path]) -> list[Path]:
    """Return `paths` with each folder replaced by its `.jsonl.gz` files in name order."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob("*.jsonl.gz")) if path.is_dir() else [path]
    return found
