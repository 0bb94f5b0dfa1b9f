"""Takes the README's pictures: starts the demo, runs a prompt in a real Chromium, saves what it shows.

python -m scripts.screenshot            # the real engine; --fake for the scripted source
python -m scripts.screenshot --model tiny-llama4 --example "Describe a picture" --prefix image
"""

import argparse
import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from eagle3_viz import bundled
from eagle3_viz.sources.opening import open_engine
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.openers import scripted_models
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
    Shot("light", "light", 1360, 1260),
    Shot("dark", "dark", 1360, 1260),
    Shot("narrow", "light", 400, 1900),
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


async def take(browser: Browser, address: str, shot: Shot, example: str, path: Path) -> None:
    """Take one picture."""
    context = await browser.new_context(
        viewport=ViewportSize(width=shot.width, height=shot.height), reduced_motion="reduce"
    )
    try:
        page = await context.new_page()
        await page.goto(f"{address}?__theme={shot.theme}")
        await run_example(page, example)
        await select_rejected(page)
        await page.screenshot(path=path)
    finally:
        await context.close()


async def main(models: list[Model], example: str, out: Path, prefix: str) -> None:
    """Take all pictures."""
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    async with serving(*models) as demo, async_playwright() as playwright:
        browser = await chromium.launch(playwright)
        for shot in SHOTS:
            path = out / f"{prefix}-{shot.name}.png"
            await take(browser, demo.address, shot, example, path)
            print(path)
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Take the README's pictures of the page.")
    parser.add_argument("--fake", action="store_true", help="the scripted source in place of the engine")
    parser.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0])
    parser.add_argument("--example", default=EXAMPLE, help="the words on its button")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the pictures")
    parser.add_argument("--prefix", default="page", help="how their names begin")
    args = parser.parse_args()
    engine = Model(args.model, partial(open_engine, model=args.model))
    asyncio.run(main(scripted_models() if args.fake else [engine], args.example, args.out, args.prefix))
