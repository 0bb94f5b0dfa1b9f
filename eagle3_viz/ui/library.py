"""The recordings that a visitor may look at: saved runs, files the demo was opened with, files dropped onto the page.

A recording goes by a name: that of its file, or one that nobody can guess where it was dropped.
"""

import asyncio
import secrets
import tempfile
from collections import OrderedDict
from pathlib import Path

from eagle3_viz.codec import TraceFileError
from eagle3_viz.errors import InputError
from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.saved_run import SavedRun, clean_title, title_of
from eagle3_viz.trace import Trace
from eagle3_viz.views.report import Titled

MAX_DROPPED_BYTES = 32 * 2**20  # as it comes, and as it unpacks: in memory it may take forty times as much
MAX_HELD = 4
DROPPED = "dropped-"


class Library:
    """Recordings by name. Loaded ones are held, the one that was not asked for longest is let go first.

    Attributes:
        folder: where runs are saved, or what is looked at; None: neither.
    """

    def __init__(self, folder: RunsFolder | None) -> None:
        self.folder = folder
        self._held: OrderedDict[tuple[str, float], Titled] = OrderedDict()
        self._dropped: OrderedDict[str, Titled] = OrderedDict()
        self._taking = asyncio.Lock()  # one dropped file at a time

    async def list(self, keys: frozenset[str]) -> list[SavedRun]:
        """The runs in the folder, newest first; where visitors are kept apart, those whose ids are among `keys`."""
        return await asyncio.to_thread(self.folder.list, keys) if self.folder else []

    async def get(self, name: str) -> Titled:
        """The recording of that name.

        Raises:
            InputError: there is none, or it cannot be read.
        """
        if name in self._dropped:
            return self._dropped[name]
        path = self.path(name)
        key = (name, path.stat().st_mtime)
        if key not in self._held:
            self._held[key] = Titled(title_of(path), await asyncio.to_thread(load, path))
        self._held.move_to_end(key)
        while len(self._held) > MAX_HELD:
            self._held.popitem(last=False)
        return self._held[key]

    def path(self, name: str) -> Path:
        """The file of a recording in the folder.

        Raises:
            InputError: there is none.
        """
        if self.folder is None:
            raise InputError("This recording is not here any more: drop its file onto the page again.")
        return self.folder.find(name)

    async def add(self, data: bytes, file_name: str) -> str:
        """Take in a file that somebody dropped; returns the name it goes by.

        Raises:
            InputError: it is no trace.
        """
        async with self._taking:
            trace = await asyncio.to_thread(load_bytes, data, file_name)
        name = DROPPED + secrets.token_urlsafe(16)
        self._dropped[name] = Titled(clean_title(title_of(Path(file_name))) or "dropped", trace)
        while len(self._dropped) > MAX_HELD:
            self._dropped.popitem(last=False)
        return name

    def writable(self) -> RunsFolder:
        """The folder, to rename and delete in.

        Raises:
            InputError: there is none.
        """
        if self.folder is None:
            raise InputError("No runs are saved here.")
        return self.folder


def load(path: Path) -> Trace:
    """The trace in a file of the folder.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return Trace.load(path)
    except TraceFileError as error:
        raise InputError(str(error).replace(str(path), path.name)) from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be opened: {error.strerror or error}.") from error


def load_bytes(data: bytes, file_name: str) -> Trace:
    """The trace that somebody handed over.

    Raises:
        InputError: it is none.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dropped"
        path.write_bytes(data)
        try:
            return Trace.load(path, MAX_DROPPED_BYTES)
        except TraceFileError as error:
            raise InputError(str(error).replace(str(path), file_name[:80])) from error
