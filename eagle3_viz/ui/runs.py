"""Runs: one request of one visitor, driven into a trace, stopped when nobody looks any more.

Knows neither the browser nor the engine behind the source.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from functools import partial

from eagle3_viz.errors import InputError
from eagle3_viz.records import asked
from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.sources.base import Request, Source
from eagle3_viz.trace import Trace
from eagle3_viz.ui.autosave import Autosave
from eagle3_viz.ui.news import News
from eagle3_viz.ui.turns import Turns

logger = logging.getLogger(__name__)

# A browser that lost its connection comes back within this time (see `retry` in stream.py); a closed tab does not.
GRACE_S = 0.4
# A browser that asked for a run starts to follow it within this time, even on a slow line.
FIRST_FOLLOWER_S = 15.0
MAX_RUNS = 64
MAX_RUNNING = 32
MAX_IMAGE_BYTES_HELD = 256 * 2**20


class Run:
    """One request on its way.

    Attributes:
        run_id: unguessable; who has it may follow and stop the run.
        request: what was asked, images included: a trace holds only small pictures of them.
        trace: what happened so far.
        problem: why the recording broke off, if it did.
        ended: nothing more will come.
        news: tells of every event, and of the end.
        autosave: writes it into a file; None: nowhere.
    """

    def __init__(
        self,
        source: Source,
        request: Request,
        grace_s: float = GRACE_S,
        turns: Turns | None = None,
        autosave: Autosave | None = None,
    ) -> None:
        self.run_id = request.request_id
        self.request = request
        self.trace = Trace()
        self.problem: str | None = None
        self.ended = False
        self.news = News()
        self.autosave = autosave
        self._turns = turns or Turns(1)
        self._grace_s = grace_s
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._drive(source, request))
        self._stop_if_alone_after(FIRST_FOLLOWER_S)

    @property
    def num_ahead(self) -> int | None:
        """How many runs stand before this one while it waits for its turn; None where it does not wait."""
        return self._turns.num_ahead(self.news)

    @property
    def notice(self) -> str | None:
        """What the visitor should know although the run goes on."""
        return self.autosave.problem if self.autosave else None

    def stop(self) -> None:
        """End the run soon, in order."""
        self._stop.set()

    async def wait(self) -> None:
        """Return when the run has ended."""
        await asyncio.wait([self._task])

    @contextmanager
    def follow(self) -> Iterator[asyncio.Event]:
        """Look at the run; it is stopped soon after the last one who looked has gone."""
        try:
            with self.news.listen() as news:
                yield news
        finally:
            self._stop_if_alone_after(self._grace_s)

    def _stop_if_alone_after(self, seconds: float) -> None:
        if not self.ended and not len(self.news):
            self.news.if_left(seconds, self.stop)

    async def _drive(self, source: Source, request: Request) -> None:
        try:
            async with self._turns.take(self.news, self._stop) as turn:
                if turn:
                    await self._record(source, request)
                else:
                    self.problem = "Stopped while it waited for its turn."
        except InputError as error:
            self.problem = str(error)
        except Exception as error:
            logger.exception("a run broke off")
            self.problem = f"The run broke off: {type(error).__name__}: {error}. The terminal shows the details."
        finally:
            if self.autosave:
                self.autosave.close()
            self.ended = True
            self.news.tell()

    async def _record(self, source: Source, request: Request) -> None:
        async with aclosing(source.record([request], self._stop)) as events:  # type: ignore[type-var]
            async for event in events:
                self.trace.append(event)
                if self.autosave:
                    self.autosave.add(event)
                self.news.tell()


class Runs:
    """The runs of all visitors, the oldest finished ones forgotten first.

    Attributes:
        max_tokens: most tokens of one answer; None: as many as the model takes.
    """

    def __init__(
        self,
        max_runs: int = MAX_RUNS,
        max_running: int = MAX_RUNNING,
        grace_s: float = GRACE_S,
        *,
        max_queued: int = 0,
        max_tokens: int | None = None,
        max_image_bytes: int | None = None,
        folder: RunsFolder | None = None,
    ) -> None:
        """`max_running` go on at once, or as many as the engine takes; `max_queued` wait for their turn.

        All are saved in `folder`, if it is given.
        """
        self._runs: dict[str, Run] = {}
        self._turns = Turns(max_running)
        self._max_queued = max_queued
        self.max_tokens = max_tokens
        self._max_image_bytes = max_image_bytes
        self._folder = folder
        self._max_runs = max_runs
        self._max_running = max_running
        self._grace_s = grace_s

    def get(self, run_id: str) -> Run | None:
        """The run, if it is still known."""
        return self._runs.get(run_id)

    @property
    def known(self) -> list[Run]:
        """The runs that can still be looked at, in the order in which they began."""
        return list(self._runs.values())

    @property
    def running(self) -> list[Run]:
        """The runs that have not ended."""
        return [run for run in self.known if not run.ended]

    def start(self, source: Source, request: Request) -> Run:
        """Start a run.

        Raises:
            InputError: too many are running or waiting, or it asks for more than the owner of the page gives.
        """
        self._check(request)
        if len(self.running) >= self._max_running + self._max_queued:
            raise InputError(f"{len(self.running)} runs are under way, which is the limit: try again in a minute.")
        self._forget_some()
        self._turns.at_once = min(self._max_running, source.engine.max_num_seqs or self._max_running)
        run = Run(source, request, self._grace_s, self._turns, self._autosave(request))
        self._runs[run.run_id] = run
        return run

    def _check(self, request: Request) -> None:
        asked_for = request.sampling.max_tokens
        if self.max_tokens is not None and asked_for > self.max_tokens:
            raise InputError(f"max tokens is {asked_for:,}: this page gives up to {self.max_tokens:,}")
        largest = max(map(len, request.images), default=0)
        if self._max_image_bytes is not None and largest > self._max_image_bytes:
            allowed = self._max_image_bytes // 2**20
            raise InputError(
                f"An image has {largest / 2**20:.1f} MB: this page takes up to {allowed} MB, make it smaller."
            )

    def _autosave(self, request: Request) -> Autosave | None:
        if self._folder is None:
            return None
        prompt = asked(request.messages, request.prompt or "")
        return Autosave(partial(self._folder.save, request.request_id, prompt))

    def _forget_some(self) -> None:
        """The oldest that have ended, where there are too many; of those with images, where these take too much."""
        ended = [run for run in self.known if run.ended]
        for run in ended[: max(0, len(self._runs) - self._max_runs + 1)]:
            del self._runs[run.run_id]
        for run in ended:
            if run.request.images and self._num_image_bytes() > MAX_IMAGE_BYTES_HELD:
                self._runs.pop(run.run_id, None)

    def _num_image_bytes(self) -> int:
        images = (data for run in self.known for data in run.request.images)
        return sum({id(data): len(data) for data in images}.values())  # runs may share one

    async def stop_all(self) -> None:
        """Stop all runs in order and wait for their end; they stay readable."""
        for run in self.running:
            run.stop()
        for run in self.running:
            await run.wait()


def new_run_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_urlsafe(16)
