"""The doctor's panel: what is said of the loaded pair, and of the next one."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from eagle3_viz.doctor.findings import Finding, fine, risk, wrong
from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.models import Model
from scripts.demo import Demo, serving
from tests.browser.conftest import Visitor, leave, visit

pytestmark = pytest.mark.browser

FINDINGS = [
    fine("format", "speculators_model_type", "Speculators format."),
    risk("layers", "eagle_aux_hidden_state_layer_ids", "[1, 23, 44]: there are two conventions.", "Measure both."),
    wrong("d2t", "d2t", "It is <b>all zero</b>.", "Export it again."),
]


def out_of_reach() -> list[Finding]:
    raise InputError("the head is not here any more")


async def opener(progress: Progress) -> Source:
    return ScriptedSource(Script())


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    """A pair with something wrong, one that was never looked at, and one whose files are gone."""
    models = [Model("ill", opener, checkup=lambda: FINDINGS), Model("unknown", opener)]
    async with serving(*models, Model("gone", opener, checkup=out_of_reach)) as demo:
        yield demo


@pytest.fixture
async def guest(browser: Browser, demo: Demo) -> AsyncIterator[Visitor]:
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)


async def test_findings_of_the_loaded_pair_the_worst_first(guest: Visitor, demo: Demo) -> None:
    page = guest.page
    guest.tolerated = "409"  # the browser's word for files that are gone
    await page.goto(demo.address)
    panel, summary = page.locator(".e3-doctor"), page.locator(".e3-doctor-sum")
    await expect(summary).to_have_text("Doctor: 1 wrong, 1 at risk, 0 unknown, 1 fine")
    await expect(page.locator(".e3-finding").first).to_be_hidden()
    await summary.click()
    lines = page.locator(".e3-finding")
    await expect(lines).to_have_count(3)
    await expect(lines.nth(0)).to_contain_text("It is <b>all zero</b>.")
    await expect(lines.nth(0)).to_contain_text("Fix: Export it again.")
    await expect(lines.nth(1)).to_contain_text("! risk")
    await expect(lines.nth(2)).to_contain_text("✓ fine")
    for name in ("unknown", "gone"):
        await page.get_by_role("combobox", name="Model").select_option(name)
        await page.get_by_role("button", name=f"Load {name}").click()
        await expect(page.get_by_role("combobox", name="Model")).to_have_value(name)
        await expect(page.locator(".e3-bar")).to_have_attribute("data-phase", "ready")
        await expect(panel).to_be_hidden()
