"""Two runs beside each other: what differs, where they part, and how often each draft was right."""

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from eagle3_viz.analysis.acceptance import rates
from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.sources.base import Request, record
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.trace import Trace
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.routes import PREFIX
from eagle3_viz.ui.server import build_replay_app
from scripts.demo import Demo, address_of, running
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor, leave, visit

pytestmark = pytest.mark.browser
PROMPT = "Tell me about the river."


@pytest.fixture
async def two_k(tmp_path: Path) -> AsyncIterator[tuple[str, list[Trace]]]:
    """The address of a page with recordings of one prompt at K = 3 and K = 5, and those recordings."""
    traces = []
    for k in (3, 5):
        source = ScriptedSource(Script(num_speculative_tokens=k))
        trace = await record(source, [Request(request_id="r", prompt=PROMPT)])
        trace.save(tmp_path / f"with {k}.jsonl")
        traces.append(trace)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with running(build_replay_app(Library(RunsFolder(tmp_path, writable=False))), listener):
            yield address_of(listener), traces


SHIFTS = """async (url) => {
  const { align } = await import(url);
  const side = (token_ids, parent) => ({ started: { token_ids, parent } });
  const [root, child, grandchild] = [side([1, 2]), side([1, 2, 9], {}), side([1, 2, 9, 4, 7], {})];
  const other = side([1, 3, 9], {});
  const late = side([1, 2, 4, 4, 4, 8], {});
  const pairs = [[root, child], [grandchild, root], [grandchild, child], [other, root], [root, side([1, 2])]];
  return [...pairs, [late, child], [child, side([1, 2, 8], {})]].map((pair) => {
    align(...pair);
    return pair.map(({ shift }) => shift);
  });
}"""


async def test_a_run_that_was_continued_stands_where_it_left_the_other(visitor: Visitor, demo: Demo) -> None:
    await visitor.page.goto(demo.address)
    shifts = await visitor.page.evaluate(SHIFTS, f"{demo.address}{PREFIX.removeprefix('/')}/assets/pair.js")
    assert shifts == [[0, 1], [3, 0], [2, 0], [0, 0], [0, 0], [3, 0], [0, 0]]


def guesses(*traces: Trace) -> tuple[list[int], list[int]]:
    """Of two runs with the same text: how many positions each draft had guessed, and how many it alone."""
    places = [
        {
            step.output_start + i
            for step in trace.requests["r"].steps
            for i in range(min(step.num_accepted, len(step.emitted) - step.num_cut))
        }
        for trace in traces
    ]
    return [len(own) for own in places], [len(places[0] - places[1]), len(places[1] - places[0])]


async def test_recordings_under_two_k(browser: Browser, two_k: tuple[str, list[Trace]]) -> None:
    address, traces = two_k
    visitor = await visit(browser, viewport={"width": 400, "height": 900})
    page = visitor.page
    await page.goto(address)
    await page.get_by_role("button", name="compare with another run").click(timeout=30_000)
    await expect(page.locator(".e3-pair-run")).to_have_value("with 5")
    note = page.locator(".e3-pair-text")
    await expect(note).to_have_text("Both wrote the same tokens, from the first to the last.")
    await expect(page.get_by_role("row", name="K 3 5")).to_be_visible()
    right, alone = guesses(*traces)
    await expect(page.get_by_role("row", name=f"guessed {right[0]} {right[1]}", exact=True)).to_be_visible()
    await expect(page.get_by_role("row", name=f"guessed by this draft alone {alone[0]} {alone[1]}")).to_be_visible()
    lengths = [f"{rates(trace.counters).mean_acceptance_length:.2f}" for trace in traces]
    await expect(page.get_by_role("row", name=f"mean acceptance length {' '.join(lengths)}")).to_be_visible()
    await expect(page.get_by_role("row", name=re.compile("5th guess, of all drafts — "))).to_be_visible()
    assert await page.locator(".e3-pair-cell").count() == len(traces[0].requests["r"].output_token_ids)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 400
    boxes = [await page.locator(f".e3-pair-{part}").bounding_box() for part in ("table", "strip")]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]  # stacked

    await page.get_by_role("button", name="Close the comparison").click()
    for name, said in (("with 5", "Both wrote the same tokens"), ("with 3", "This is the run in view")):
        await page.locator(".e3-saved-row", has_text=name).get_by_role("button", name="compare").click()
        await expect(page.locator(".e3-pair-run")).to_have_value(name)
        await expect(note).to_contain_text(said)
    await leave(visitor)


async def sampled(page: Page, demo: Demo, gate: Gate, seed: str) -> list[int]:
    """Run the prompt with a seed; what was written."""
    run = await actions.run_to_end(page, demo, gate, PROMPT, Temperature="0.8", Seed=seed)
    return run.trace.requests[run.run_id].output_token_ids


async def test_live_runs_with_two_seeds(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    other = await sampled(page, demo, gate, "1")
    await page.get_by_role("button", name="compare with another run").click()
    await expect(page.locator(".e3-pair-text")).to_have_text("There is no other run yet: generate one, then compare.")
    own = await sampled(page, demo, gate, "2")
    await expect(page.locator(".e3-pair")).to_be_hidden()

    await page.get_by_role("button", name="compare with another run").press("Enter")
    first = next(i for i, (a, b) in enumerate(zip(own, other, strict=False)) if a != b)
    await expect(page.locator(".e3-pair-text")).to_have_text(f"The first token that differs is number {first + 1}.")
    await expect(page.get_by_role("row", name="seed 2 1")).to_be_visible()
    marked = page.locator(".e3-pair-cell.first")
    assert await marked.get_attribute("data-n") == str(first)
    await page.get_by_role("button", name="Show it").press("Enter")
    await expect(marked).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("End")
    last = max(len(own), len(other)) - 1
    await expect(page.locator(".e3-pair-cell[aria-selected]")).to_have_attribute("data-n", str(last))
    await page.keyboard.press("Home")
    await expect(page.locator(".e3-pair-cell[aria-selected]")).to_have_attribute("data-n", "0")
    if first:
        await page.keyboard.press("ArrowDown")
    await expect(marked).to_have_attribute("aria-selected", "true")
    detail = page.locator(".e3-pair-detail p")
    await expect(detail).to_have_count(2)
    await expect(detail.first).to_contain_text("A: ")
    label = await marked.get_attribute("aria-label")
    assert label
    assert label.startswith(f"token {first + 1}: A ")
    await page.get_by_role("button", name="Close the comparison").click()
    await expect(page.get_by_role("button", name="compare with another run")).to_be_focused()
