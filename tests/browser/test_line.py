"""What a visitor sees whose run has to wait because the engine is full."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.runs import Runs
from scripts.demo import Demo, serving
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor, leave, visit

pytestmark = pytest.mark.browser


@pytest.fixture
async def narrow(gate: Gate) -> AsyncIterator[Demo]:
    """A demo whose engine works on one run at a time."""

    async def opener(progress: Progress) -> Source:
        return ScriptedSource(Script(), sleep=gate)

    async with serving(Model("scripted", opener), runs=Runs(max_running=1, max_queued=8)) as demo:
        yield demo


@pytest.fixture
async def guests(browser: Browser, narrow: Demo) -> AsyncIterator[list[Visitor]]:
    """Three visitors of it."""
    visitors = [await visit(browser) for _ in range(3)]
    yield visitors
    for visitor in visitors:
        await leave(visitor)


async def test_who_waits_sees_the_line_move(guests: list[Visitor], narrow: Demo, gate: Gate) -> None:
    first, second, third = (guest.page for guest in guests)
    for page in (first, second, third):
        await actions.enter(page, narrow)
        await actions.generate(page, narrow, "Tell me about the river.")
    await expect(second.locator(".e3-state")).to_have_text(
        "The engine is full: yours is the next. Esc leaves the line."
    )
    await expect(third.locator(".e3-state")).to_contain_text("one run goes before yours")
    await expect(third.locator(".e3-words")).to_have_text("Waiting for a turn")

    await second.keyboard.press("Escape")
    await expect(second.locator(".e3-problem")).to_contain_text("Stopped while it waited for its turn.")
    await expect(third.locator(".e3-state")).to_contain_text("yours is the next")
    gate.let(400)
    await actions.wait_for_end(first)
    await actions.wait_for_end(third)
    await expect(third.locator(".e3-words")).to_contain_text("verifier passes wrote")
