"""The page on the real engine: what a visitor sees of it, and how it is left."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from eagle3_viz.events import RequestFinished, Step
from eagle3_viz.sources.vllm_engine import VllmSource
from eagle3_viz.ui.runs import Run
from scripts.demo import Demo
from tests.browser import actions
from tests.browser.conftest import Visitor, leave, visit
from tests.browser.live import serving_engine

pytestmark = [pytest.mark.browser, pytest.mark.engine]

PROMPT = "Write a long story about a lighthouse keeper and a whale."


@pytest.fixture
async def live(vllm_source: VllmSource) -> AsyncIterator[Demo]:
    """The demo on the real engine."""
    async with serving_engine(vllm_source) as demo:
        yield demo


@pytest.fixture
async def guest(browser: Browser, live: Demo) -> AsyncIterator[Visitor]:
    """One visitor of the live demo."""
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)


def steps_of(run: Run) -> list[Step]:
    return run.trace.requests[run.run_id].steps


def assert_aborted(run: Run, source: VllmSource) -> None:
    """The request ended by an abort, and vLLM works on nothing any more."""
    ended = run.trace.requests[run.run_id].ended
    assert isinstance(ended, RequestFinished)
    assert ended.finish_reason == "abort"
    assert not source.llm.output_processor.has_unfinished_requests()
    assert source.running == {}


async def test_a_run_is_watched_and_stopped(guest: Visitor, live: Demo, vllm_source: VllmSource) -> None:
    page = guest.page
    await actions.enter(page, live)
    run = await actions.generate(page, live, PROMPT, Max_tokens="1500")

    await expect(page.locator(".e3-lane .e3-t.accepted").first).to_be_visible(timeout=60_000)
    await expect(page.locator(".e3-lane .e3-t.rejected").first).to_be_visible(timeout=60_000)
    await page.wait_for_function(f"{actions.JUDGED} >= 10")
    early = await page.evaluate(f"[{actions.JUDGED}, {actions.BARS}]")
    await page.wait_for_function(f"{actions.JUDGED} > {early[0]}", timeout=60_000)
    late = await page.evaluate(f"[{actions.JUDGED}, {actions.BARS}]")
    assert not run.ended
    assert early[1] != late[1]

    await page.locator("#e3-stop").click()
    await asyncio.wait_for(run.wait(), 1)
    await actions.wait_for_end(page)
    assert_aborted(run, vllm_source)
    assert await page.locator(".e3-lane .e3-step").count() == len(steps_of(run))


async def test_closing_the_tab_aborts_in_vllm_within_a_second(
    guest: Visitor, live: Demo, vllm_source: VllmSource
) -> None:
    page = guest.page
    await actions.enter(page, live)
    run = await actions.generate(page, live, PROMPT, Max_tokens="1500")
    await expect(page.locator(".e3-lane .e3-t.accepted").first).to_be_visible(timeout=60_000)

    await page.close()
    await asyncio.wait_for(run.wait(), 1)
    assert_aborted(run, vllm_source)


async def test_markup_from_a_real_model_is_text(guest: Visitor, live: Demo) -> None:
    page = guest.page
    markup = "<img src=x onerror=alert(1)>"
    await actions.enter(page, live)
    await page.get_by_label("Raw text").click()
    prompt = f"The tag {markup} is dangerous. I repeat: the tag {markup} is dangerous. I repeat: the tag <img"
    run = await actions.generate(page, live, prompt, Max_tokens="24")
    await actions.wait_for_end(page)
    ended = run.trace.requests[run.run_id].ended
    assert isinstance(ended, RequestFinished)
    assert "onerror=alert(1)>" in ended.text
    assert await page.evaluate(actions.TEXT) == ended.text
    assert await page.locator(".e3-view img").count() == 0
