"""Takes the README's pictures: starts the demo, runs a prompt in a real Chromium, saves what it shows.

python -m scripts.screenshot            # the real engine; --fake for the scripted source
"""

import argparse
import asyncio
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from eagle3_viz.sources.opening import open_engine
from eagle3_viz.ui.host import Opener
from eagle3_viz.ui.openers import open_scripted
from scripts import chromium
from scripts.demo import serving

OUT = Path("docs/images")
EXAMPLE = "Why the sky is blue"
ENGINE_TIMEOUT_MS = 600_000
RUN_TIMEOUT_MS = 120_000


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    theme: str
    width: int
    height: int


SHOTS = (
    Shot("page-light", "light", 1360, 1260),
    Shot("page-dark", "dark", 1360, 1260),
    Shot("page-narrow", "light", 400, 1900),
)


async def run_example(page: Page, example: str) -> None:
    """Press an example and wait for the end of its run and for the charts."""
    button = page.get_by_role("button", name=example)
    await page.wait_for_selector('.e3-bar[data-phase="ready"]', timeout=ENGINE_TIMEOUT_MS)
    await button.click()
    await page.wait_for_selector('.e3-view[data-state="done"]', timeout=RUN_TIMEOUT_MS)
    await page.wait_for_selector(".e3-chart .bars path", timeout=RUN_TIMEOUT_MS, state="attached")


async def select_rejected(page: Page) -> None:
    """Select a rejected token, so that its details show."""
    await page.locator(".e3-lane .e3-t.rejected").nth(1).click()
    await page.mouse.move(0, 0)


async def take(browser: Browser, address: str, shot: Shot, out: Path) -> Path:
    """Take one picture."""
    context = await browser.new_context(
        viewport=ViewportSize(width=shot.width, height=shot.height), reduced_motion="reduce"
    )
    try:
        page = await context.new_page()
        await page.goto(f"{address}?__theme={shot.theme}")
        await run_example(page, EXAMPLE)
        await select_rejected(page)
        path = out / f"{shot.name}.png"
        await page.screenshot(path=path)
        return path
    finally:
        await context.close()


async def main(opener: Opener, out: Path) -> None:
    """Take all pictures."""
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    async with serving(opener) as demo, async_playwright() as playwright:
        browser = await chromium.launch(playwright)
        for shot in SHOTS:
            print(await take(browser, demo.address, shot, out))
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Take the README's pictures of the page.")
    parser.add_argument("--fake", action="store_true", help="the scripted source in place of the engine")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the pictures")
    arguments = parser.parse_args()
    asyncio.run(main(open_scripted if arguments.fake else open_engine, arguments.out))
