"""A benchmark as a whole: what was asked of which engine, what it came to, and every answer; as a file and back."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from eagle3_viz.analysis.benchmark import Report, Summary
from eagle3_viz.analysis.lossless import Lossless
from eagle3_viz.analysis.measured import Measured
from eagle3_viz.analysis.timing import SpeedUp, Times
from eagle3_viz.analysis.what_k import Estimate, Swept
from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo


class Unmeasured(msgspec.Struct, frozen=True, kw_only=True):
    """A line or a prompt that could not be measured, and why."""

    place: str
    problem: str


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark.

    Attributes:
        summary: the block that model cards print.
        dataset: what was asked, by name.
        settings: how.
        num_asked: how many prompts there were; fewer are in the report where it was interrupted, or some failed.
        unmeasured: the lines and prompts that are not in the report, and what could not be held against it.
        interrupted: whether it ended before all prompts had been asked.
        num_before: answers that an earlier start of the same command left.
        baseline: times of the same prompts without speculation.
        lossless: whether the answers are those without speculation; None without a baseline at temperature 0.
        estimates: what every smaller K is expected to give.
        sweep: what other K gave.
    """

    format: Literal["eagle3_viz benchmark"] = "eagle3_viz benchmark"
    version: int = 1
    summary: Summary
    dataset: str
    created: str
    engine: EngineInfo
    settings: dict[str, Any]
    num_asked: int
    unmeasured: list[Unmeasured]
    interrupted: bool = False
    num_before: int = 0
    report: Report
    speed_up: SpeedUp
    baseline: Times | None = None
    lossless: Lossless | None = None
    estimates: list[Estimate] = []
    sweep: list[Swept] = []
    fastest: int | None = None
    answers: list[Measured] = []


def encode(benchmark: Benchmark) -> bytes:
    """The benchmark as JSON: a line for each of its parts, and one for each answer."""
    parts = [(name, getattr(benchmark, name)) for name in Benchmark.__struct_fields__ if name != "answers"]
    lines = [msgspec.json.encode(name) + b": " + msgspec.json.encode(value) for name, value in parts]
    answers = b",\n".join(map(msgspec.json.encode, benchmark.answers))
    return b"{\n" + b",\n".join([*lines, b'"answers": [\n' + answers + b"\n]"]) + b"\n}\n"


def decode(data: bytes, name: str) -> Benchmark:
    """The benchmark in a file that messages call `name`.

    Raises:
        InputError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=Benchmark)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{name} is no benchmark's JSON: {error}") from error


def load(path: Path) -> Benchmark:
    """The benchmark in a file.

    Raises:
        InputError: it cannot be read, or is none.
    """
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from error
