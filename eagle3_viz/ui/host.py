"""Keeps the one source that all visitors share: opens it in the background, reports how far it is, tries again.

It does not know which source it is, nor who looks at its state.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

import msgspec

from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.ui.news import News

logger = logging.getLogger(__name__)

Opener = Callable[[Progress], Awaitable[Source]]


class EngineState(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is told about the engine."""

    phase: Literal["loading", "ready", "failed"]
    message: str
    fraction: float | None = None
    elapsed_s: float = 0.0
    engine: EngineInfo | None = None


class Host:
    """Opens a source and holds it.

    Attributes:
        news: tells of every change of `state`.
    """

    def __init__(self, opener: Opener, clock: Callable[[], float] = time.monotonic) -> None:
        self.news = News()
        self._opener = opener
        self._clock = clock
        self._started = clock()
        self._state = EngineState(phase="loading", message="Starting")
        self._source: Source | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def state(self) -> EngineState:
        """The state now; while loading, with the time it has taken so far."""
        if self._state.phase != "loading":
            return self._state
        return msgspec.structs.replace(self._state, elapsed_s=self._clock() - self._started)

    @property
    def source(self) -> Source:
        """The source.

        Raises:
            InputError: it is not ready.
        """
        if self._source is None:
            hint = (
                "wait until it is ready, then press Generate again"
                if self._state.phase == "loading"
                else "press “Try again” at the top of the page"
            )
            raise InputError(f"The engine is not ready: {hint}. Your prompt is kept.")
        return self._source

    def start(self) -> None:
        """Open the source in the background, unless it is open or being opened."""
        if self._source is None and (self._opening is None or self._opening.done()):
            self._started = self._clock()
            self._set(EngineState(phase="loading", message="Starting"))
            self._opening = asyncio.create_task(self._open(asyncio.get_running_loop()))

    async def close(self) -> None:
        """Give the source back."""
        if self._opening:
            self._opening.cancel()
            with suppress(asyncio.CancelledError):
                await self._opening
        if self._source:
            await self._source.close()
            self._source = None

    async def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        def progress(message: str, fraction: float | None) -> None:
            loop.call_soon_threadsafe(self._progress, message, fraction)

        try:
            self._source = await self._opener(progress)
        except InputError as error:
            self._fail(str(error))
        except Exception as error:
            logger.exception("the engine could not be started")
            self._fail(f"{type(error).__name__}: {error}. The terminal shows the details.")
        else:
            elapsed = self._clock() - self._started
            self._set(EngineState(phase="ready", message="Ready", elapsed_s=elapsed, engine=self._source.engine))

    def _progress(self, message: str, fraction: float | None) -> None:
        if self._state.phase == "loading":
            self._set(EngineState(phase="loading", message=message, fraction=fraction))

    def _fail(self, message: str) -> None:
        self._set(EngineState(phase="failed", message=message, elapsed_s=self._clock() - self._started))

    def _set(self, state: EngineState) -> None:
        self._state = state
        self.news.tell()
