"""The folder of saved runs: one trace file each, named by the run's title. Nothing else in it is ever touched."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eagle3_viz.errors import InputError
from eagle3_viz.saved_run import SUFFIXES, SavedRun, clean_title, described, ending, title_of
from eagle3_viz.saving import Saving

KEY = re.compile(r"[A-Za-z0-9_-]{22}")  # what `new_run_id` makes


@dataclass(frozen=True)
class Bounds:
    """How much is kept where strangers write. What is beyond is deleted, oldest first.

    Attributes:
        max_bytes: of all runs together.
        max_age_s: since a run was last written.
    """

    max_bytes: int
    max_age_s: float


class RunsFolder:
    """Saved runs in a folder, which need not exist yet.

    Attributes:
        path: the folder.
        writable: runs may be saved, renamed and deleted.
        bounds: with them, runs are named by their unguessable ids and nobody is shown a list of other people's runs.
    """

    def __init__(
        self,
        path: Path,
        *,
        writable: bool = True,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.writable = writable
        self.bounds = bounds
        self._clock = clock

    def save(self, run_id: str, prompt: str) -> Saving:
        """Begin the file of a new run."""
        self._require_writable()
        if self.bounds:
            self.tidy()
            return Saving(self.path / f"{run_id}{SUFFIXES[0]}")
        stamp = time.strftime("%Y-%m-%d %H.%M.%S", time.localtime(self._clock()))
        return Saving(self._free(f"{stamp} {clean_title(prompt[:40])}".strip()))

    def list(self, keys: frozenset[str] = frozenset()) -> list[SavedRun]:
        """The runs, newest first, or by title where they are not ours; within bounds those with ids in `keys`."""
        paths = [path for path in self._files() if not self.bounds or title_of(path) in keys]
        runs = [run for run in map(described, paths) if run]
        return sorted(runs, key=lambda run: run.modified, reverse=True) if self.writable else runs

    def find(self, name: str) -> Path:
        """The file of a run.

        Raises:
            InputError: there is none of that name.
        """
        path = next((path for path in self._files() if path.name == name), None)
        if path is None:
            raise InputError("This run is not in the folder any more: it was renamed or deleted.")
        return path

    def rename(self, name: str, title: str) -> str:
        """Give a run another title; returns its new name.

        Raises:
            InputError: there is no such run, the title is empty or taken, or the folder is not ours to change.
        """
        self._require_writable()
        if self.bounds:
            raise InputError("Runs have no titles here: save this one, and name the file as you like.")
        path, cleaned = self.find(name), clean_title(title)
        if not cleaned:
            raise InputError("A run needs a title: write one.")
        new = path.with_name(cleaned + ending(path))
        if new == path:
            return name
        if new.exists():
            raise InputError(f"There is a run called “{cleaned}” already: choose another title.")
        with telling():
            path.rename(new)
        return new.name

    def delete(self, name: str) -> None:
        """Delete one run.

        Raises:
            InputError: there is no such run, or the folder is not ours to change.
        """
        self._require_writable()
        with telling():
            self.find(name).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Delete what the bounds do not keep; only files that are named as `save` names them."""
        if not self.bounds:
            return
        now, kept = self._clock(), 0
        for status, path in sorted(
            ((path.stat(), path) for path in self._files()), key=lambda pair: pair[0].st_mtime, reverse=True
        ):
            kept += status.st_size
            if kept > self.bounds.max_bytes or now - status.st_mtime > self.bounds.max_age_s:
                path.unlink(missing_ok=True)

    def _require_writable(self) -> None:
        if not self.writable:
            raise InputError("These recordings were opened to be looked at: they are not changed.")

    def _files(self) -> Iterator[Path]:
        if self.path.is_file():
            yield self.path
        elif self.path.is_dir():
            yield from (path for path in sorted(self.path.iterdir()) if self._is_ours(path) and path.is_file())

    def _is_ours(self, path: Path) -> bool:
        return bool(KEY.fullmatch(title_of(path))) if self.bounds else path.name.endswith(SUFFIXES)

    def _free(self, title: str) -> Path:
        """A path that no file has yet."""
        for number in range(1, 1000):
            path = self.path / f"{title}{f' ({number})' if number > 1 else ''}{SUFFIXES[0]}"
            if not path.exists():
                break
        return path


@contextmanager
def telling() -> Iterator[None]:
    """Turns what the system refuses into words for the page."""
    try:
        yield
    except OSError as error:
        raise InputError(f"The folder of runs cannot be changed: {error.strerror or error}.") from error
