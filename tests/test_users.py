"""The benchmark of many users: those who read get every token, and a run that breaks off is no figure."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from benchmarks import users
from eagle3_viz.events import Event, Step
from eagle3_viz.sources.base import Progress, Request, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.models import Model
from scripts.demo import serving


class Attachable(ScriptedSource):
    """The fake, with a probe that can be put on."""

    def __init__(self, breaks: bool) -> None:
        super().__init__(Script(steps_per_second=500))
        self.breaks = breaks

    async def attach(self) -> None:
        pass

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        async for event in super().record(requests, stop):
            if self.breaks and isinstance(event, Step):
                raise RuntimeError("engine gone")
            yield event


async def streamed(num_users: int, tokens: int, breaks: bool = False) -> users.Round:
    """One round on the page with the fake."""

    async def opener(progress: Progress) -> Source:
        return Attachable(breaks)

    async with serving(Model("fake", opener)) as demo, users.readers() as process:
        await users.ready(demo.host)
        return await users.streamed(demo, process, num_users, tokens)


async def test_all_users_get_all_tokens() -> None:
    figures = await streamed(num_users=3, tokens=20)
    assert figures.tok_s > 0
    assert figures.users_cpu_s > 0
    assert figures.bytes_per_token > 100


async def test_a_run_that_breaks_off_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"got 0 tokens of 40: .*engine gone"):
        await streamed(num_users=2, tokens=20, breaks=True)
