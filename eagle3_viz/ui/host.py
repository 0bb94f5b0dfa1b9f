"""Keeps the one source that all visitors share: opens it in the background, reports how far it is, tries again, and
opens another in its place.

It does not know which source it is, nor who looks at its state.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec

from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo
from eagle3_viz.sources.base import Source
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.news import News

logger = logging.getLogger(__name__)

Phase = Literal["loading", "ready", "failed"]

STOP_S = 30.0  # how long runs may take to end before their engine is closed under them


class EngineState(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is told about the engine; `model` is the name of the pair that is loaded or being loaded."""

    model: str
    phase: Phase
    message: str
    fraction: float | None = None
    elapsed_s: float = 0.0
    engine: EngineInfo | None = None


class Host:
    """Opens a source and holds it: at first that of the first model.

    Attributes:
        models: what can be opened, by name.
        took_s: how long it took to open each that has been open.
        news: tells of every change of `state`.
    """

    def __init__(self, models: Sequence[Model], clock: Callable[[], float] = time.monotonic) -> None:
        self.models = {model.name: model for model in models}
        self.took_s: dict[str, float] = {}
        self.news = News()
        self._model = models[0]
        self._clock = clock
        self._started = clock()
        self._state = EngineState(model=self._model.name, phase="loading", message="Starting")
        self._source: Source | None = None
        self._opening: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

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

    @property
    def model(self) -> Model:
        """The pair that is loaded or being loaded."""
        return self._model

    @property
    def busy(self) -> bool:
        """Whether a source is being opened or replaced."""
        return self._opening is not None and not self._opening.done()

    def start(self) -> None:
        """Open the source in the background, unless it is open or being opened."""
        if self._source is None and not self.busy:
            self._begin("Starting")
            self._opening = asyncio.create_task(self._open())

    def switch(self, name: str, stop_runs: Callable[[], Awaitable[None]]) -> None:
        """Open another model in the background: stop the runs, close the source, open the new one.

        Raises:
            InputError: there is no such model, or one is being opened now.
        """
        if name not in self.models:
            raise InputError(f"There is no model {name}: choose one of {', '.join(self.models)}.")
        if self.busy:
            raise InputError("A model is being loaded: wait until it is ready, then choose again.")
        if self._source is not None and name == self._model.name:
            return
        self._model = self.models[name]
        self._begin("Stopping runs")
        self._watch_no_more()
        old, self._source = self._source, None
        self._opening = asyncio.create_task(self._replace(old, stop_runs))

    async def close(self) -> None:
        """Give the source back."""
        self._watch_no_more()
        if self._opening:
            self._opening.cancel()
            with suppress(asyncio.CancelledError):
                await self._opening
        if self._source:
            await self._source.close()
            self._source = None

    async def _replace(self, old: Source | None, stop_runs: Callable[[], Awaitable[None]]) -> None:
        """One engine at a time: the old one is gone before the new one starts."""
        try:
            async with asyncio.timeout(STOP_S):
                await stop_runs()
        except TimeoutError:
            logger.exception("runs did not stop in time; their engine is closed all the same")
        finally:
            self._progress("Closing the engine", None)
            await give_back(old)
        await self._open()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()

        def progress(message: str, fraction: float | None) -> None:
            loop.call_soon_threadsafe(self._progress, message, fraction)

        try:
            self._source = await self._model.opener(progress)
        except InputError as error:
            self._fail(f"The engine could not be started. {error}")
        except Exception as error:
            logger.exception("the engine could not be started")
            self._fail(
                f"The engine could not be started. {type(error).__name__}: {error}. The terminal shows the details."
            )
        else:
            elapsed = self._clock() - self._started
            self.took_s[self._model.name] = elapsed
            self._set("ready", "Ready", elapsed_s=elapsed, engine=self._source.engine)
            self._watching = asyncio.create_task(self._watch(self._source))

    async def _watch(self, source: Source) -> None:
        """Give the source back when it has ended by itself; it can be opened again."""
        reason = await source.ended()
        logger.error(reason)
        self._source = self._watching = None
        self._begin("Closing the engine")
        self._opening = asyncio.create_task(self._bury(source, reason))

    async def _bury(self, source: Source, reason: str) -> None:
        await give_back(source)
        self._fail(reason)

    def _watch_no_more(self) -> None:
        if self._watching:
            self._watching.cancel()
            self._watching = None

    def _progress(self, message: str, fraction: float | None) -> None:
        if self._state.phase == "loading":
            self._set("loading", message, fraction=fraction)

    def _fail(self, message: str) -> None:
        self._set("failed", message, elapsed_s=self._clock() - self._started)

    def _begin(self, message: str) -> None:
        self._started = self._clock()
        self._set("loading", message)

    def _set(self, phase: Phase, message: str, **more: Any) -> None:
        self._state = EngineState(model=self._model.name, phase=phase, message=message, **more)
        self.news.tell()


async def give_back(source: Source | None) -> None:
    """Close a source; one that cannot be closed must not keep the next from being opened."""
    try:
        if source:
            await source.close()
    except Exception:
        logger.exception("the engine could not be closed in order")
