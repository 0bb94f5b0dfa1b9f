"""Saves a run while it goes on: flushed twice a second, and soon after the last event even where none follows."""

import asyncio
from collections.abc import Callable

from eagle3_viz.errors import InputError
from eagle3_viz.events import Event
from eagle3_viz.saving import Saving

FLUSH_S = 0.5


class Autosave:
    """Writes a run's events into a file that is begun with the first of them."""

    def __init__(self, begin: Callable[[], Saving]) -> None:
        self._begin = begin
        self._saving: Saving | None = None
        self._refused: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def problem(self) -> str | None:
        """Why the run is not saved; None while it is."""
        return self._saving.problem if self._saving else self._refused

    @property
    def name(self) -> str | None:
        """The file's name; None where there is none."""
        return self._saving.path.name if self._saving and not self._saving.problem else None

    def add(self, event: Event) -> None:
        """Take an event; it is on its way to the disk within `FLUSH_S`."""
        if self._saving is None and self._refused is None:
            try:
                self._saving = self._begin()
            except (InputError, OSError) as error:
                self._refused = f"This run is not saved: {error}"
        if self._saving:
            self._saving.add(event)
            self._timer = self._timer or asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def close(self) -> None:
        """End the file."""
        if self._timer:
            self._timer.cancel()
        if self._saving:
            self._saving.close()

    def _flush(self) -> None:
        self._timer = None
        if self._saving:
            self._saving.flush()
