"""The main states of the page, each in two looks on one page: how to get there, what is compared, and the stored copy.

`python -m tests.browser.states` writes `tests/golden/states` anew: pictures for people to look at, and, for the test,
how each state is laid out. Pictures are not compared: fonts and anti-aliasing differ between machines and versions of
Chromium, and with them the place of every line break. What is compared does not depend on them: which parts can be
seen, what stands above what, where parts begin and how wide they are as parts of the window, and their colours.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, FilePayload, Page, async_playwright

from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.models import Model
from scripts import chromium
from scripts.demo import Demo, serving
from tests.browser import actions
from tests.browser.conftest import Gate, leave, visit
from tests.picturing import png

FOLDER = Path(__file__).parents[1] / "golden" / "states"
PROMPT = "Tell me about the river."
PARTS = {
    "bar": ".e3-bar",
    "prompt": "#e3-prompt textarea",
    "images": ".e3-thumbs img",
    "generate": "#e3-generate",
    "stop": "#e3-stop",
    "headline": ".e3-words",
    "state": ".e3-state",
    "legend": ".e3-keys",
    "comparison": ".e3-pair",
    "comparison's tokens": ".e3-pair-strip",
    "comparison's table": ".e3-pair-table",
    "first difference": ".e3-pair-cell.first",
    "asked": ".e3-asked",
    "player": ".e3-player",
    "scale": ".e3-scale",
    "lane": ".e3-lane",
    "accepted": ".e3-lane .accepted",
    "correction": ".e3-lane .correction",
    "bonus": ".e3-lane .bonus",
    "rejected": ".e3-lane .rejected",
    "discarded": ".e3-lane .discarded",
    "inspector": ".e3-inspector",
    "chart of positions": "[data-chart=positions]",
    "chart of lengths": "[data-chart=lengths]",
    "chart of the rolling mean": "[data-chart=rolling]",
    "chart of times": "[data-chart=times]",
}
TOKENS = {
    "accepted",
    "correction",
    "bonus",
    "rejected",
    "discarded",
    "first difference",
}  # they stand where lines break
LAYOUT = """(parts) => Object.entries(parts).flatMap(([name, selector]) => {
  const node = document.querySelector(selector);
  if (!node?.checkVisibility()) return [];
  const { left, top, width, height } = node.getBoundingClientRect();
  if (!width || !height) return [];
  const part = (length) => Number((length / innerWidth).toFixed(3));
  const { color, backgroundColor, borderBottomColor } = getComputedStyle(node);
  const colours = selector.startsWith(".e3-") ? [color, backgroundColor, borderBottomColor] : []; // ours, not Gradio's
  return [{ name, top: Math.round(top + scrollY), left: part(left), width: part(width), colours }];
})"""

# The charts fit their places.
DRAWN = """() => Array.from(document.querySelectorAll('.e3-chart')).every((chart) => {
  const drawn = chart.querySelector('.main-svg');
  return !drawn || Math.abs(drawn.clientWidth - chart.clientWidth) < 2;
})"""


@dataclass(frozen=True)
class Look:
    """A theme and a window."""

    theme: str
    width: int
    height: int

    @property
    def name(self) -> str:
        return f"{self.theme}-{self.width}"


LOOKS = (Look("light", 1280, 1400), Look("dark", 400, 2600))


async def empty(page: Page, demo: Demo, gate: Gate) -> None:
    """Nothing was asked yet."""


async def writing(page: Page, demo: Demo, gate: Gate) -> None:
    """A run is under way."""
    run = await actions.generate(page, demo, PROMPT)
    gate.let(20)
    await actions.wait_for_steps(page, 20)
    await actions.wait_for_charts(page, run.trace.requests[run.run_id].tally.num_drafts)


async def to_the_end(page: Page, demo: Demo, gate: Gate, **settings: str) -> None:
    """A run has ended, and the charts show all of it."""
    run = await actions.run_to_end(page, demo, gate, PROMPT, **settings)
    await actions.wait_for_charts(page, run.trace.requests[run.run_id].tally.num_drafts)


async def selected(page: Page, demo: Demo, gate: Gate) -> None:
    """A run has ended, and one of its rejected tokens is looked at."""
    await to_the_end(page, demo, gate)
    await page.locator(".e3-lane .e3-t.rejected").first.click()


async def coloured(page: Page, demo: Demo, gate: Gate) -> None:
    """Colours by the draft's probability."""
    await to_the_end(page, demo, gate)
    await page.locator(".e3-mode").select_option("draft")


async def compared(page: Page, demo: Demo, gate: Gate) -> None:
    """Two seeds beside each other."""
    for seed in ("1", "2"):
        await to_the_end(page, demo, gate, Temperature="0.8", Seed=seed)
    await page.locator(".e3-pair-open").click()
    await page.locator(".e3-pair-cell").first.wait_for()


async def with_image(page: Page, demo: Demo, gate: Gate) -> None:
    """A picture beside its prompt."""
    await page.locator(".e3-files").set_input_files([FilePayload(name="a.png", mimeType="image/png", buffer=png())])
    await page.locator(".e3-thumbs img").wait_for()
    await to_the_end(page, demo, gate)


STATES: tuple[Callable[[Page, Demo, Gate], Awaitable[None]], ...] = (
    empty,
    writing,
    selected,
    coloured,
    compared,
    with_image,
)


@asynccontextmanager
async def shown(browser: Browser, name: str) -> AsyncIterator[Page]:
    """A page in that state, in the first look."""
    gate = Gate()

    async def opener(progress: Progress) -> Source:
        return ScriptedSource(Script(), sleep=gate)

    async with serving(Model("scripted", opener)) as demo:
        visitor = await visit(browser, reduced_motion="reduce")
        await actions.enter(visitor.page, demo)
        await put_on(visitor.page, LOOKS[0])
        await next(state for state in STATES if state.__name__ == name)(visitor.page, demo, gate)
        await visitor.page.mouse.move(0, 0)
        yield visitor.page
        await leave(visitor)


async def put_on(page: Page, look: Look) -> None:
    """Change the look."""
    await page.set_viewport_size({"width": look.width, "height": look.height})
    await page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", look.theme == "dark")
    await page.wait_for_function(DRAWN)


async def layout(page: Page) -> dict[str, Any]:
    """Each part that can be seen, as {top, left, width, colours}; tokens stand where lines break: only colours."""
    parts: list[dict[str, Any]] = await page.evaluate(LAYOUT, PARTS)
    for part in parts:
        if part["name"] in TOKENS:
            del part["top"], part["left"], part["width"]
    return {part.pop("name"): part for part in parts}


def stored(name: str, look: Look) -> Path:
    """The file that holds a state's layout."""
    return FOLDER / f"{name}-{look.name}.json"


async def main() -> None:
    """Write all of them."""
    await asyncio.to_thread(FOLDER.mkdir, parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright)
        for state in STATES:
            async with shown(browser, state.__name__) as page:
                for look in LOOKS:
                    await put_on(page, look)
                    path = stored(state.__name__, look)
                    text = json.dumps(await layout(page), indent=1) + "\n"
                    await asyncio.to_thread(path.write_text, text, "utf-8")
                    picture = Image.open(io.BytesIO(await page.screenshot()))
                    await asyncio.to_thread(picture.save, path.with_suffix(".webp"), quality=60)
                    print(path.with_suffix(".webp"))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
