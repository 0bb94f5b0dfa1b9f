"""Recordings with their expected results beside them.

`by_hand`, `troubled`, `cut_short` and `why` (a rejection of each cause) were written and counted by hand; `scripted` is
what the scripted source makes.
`python -m tests.golden` writes the results of all of them, and `scripted`, anew: read the difference before keeping it.
"""

import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from eagle3_viz import Request, Sampling, Script, ScriptedSource, Trace, record
from eagle3_viz.analysis.statistics import statistics
from eagle3_viz.cli.stats import as_json
from eagle3_viz.views import terminal

FOLDER = Path(__file__).parent
NAMES = ("by_hand", "cut_short", "scripted", "troubled", "why")


def trace_path(name: str) -> Path:
    """The recording."""
    return FOLDER / f"{name}.jsonl"


def stats_path(name: str) -> Path:
    """What `stats --json` says of it."""
    return FOLDER / f"{name}.stats.json"


def shown_path(name: str) -> Path:
    """What `show` prints, colours included."""
    return FOLDER / f"{name}.show.txt"


def ticking() -> Callable[[], float]:
    """A clock that is 1 ms further each time it is read."""
    ticks = itertools.count()
    return lambda: next(ticks) / 1000


async def no_sleep(_: float) -> None:
    """Let no time pass."""


async def scripted() -> Trace:
    """Two requests at once, one of them sampled and cut by its maximum length."""
    source = ScriptedSource(
        Script(seed=9, num_tokens=30, filler_every=7),
        clock=ticking(),
        sleep=no_sleep,
        now=lambda: "2026-11-25T00:00:00Z",
        new_id=lambda: "scripted",
    )
    asked = [{"role": "user", "content": "Who crosses the bridge?"}]
    requests = [
        Request(request_id="greedy", messages=asked, top_logprobs=2),
        Request(
            request_id="sampled", messages=asked, top_logprobs=2, sampling=Sampling(temperature=0.8, max_tokens=17)
        ),
    ]
    return await record(source, requests)


def shown(trace: Trace) -> str:
    """What `show` prints on a terminal of 100 columns."""
    file = io.StringIO()
    console = Console(
        file=file, width=100, force_terminal=True, color_system="standard", markup=False, highlight=False, emoji=False
    )
    terminal.show(trace, console)
    return file.getvalue()


def stats(trace: Trace) -> str:
    """What `stats --json` prints."""
    return json.dumps(as_json(statistics(trace)), indent=2) + "\n"
