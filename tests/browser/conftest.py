"""A real Chromium that may only talk to this machine, and an engine whose every step the test lets through."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.models import Model
from scripts import chromium
from scripts.demo import Demo, serving

expect.set_options(timeout=30_000)  # a slow machine is not a defect


class Gate:
    """Stands in for the pause between engine steps: each waits until the test lets it through."""

    def __init__(self) -> None:
        self._steps = asyncio.Semaphore(0)

    async def __call__(self, _: float) -> None:
        await self._steps.acquire()

    def let(self, steps: int) -> None:
        """Let the engine take this many more steps."""
        for _ in range(steps):
            self._steps.release()

    def hold(self) -> None:
        """Let none through any more that was not taken."""
        self._steps = asyncio.Semaphore(0)


@dataclass
class Visitor:
    """A browser of its own, and what went wrong in it."""

    context: BrowserContext
    page: Page
    outside: list[str] = field(default_factory=list)  # requests that wanted to leave the machine
    errors: list[str] = field(default_factory=list)
    tolerated: str | None = None  # in the browser's report of an answer that the test wants to be refused

    def hear(self, error: str) -> None:
        """Note what the browser reports."""
        if not (self.tolerated and self.tolerated in error):
            self.errors.append(error)

    async def guard(self, route: Route) -> None:
        """Let requests to this machine pass, and no other."""
        if route.request.url.startswith(("http://127.0.0.1", "data:", "blob:")):
            await route.continue_()
        else:
            self.outside.append(route.request.url)
            await route.abort()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium; the test fails, saying how to get one, where there is none."""
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright)
        yield browser
        await browser.close()


async def visit(browser: Browser, **options: object) -> Visitor:
    """A new visitor, before the first page."""
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(30_000)
    visitor = Visitor(context, await context.new_page())
    await context.route("**/*", visitor.guard)
    visitor.page.on("pageerror", lambda error: visitor.errors.append(str(error)))
    visitor.page.on("console", lambda line: visitor.hear(line.text) if line.type == "error" else None)
    return visitor


async def leave(visitor: Visitor) -> None:
    """Close the browser; nothing may have gone wrong in it, and nothing have left the machine."""
    await visitor.context.close()
    assert visitor.outside == []
    assert visitor.errors == []


@pytest.fixture
def gate() -> Gate:
    """Lets the engine's steps through."""
    return Gate()


@pytest.fixture
async def demo(gate: Gate) -> AsyncIterator[Demo]:
    """The demo with the scripted source behind the gate."""

    async def opener(progress: Progress) -> Source:
        return ScriptedSource(Script(filler_every=9), sleep=gate)

    async with serving(Model("scripted", opener)) as demo:
        yield demo


@pytest.fixture
async def visitor(browser: Browser, demo: Demo) -> AsyncIterator[Visitor]:
    """One visitor of the demo, gone before it closes."""
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)


@pytest.fixture
async def second_visitor(browser: Browser, demo: Demo) -> AsyncIterator[Visitor]:
    """Another one, who shares nothing with the first."""
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)
