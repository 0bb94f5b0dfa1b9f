"""What streaming costs, from the event to the pixel, in a real Chromium: `python -m benchmarks.stream_view [--json]`.

A scripted source makes 60 steps a second, with the five likeliest tokens on both sides. Our page is compared with the
same text in `gr.HighlightedText`. Lag: from the moment a step was made to the first frame that shows it.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from bisect import bisect_left
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python benchmarks/…` as well as `python -m`

from scripts import chromium

CASES = (("page", 2000), ("page", 8000), ("highlighted_text", 2000))
PATIENCE_MS = 600_000
EDGE = 1000  # tokens at either end whose bytes are told apart
# Runs in the page: when each frame that shows more was painted, and how many steps it shows.
WATCH = """
(selector) => {
  window.e3seen = [];
  window.e3longest = 0;
  let changed = false;
  new MutationObserver(() => { changed = true; }).observe(document.body, { childList: true, subtree: true });
  const painted = () => {
    if (changed) e3seen.push([performance.timeOrigin + performance.now(), document.querySelectorAll(selector).length]);
    changed = false;
  };
  const frame = () => {
    requestAnimationFrame(frame);
    setTimeout(painted); // the browser paints in between
  };
  frame();
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) e3longest = Math.max(e3longest, task.duration);
  }).observe({ type: "longtask" });
}
"""
# Nothing more has been shown for five seconds.
SETTLED = "e3seen.length > 1 && performance.timeOrigin + performance.now() - e3seen.at(-1)[0] > 5000"
# How long until everything shows a change, in ms: from the change to the frame after it.
RECOLOUR = """
() => new Promise((resolve) => {
  const begun = performance.now();
  const choice = document.querySelector(".e3-mode");
  choice.value = "draft";
  choice.dispatchEvent(new Event("change"));
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
})
"""


@dataclass(frozen=True)
class Row:
    """One case. `longest_task_ms` is 0 where no task took 50 ms; `recolour_ms` is null where there is no such thing."""

    mode: str
    tokens: int
    lag_ms_p50: float
    lag_ms_p95: float
    bytes_per_token_first_1000: float
    bytes_per_token_last_1000: float
    server_cpu_s: float
    longest_task_ms: float
    heap_mb: float
    recolour_ms: float | None


class Wire:
    """Bytes that came in, by the time at which they did, in seconds since the epoch."""

    def __init__(self) -> None:
        self.came: list[tuple[float, int]] = []

    def take(self, message: dict[str, Any]) -> None:
        """Note one piece of a response."""
        self.came.append((time.time(), message["encodedDataLength"] or message["dataLength"]))

    def between(self, start: float, end: float) -> int:
        """Bytes that came in that time."""
        return sum(size for when, size in self.came if start <= when < end)


@asynccontextmanager
async def server(mode: str, tokens: int) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The server's address while it runs."""
    command = (sys.executable, "-m", "benchmarks.stream_server", mode, str(tokens))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=2**26)
    assert process.stdout
    try:
        yield (await process.stdout.readline()).decode().strip(), process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def watched(page: Page, mode: str) -> Wire:
    """Start to measure what the page shows and what it receives."""
    wire = Wire()
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    session.on("Network.dataReceived", wire.take)
    await page.evaluate(WATCH, ".e3-lane .e3-step" if mode == "page" else "#shown .token")
    return wire


async def run(page: Page, mode: str, tokens: int) -> None:
    """Press the button and wait for the end."""
    if mode == "page":
        await page.wait_for_selector('.e3-bar[data-phase="ready"]', timeout=PATIENCE_MS)
        await page.get_by_role("textbox", name="Prompt").fill("Tell me all.")
        await page.get_by_label("Max tokens").fill(str(tokens))
        await page.locator("#e3-generate").click()
        await page.wait_for_selector('.e3-view[data-state="done"]', timeout=PATIENCE_MS)
    else:
        await page.locator("#e3-generate").click()
        await page.wait_for_function(SETTLED, timeout=PATIENCE_MS)


async def measure(browser: Browser, mode: str, tokens: int) -> Row:
    """One case, in a browser window of its own."""
    async with server(mode, tokens) as (address, process):
        page = await (await browser.new_context()).new_page()
        await page.goto(address)
        ready = "[data-chart=times] .main-svg" if mode == "page" else "#e3-generate"
        await page.wait_for_selector(ready, timeout=PATIENCE_MS, state="attached")
        wire = await watched(page, mode)
        await run(page, mode, tokens)
        seen: list[list[float]] = await page.evaluate("e3seen")
        longest: float = await page.evaluate("e3longest")
        heap: float = await page.evaluate("performance.memory.usedJSHeapSize / 1e6")
        recolour: float | None = await page.evaluate(RECOLOUR) if mode == "page" else None
        await page.context.close()
        told, _ = await process.communicate(b"")  # without an input it would not be closed
    return row(mode, tokens, json.loads(told), seen, wire, longest, heap, recolour)


def row(
    mode: str,
    tokens: int,
    told: dict[str, Any],
    seen: list[list[float]],
    wire: Wire,
    longest: float,
    heap: float,
    recolour: float | None,
) -> Row:
    """Put together what the server, the page and the wire have noted."""
    made: list[list[float]] = told["made"]
    # Gradio's component has no element for some tokens (2 %): its lag is that much too long at the end.
    units = range(1, len(made) + 1) if mode == "page" else [total for _, total in made]
    counts = [count for _, count in seen]
    places = [min(bisect_left(counts, unit), len(seen) - 1) for unit in units]
    lags = sorted(seen[place][0] - 1000 * when for place, (when, _) in zip(places, made, strict=True))
    first, last = wire_edges(made, wire)
    return Row(
        mode=mode,
        tokens=tokens,
        lag_ms_p50=round(statistics.median(lags), 1),
        lag_ms_p95=round(lags[int(0.95 * len(lags))], 1),
        bytes_per_token_first_1000=round(first, 1),
        bytes_per_token_last_1000=round(last, 1),
        server_cpu_s=round(told["cpu_s"], 2),
        longest_task_ms=round(longest, 1),
        heap_mb=round(heap, 1),
        recolour_ms=None if recolour is None else round(recolour, 1),
    )


def wire_edges(made: list[list[float]], wire: Wire) -> tuple[float, float]:
    """Bytes a token over the first and the last thousand tokens, by the time in which they were made."""
    totals = [total for _, total in made]
    after_first = made[bisect_left(totals, EDGE)][0]
    before_last = made[bisect_left(totals, totals[-1] - EDGE)][0]
    return wire.between(made[0][0], after_first) / EDGE, wire.between(before_last, float("inf")) / EDGE


async def measure_all() -> list[Row]:
    """Every case, one after the other."""
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright)
        rows = [await measure(browser, mode, tokens) for mode, tokens in CASES]
        await browser.close()
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    rows = asyncio.run(measure_all())
    if as_json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}))
        return
    for line in rows:
        print("  ".join(f"{name} {value}" for name, value in asdict(line).items()))


if __name__ == "__main__":
    main()
