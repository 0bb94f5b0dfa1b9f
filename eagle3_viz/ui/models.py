"""The pairs that the page can load, and what loading one costs. Knows how each is opened, not when."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from eagle3_viz.doctor.findings import Finding
from eagle3_viz.sources.base import Progress, Source

Opener = Callable[[Progress], Awaitable[Source]]
Price = Callable[[str], str]  # what loading the pair of that name costs now


@dataclass(frozen=True)
class Model:
    """A pair of verifier and draft that can be loaded.

    Attributes:
        name: as the page shows it.
        opener: makes the source.
        sees: whether it takes images; None where only the loaded engine can tell.
        checkup: what the doctor says of its files, which takes a moment; None: there are none.
    """

    name: str
    opener: Opener
    sees: bool | None = None
    checkup: Callable[[], list[Finding]] | None = None

    @property
    def label(self) -> str:
        """Its name, and what it reads where that is known."""
        reads = {True: " (text and images)", False: " (text)", None: ""}
        return self.name + reads[self.sees]


def cost(name: str, num_running: int, num_benchmarks: int, took_s: float | None) -> str:
    """What loading a pair costs everybody; `took_s` is how long it took the last time."""
    time = "about half a minute" if took_s is None else f"about {max(1, round(took_s))} s"
    runs = {0: "No run is under way.", 1: "One run is under way: it will be stopped."}.get(
        num_running, f"{num_running} runs are under way, other visitors' too: they will be stopped."
    )
    benchmark = " A benchmark is under way: it will be stopped." if num_benchmarks else ""
    until = f"Loading {name} takes {time}; until then nobody can generate."
    return f"{until} {runs}{benchmark} What was written stays readable."
