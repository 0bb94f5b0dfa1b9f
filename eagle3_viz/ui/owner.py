"""What the owner of the page decides: where runs are saved, and how much a visitor may ask for.

Settings are environment variables, as a Space has them. There, strangers type: nothing is saved unless its owner says
where, and what is saved is bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from eagle3_viz.errors import InputError
from eagle3_viz.runs_folder import Bounds, RunsFolder
from eagle3_viz.ui.runs import Runs

PREFIX = "EAGLE3_"
NOWHERE = "none"


@dataclass(frozen=True)
class Owner:
    """The owner's settings; each comes from the environment variable of its name in capitals, behind `EAGLE3_`.

    Attributes:
        runs: folder for saved runs, or "none"; None: the default, which on a Space is "none".
        runs_mb: on a Space, how much of them is kept.
        runs_hours: on a Space, how long they are kept.
        max_tokens: most tokens of one answer; None: as many as the model takes.
        max_image_mb: most megabytes of one image file; None: what the page takes anyway.
        max_running: runs under way at once.
        max_queued: runs that wait for their turn.
        open: recordings to look at, instead of an engine: where vLLM cannot run.
        space: the page is on a Space.
    """

    open: str | None = None
    runs: str | None = None
    runs_mb: int = 500
    runs_hours: int = 24
    max_tokens: int | None = None
    max_image_mb: int | None = None
    max_running: int = 16
    max_queued: int = 32
    space: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str], runs: str | None = None) -> "Owner":
        """The settings in an environment; `runs` goes before what it says.

        Raises:
            InputError: a setting is no whole number above 0.
        """
        numbers = ("runs_mb", "runs_hours", "max_tokens", "max_image_mb", "max_running", "max_queued")
        given = {name: environment[PREFIX + name.upper()] for name in numbers if environment.get(PREFIX + name.upper())}
        return cls(
            open=environment.get(f"{PREFIX}OPEN") or None,
            runs=runs or environment.get(f"{PREFIX}RUNS") or None,
            space=bool(environment.get("SPACE_ID")),
            **{name: _whole(name, text) for name, text in given.items()},
        )

    def runs_of_visitors(self) -> Runs:
        """The runs, as the settings bound them."""
        return Runs(
            max_running=self.max_running,
            max_queued=self.max_queued,
            max_tokens=self.max_tokens,
            max_image_bytes=None if self.max_image_mb is None else self.max_image_mb * 2**20,
            folder=self.folder(),
        )

    def folder(self) -> RunsFolder | None:
        """Where runs are saved; None: nowhere."""
        runs = self.runs or (
            NOWHERE if self.space else platformdirs.user_data_dir("eagle3_viz", appauthor=False) + "/runs"
        )
        if runs == NOWHERE:
            return None
        bounds = Bounds(max_bytes=self.runs_mb * 2**20, max_age_s=self.runs_hours * 3600) if self.space else None
        return RunsFolder(Path(runs), bounds=bounds)


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InputError(f"{PREFIX}{name.upper()} is {text!r}: give a whole number above 0")
    return int(text)
