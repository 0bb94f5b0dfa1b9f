"""The page on a real engine that other tests use too."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from eagle3_viz.events import EngineInfo, Event
from eagle3_viz.sources.base import Progress, Request, Source
from eagle3_viz.sources.vllm_engine import VllmSource
from eagle3_viz.ui.models import Model
from scripts.demo import Demo, serving


class Borrowed:
    """The engine of the whole test run, which the page may use but not shut down."""

    def __init__(self, source: VllmSource) -> None:
        self.source = source

    @property
    def engine(self) -> EngineInfo:
        return self.source.engine

    def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        return self.source.record(requests, stop)

    async def ended(self) -> str:
        return await self.source.ended()

    async def close(self) -> None:
        pass


@asynccontextmanager
async def serving_engine(source: VllmSource) -> AsyncIterator[Demo]:
    """The demo on that engine."""

    async def opener(progress: Progress) -> Source:
        return Borrowed(source)

    async with serving(Model("live", opener)) as demo:
        yield demo
