"""The model picker: what a change costs, what it stops, and what stays."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, FilePayload, expect

from eagle3_viz.errors import InputError
from eagle3_viz.events import RequestFinished
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.models import Model
from scripts.demo import Demo, serving
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor, leave, visit
from tests.picturing import png

pytestmark = pytest.mark.browser


@pytest.fixture
def loading() -> asyncio.Event:
    """Set: the model that sees may become ready."""
    return asyncio.Event()


@pytest.fixture
async def choice(gate: Gate, loading: asyncio.Event) -> AsyncIterator[Demo]:
    """A demo with a model that reads, one that sees too, and one that is broken."""

    async def reader(progress: Progress) -> Source:
        return ScriptedSource(Script(images_per_prompt=0), sleep=gate)

    async def seer(progress: Progress) -> Source:
        progress("Loading the weights", 0.4)
        await loading.wait()
        return ScriptedSource(Script(), sleep=gate)

    async def broken(progress: Progress) -> Source:
        raise InputError("its weights are missing: fetch them")

    async with serving(Model("reader", reader, False), Model("seer", seer, True), Model("broken", broken)) as demo:
        yield demo


@pytest.fixture
async def guest(browser: Browser, choice: Demo) -> AsyncIterator[Visitor]:
    """One visitor of it."""
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)


async def test_a_change_says_its_cost_stops_runs_in_order_and_loses_none(
    guest: Visitor, choice: Demo, gate: Gate, loading: asyncio.Event
) -> None:
    page = guest.page
    await actions.enter(page, choice)
    run = await actions.generate(page, choice, "Tell me about the river.")
    gate.let(5)
    await actions.wait_for_steps(page, 5)

    picker = page.get_by_role("combobox", name="Model")
    await picker.select_option("seer")
    await expect(page.locator(".e3-switch")).to_contain_text("about half a minute")
    await expect(page.locator(".e3-switch")).to_contain_text("One run is under way: it will be stopped")
    await page.get_by_role("button", name="Keep reader").click()
    await expect(picker).to_have_value("reader")
    await expect(picker).to_be_focused()
    await expect(page.locator(".e3-switch")).to_be_hidden()
    assert not run.ended

    await picker.select_option("seer")
    await page.get_by_role("button", name="Load seer").click()
    await expect(page.locator(".e3-engine-text")).to_contain_text("Loading the weights")
    await expect(page.locator(".e3-progress")).to_be_visible()
    await expect(page.locator("#e3-generate")).to_be_disabled()
    await expect(picker).to_be_disabled()
    await expect(page.locator(".e3-state")).to_contain_text("Stopped before the answer was complete")
    ended = run.trace.requests[run.run_id].ended
    assert isinstance(ended, RequestFinished)
    assert ended.finish_reason == "abort"
    assert run.trace.finished

    loading.set()
    await expect(page.locator("#e3-generate")).to_be_enabled()
    await expect(picker).to_have_value("seer")
    await expect(page.locator(".e3-lane .e3-step")).to_have_count(5)
    link = await page.locator(".e3-save").get_attribute("href")
    lines = (await (await page.request.get(str(link))).text()).splitlines()
    assert json.loads(lines[-1])["type"] == "trace_finished"


async def test_an_image_on_a_model_that_reads_text_is_one_click_from_one_that_sees(
    guest: Visitor, choice: Demo, gate: Gate, loading: asyncio.Event
) -> None:
    page = guest.page
    loading.set()
    await actions.enter(page, choice)
    files = [FilePayload(name="cat.png", mimeType="image/png", buffer=png())]
    await page.locator(".e3-files").set_input_files(files)
    await expect(page.locator(".e3-thumbs li")).to_have_count(1)
    await page.get_by_role("textbox", name="Prompt").fill("What is this?")
    await page.locator("#e3-generate").click()
    await expect(page.locator(".e3-view .e3-problem")).to_contain_text("reader reads text only. seer takes images too.")
    await expect(page.locator(".e3-view .e3-problem")).to_contain_text("about half a minute")

    await page.get_by_role("button", name="Load seer").click()
    await expect(page.locator(".e3-state")).to_have_text("seer is loaded: press Generate.")
    await expect(page.locator(".e3-view .e3-problem")).to_be_hidden()
    await expect(page.locator(".e3-thumbs li")).to_have_count(1)
    await page.locator("#e3-generate").click()
    gate.let(200)
    await actions.wait_for_end(page)
    await expect(page.locator(".e3-asked figcaption")).to_have_text("60 × 40 · 6 tokens")


async def test_from_a_model_that_cannot_be_loaded_there_is_a_way_back(guest: Visitor, choice: Demo) -> None:
    page = guest.page
    await actions.enter(page, choice)
    await page.get_by_role("combobox", name="Model").select_option("broken")
    await page.get_by_role("button", name="Load broken").click()
    await expect(page.locator(".e3-engine-text")).to_contain_text("its weights are missing: fetch them")
    await page.get_by_role("combobox", name="Model").select_option("reader")
    await page.get_by_role("button", name="Load reader").click()
    await expect(page.locator("#e3-generate")).to_be_enabled()
    await expect(page.get_by_role("combobox", name="Model")).to_have_value("reader")


async def test_one_visitor_s_change_is_seen_by_the_other(
    guest: Visitor, browser: Browser, choice: Demo, loading: asyncio.Event
) -> None:
    other = await visit(browser)
    for page in (guest.page, other.page):
        await actions.enter(page, choice)
    await guest.page.get_by_role("combobox", name="Model").select_option("seer")
    await guest.page.get_by_role("button", name="Load seer").click()
    await expect(other.page.locator(".e3-engine-text")).to_contain_text("Loading the weights")
    loading.set()
    await expect(other.page.get_by_role("combobox", name="Model")).to_have_value("seer")
    await leave(other)


async def test_a_single_model_is_no_choice(visitor: Visitor, demo: Demo) -> None:
    await actions.enter(visitor.page, demo)
    await expect(visitor.page.locator(".e3-pick")).to_be_hidden()
