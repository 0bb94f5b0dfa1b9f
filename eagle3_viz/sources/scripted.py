"""A fake that ships: plausible recordings from a seed, for demos without an engine and for every test of a view.

It makes nothing up that an engine could not do: the text is what its verifier would write without any draft, and
each step keeps or rejects proposals against it.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

from eagle3_viz.codec import SCHEMA
from eagle3_viz.draft_vocabulary import packed
from eagle3_viz.events import EngineInfo, Event, TraceStarted
from eagle3_viz.sources.base import Request, never
from eagle3_viz.sources.pacing import Sleep, pause
from eagle3_viz.sources.scripted_prompt import read_all
from eagle3_viz.sources.scripted_run import Script
from eagle3_viz.sources.scripted_session import Session
from eagle3_viz.sources.scripted_text import DRAFTABLE

__all__ = ["Script", "ScriptedSource"]

VOCAB_SIZE = 2**20


def utc_now() -> str:
    """The time of day as a trace notes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_trace_id() -> str:
    """An id that no other trace has."""
    return uuid.uuid4().hex


class ScriptedSource:
    """The fake engine. Clock, pause, ids and dates can be given, so that a recording is the same to the byte.

    Attributes:
        running: ids of the requests that are being generated now.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        now: Callable[[], str] = utc_now,
        new_id: Callable[[], str] = new_trace_id,
    ) -> None:
        self.script = script or Script()
        self.running: set[str] = set()
        self._clock, self._sleep, self._now, self._new_id = clock, sleep, now, new_id

    @property
    def engine(self) -> EngineInfo:
        """The engine that the fake pretends to be."""
        return EngineInfo(
            verifier="scripted",
            draft="scripted",
            method="eagle3",
            num_speculative_tokens=self.script.num_speculative_tokens,
            draft_sample_method="greedy",
            rejection_sample_method="standard",
            vocab_size=VOCAB_SIZE,
            draft_vocab_size=len(DRAFTABLE),
            draft_vocabulary=packed(DRAFTABLE),
            async_scheduling=False,
            tensor_parallel_size=1,
            images_per_prompt=self.script.images_per_prompt,
        )

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        """Generate all `requests` at once, one step of each in every engine step.

        Raises:
            InputError: two requests share an id, or none can run (an empty prompt, a bad image); nothing was recorded.
        """
        prompts = read_all(requests, images_per_prompt=self.script.images_per_prompt)
        pace = self.script.steps_per_second
        origin = self._clock()
        session = Session(self.script, lambda: round((self._clock() - origin) * 1000, 3))
        try:
            yield TraceStarted(schema=SCHEMA, trace_id=self._new_id(), created=self._now(), engine=self.engine)
            for request, prompt in zip(requests, prompts, strict=True):
                for event in session.start(request, prompt):
                    yield event
            self.running = set(session.runs)
            while session.runs:
                if await pause(self._sleep, 1 / pace if pace else 0, stop):
                    break
                for event in session.engine_step():
                    yield event
                self.running = set(session.runs)
            for event in session.finish():
                yield event
        finally:
            self.running = set()

    async def ended(self) -> str:
        """It lasts."""
        return await never()

    async def close(self) -> None:
        """Nothing is held."""
