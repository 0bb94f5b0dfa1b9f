"""The answers of a benchmark, kept one by one: a run that was interrupted goes on where it stopped.

A folder holds `answers.ndjson` (first the settings, then a line for each answer) and each answer's trace.
"""

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

from eagle3_viz.analysis.measured import Measured
from eagle3_viz.errors import InputError
from eagle3_viz.trace import Trace

INDEX = "answers.ndjson"  # not .jsonl: the folder can be opened as one of traces


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An answer in the index. Times are seconds since its session (one start of the program) began."""

    session: int
    began_s: float
    ended_s: float
    measured: Measured


class Kept:
    """The answers so far, in memory and, where there is a folder, on disk.

    Attributes:
        folder: None: nothing is kept beyond the process.
        num_before: how many answers earlier starts left.
        session: how many starts there were before.
    """

    def __init__(self, folder: Path | None, settings: dict[str, Any]) -> None:
        """Open the folder, with the answers that it has.

        Raises:
            InputError: it holds answers to something else, or cannot be written.
        """
        self.folder = folder
        self.lines: dict[tuple[str, int], Line] = {}
        self._writing = asyncio.Lock()
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._read(folder / INDEX, settings)
            except OSError as error:
                raise InputError(f"{folder} cannot be used: {error.strerror or error}") from error
        self.num_before = len(self.lines)
        self.session = 1 + max((line.session for line in self.lines.values()), default=-1)

    def measured(self, prompt_id: str, turn: int) -> Measured | None:
        """The answer to a turn, if it is there."""
        line = self.lines.get((prompt_id, turn))
        return line.measured if line else None

    @property
    def elapsed_s(self) -> float:
        """How long answers were being made, over all sessions."""
        sessions = defaultdict(list)
        for line in self.lines.values():
            sessions[line.session].append(line)
        return sum(
            max(each.ended_s for each in made) - min(each.began_s for each in made) for made in sessions.values()
        )

    async def add(self, line: Line, trace: Trace) -> None:
        """Keep an answer, its trace first.

        Raises:
            InputError: the disk does not take it.
        """
        if self.folder:
            try:
                async with self._writing:
                    line = await asyncio.to_thread(write, self.folder, line, trace)
            except OSError as error:
                raise InputError(f"{self.folder} cannot be written: {error.strerror or error}") from error
        self.lines[line.measured.prompt_id, line.measured.turn] = line

    def _read(self, path: Path, settings: dict[str, Any]) -> None:
        written = msgspec.json.decode(msgspec.json.encode(settings))
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if not lines:
            path.write_bytes(msgspec.json.encode(written) + b"\n")
            return
        try:
            found = msgspec.json.decode(lines[0])
            whole = [line for line in lines[1:] if line.endswith(b"\n")]
            kept = [msgspec.json.decode(line, type=Line) for line in whole]
        except msgspec.DecodeError as error:
            raise InputError(f"{path} is damaged ({error}): delete the folder, or name another") from error
        if found != written:
            other = sorted(name for name in {*found, *written} if found.get(name) != written.get(name))
            raise InputError(
                f"{path.parent} holds answers that were made with another {', '.join(other)}:"
                " delete it, or name another"
            )
        self.lines = {(line.measured.prompt_id, line.measured.turn): line for line in kept}
        if len(whole) < len(lines) - 1:  # the process was killed while it wrote
            path.write_bytes(b"".join([lines[0], *whole]))


def write(folder: Path, line: Line, trace: Trace) -> Line:
    """Write an answer's trace and then its line, in which the trace is named."""
    number = sum(1 for _ in folder.glob("*.jsonl.gz"))
    name = f"{number:05d}-{file_part(line.measured.prompt_id)}-{line.measured.turn}.jsonl.gz"
    trace.save(folder / name)
    named = msgspec.structs.replace(line, measured=msgspec.structs.replace(line.measured, trace=name))
    with (folder / INDEX).open("ab") as index:
        index.write(msgspec.json.encode(named) + b"\n")
    return named


def file_part(text: str) -> str:
    """What of a text may stand in a file's name."""
    return "".join(character if character.isascii() and character.isalnum() else "_" for character in text)[:40]
