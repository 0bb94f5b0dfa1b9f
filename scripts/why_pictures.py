"""Takes the pictures of the Why panel in docs/debugging.md, from the shipped recordings: no engine is needed.

python -m scripts.why_pictures
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, ViewportSize, async_playwright

from eagle3_viz.trace import Trace
from eagle3_viz.views.report import Titled, report
from scripts import chromium

OUT = Path("docs/images")
TRACES = Path("assets/traces")
PICTURES = {"text-good-head": "why-good.png", "text-wrong-layers": "why-wrong-layers.png"}
REQUEST = "sky"


async def take(browser: Browser, page_file: Path, path: Path) -> None:
    """Picture the panel of a report, with its first part open."""
    context = await browser.new_context(viewport=ViewportSize(width=1360, height=1400), device_scale_factor=1.25)
    page = await context.new_page()
    await page.goto(page_file.as_uri())
    await page.wait_for_selector("body[data-state=ready]")
    await page.locator(".e3-why-where summary").click()
    await page.wait_for_selector(".e3-why-groups tbody tr")
    await page.locator("figure.e3-why").screenshot(path=path)
    await context.close()


async def main(files: dict[str, Path]) -> None:
    """Take all of them."""
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright)
        for name, page_file in files.items():
            await take(browser, page_file, OUT / PICTURES[name])
            print(OUT / PICTURES[name])
        await browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, f"{name}.html") for name in PICTURES}
        for name, page_file in files.items():
            trace = Trace.load(TRACES / f"{name}.jsonl.gz")
            page_file.write_text(report([Titled(name, trace, [REQUEST])]), encoding="utf-8")
        asyncio.run(main(files))
