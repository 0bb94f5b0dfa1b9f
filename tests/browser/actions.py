"""What a visitor does and sees, in the words of the tests."""

import re
from typing import Any

from playwright.async_api import Page, expect

from eagle3_viz.ui.runs import Run
from scripts.demo import Demo
from tests.browser.conftest import Gate

BARS = "document.querySelector('[data-chart=positions]').data?.map((bars) => bars.y)"
# Judged steps that the charts show.
JUDGED = "document.querySelector('[data-chart=lengths]').data?.[0].y.reduce((sum, count) => sum + count, 0)"
# A short run may have ended before anybody looks: its beginning is noted.
BEGINS = """() => {
  window.e3Begun = false;
  document.addEventListener("e3:started", () => { window.e3Begun = true; }, { once: true });
}"""
# How many rejections each cause has, as the Why panel lists them.
CAUSES = """Object.fromEntries(Array.from(document.querySelectorAll('.e3-why [data-cause]'),
  ({ dataset }) => [dataset.cause, Number(dataset.count)]))"""
# The lane's text as the model wrote it: no ghosts, no special tokens, no signs for line breaks.
TEXT = """Array.from(document.querySelectorAll('.e3-lane .e3-t:not(.ghost):not(.special)'), (token) => {
  const copy = token.cloneNode(true);
  for (const sign of copy.querySelectorAll('.e3-nl')) sign.remove();
  return copy.textContent;
}).join('')"""


async def enter(page: Page, demo: Demo, query: str = "") -> None:
    """Open the page and wait for the engine."""
    await page.goto(demo.address + query)
    await expect(page.locator(".e3-bar")).to_have_attribute("data-phase", "ready", timeout=30_000)
    await expect(page.locator("#e3-generate")).to_be_enabled()
    await expect(page.locator(".e3-add")).to_be_enabled()


async def generate(page: Page, demo: Demo, prompt: str, **settings: str) -> Run:
    """Write a prompt, set what is to be set, press Generate; the run that it started."""
    known = {run.run_id for run in demo.runs.known}
    await page.get_by_role("textbox", name="Prompt").fill(prompt)
    for label, value in settings.items():
        await page.get_by_label(label.replace("_", " ")).fill(value)
    await page.evaluate(BEGINS)
    await page.locator("#e3-generate").click()
    await page.wait_for_function("window.e3Begun")
    return next(run for run in demo.runs.known if run.run_id not in known)  # a short one may have ended by now


def view(page: Page) -> Any:
    """The part of the page that shows a run."""
    return page.locator(".e3-view")


async def wait_for_steps(page: Page, number: int) -> None:
    """Wait until the lane shows this many steps."""
    await expect(page.locator(".e3-lane .e3-step")).to_have_count(number, timeout=30_000)


async def wait_for_charts(page: Page, num_drafts: int) -> None:
    """Wait until the charts are of this many judged steps."""
    chart = page.locator("[data-chart=lengths]")
    await expect(chart).to_have_attribute("aria-label", re.compile(f"^{num_drafts} judged steps"), timeout=30_000)
    await expect(page.locator("[data-chart=positions]")).to_have_attribute(
        "aria-label", re.compile(f"of {num_drafts} drafts"), timeout=30_000
    )


async def wait_for_end(page: Page) -> None:
    """Wait until the page says that the run is done."""
    await expect(view(page)).to_have_attribute("data-state", "done", timeout=30_000)


async def run_to_end(page: Page, demo: Demo, gate: Gate, prompt: str, **settings: str) -> Run:
    """Generate, to the end; the next run will wait again."""
    run = await generate(page, demo, prompt, **settings)
    gate.let(200)
    await wait_for_end(page)
    gate.hold()
    return run


async def finished_run(page: Page, demo: Demo, gate: Gate) -> Run:
    """Open the page and run a prompt to its end."""
    await enter(page, demo)
    return await run_to_end(page, demo, gate, "Tell me about the river.")
