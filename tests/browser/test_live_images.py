"""A picture on the page and the real engine that sees: its tokens, its place beside the prompt, exact counts."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, FilePayload, expect

from eagle3_viz.events import RequestFinished
from eagle3_viz.sources.vllm_engine import VllmSource
from scripts.demo import Demo
from tests.browser import actions
from tests.browser.conftest import Visitor, leave, visit
from tests.browser.live import serving_engine
from tests.picturing import png

pytestmark = [pytest.mark.browser, pytest.mark.engine]


@pytest.fixture
async def live(seeing_source: VllmSource) -> AsyncIterator[Demo]:
    """The demo on the engine that sees."""
    async with serving_engine(seeing_source) as demo:
        yield demo


@pytest.fixture
async def guest(browser: Browser, live: Demo) -> AsyncIterator[Visitor]:
    """One visitor of it."""
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)


async def test_a_picture_is_asked_about_and_shown_beside_its_prompt(guest: Visitor, live: Demo) -> None:
    page = guest.page
    await actions.enter(page, live)
    await page.locator(".e3-files").set_input_files([FilePayload(name="dot.png", mimeType="image/png", buffer=png())])
    await expect(page.locator(".e3-thumbs figcaption")).to_have_text("60 × 40", timeout=30_000)
    run = await actions.generate(page, live, "What do you see?", Max_tokens="40")
    await expect(page.locator(".e3-lane .e3-t.accepted").first).to_be_visible(timeout=60_000)
    await expect(page.locator(".e3-state")).to_contain_text("Counts equal vLLM’s own.", timeout=60_000)

    record = run.trace.requests[run.run_id]
    assert isinstance(record.ended, RequestFinished)
    assert await page.evaluate(actions.TEXT) == record.ended.text
    (image,) = record.started.images
    assert image.num_tokens
    await expect(page.locator(".e3-asked figcaption")).to_have_text(f"60 × 40 · {image.num_tokens} tokens")
    await expect(page.locator(".e3-said")).to_have_text("What do you see?")
    await expect(page.locator(".e3-step")).to_have_count(len(record.steps))
