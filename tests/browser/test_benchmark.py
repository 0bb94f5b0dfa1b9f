"""The tab “Benchmark”: run one, read its report, open an answer, compare two, take the files home."""

import csv
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from eagle3_viz.analysis import results
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.models import Model
from scripts.demo import Demo, serving
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor, leave, visit

pytestmark = pytest.mark.browser

PROMPTS = [{"prompt": f"Question {number}?", "category": "even" if number % 2 == 0 else "odd"} for number in range(6)]


@pytest.fixture
async def quick() -> AsyncIterator[Demo]:
    """The demo on a fake engine that does not wait."""

    async def opener(progress: Progress) -> Source:
        return ScriptedSource(Script(num_tokens=40))

    async with serving(Model("scripted", opener)) as demo:
        yield demo


@pytest.fixture
async def guest(browser: Browser, quick: Demo) -> AsyncIterator[Visitor]:
    """A visitor of it."""
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)


async def open_tab(page: Page, demo: Demo) -> None:
    await actions.enter(page, demo)
    await page.get_by_role("tab", name="Benchmark").click()
    await expect(page.get_by_role("button", name="Run benchmark")).to_be_enabled()


async def run(page: Page, prompts: int = 20) -> None:
    """Run a benchmark to its report."""
    known = await page.locator(".e3-bench-run option").count()
    await page.get_by_label("at most").fill(str(prompts))
    await page.get_by_role("button", name="Run benchmark").click()
    await expect(page.locator(".e3-bench-run option")).to_have_count(known + 1)
    await expect(page.locator(".e3-bench-answers tr")).to_have_count(prompts + 1)


async def download(page: Page, name: str) -> str:
    async with page.expect_download() as started:
        await page.get_by_role("link", name=name, exact=True).click()
    return (await (await started.value).path()).read_text(encoding="utf-8")


async def test_a_benchmark_is_run_read_and_taken_home(guest: Visitor, quick: Demo) -> None:
    page = guest.page
    await open_tab(page, quick)
    await run(page)
    found = results.decode((await download(page, "JSON")).encode(), "bench.json")
    table = await page.locator(".e3-bench-block").inner_text()
    for name in ("total_num_output_tokens", "num_drafts", "num_draft_tokens", "num_accepted_tokens"):
        assert f"{name}\t{getattr(found.summary, name):,}\t" in table
    assert f"mean acceptance length\t{found.summary.mean_acceptance_length:.2f}\t2.51 (printed: 2.53)\t2.12" in table
    await expect(page.locator(".e3-bench-doubt")).to_contain_text("prints a mean of 2.53, its own counts give 2.51")
    first = found.report.positions[0]
    await expect(page.locator(".e3-bench-chart[data-chart=positions]")).to_have_attribute(
        "aria-label", re.compile(f"^1st guess accepted in {first.accepted} of {first.drafts} drafts"), timeout=30_000
    )
    await expect(page.locator(".e3-bench-chart .bars path").first).to_be_attached()
    rows = list(csv.DictReader((await download(page, "CSV")).splitlines()))
    assert len(rows) == len(found.answers) == 20
    assert sum(int(row["num_accepted_tokens"]) for row in rows) == found.summary.num_accepted_tokens


async def test_an_answer_is_shown_in_the_view_of_a_run(guest: Visitor, quick: Demo) -> None:
    page = guest.page
    await open_tab(page, quick)
    await run(page, 3)
    drafts = int(await page.locator(".e3-bench-answers tr:nth-child(3) td:nth-child(5)").inner_text())
    await page.locator(".e3-bench-show").nth(1).click()
    await actions.wait_for_end(page)
    await actions.wait_for_steps(page, drafts + 1)


async def test_two_are_compared_one_of_them_from_a_file(guest: Visitor, quick: Demo, tmp_path: Path) -> None:
    page = guest.page
    await open_tab(page, quick)
    await page.get_by_role("button", name="Run benchmark").click()
    await expect(page.locator(".e3-bench-run option")).to_have_count(1)
    data = json.loads(await download(page, "JSON"))
    for answer in data["answers"]:
        answer["steps"] = [[start, proposed, 0, *rest] for start, proposed, _, *rest in answer["steps"]]
    (tmp_path / "none-accepted.json").write_text(json.dumps(data))
    await page.locator(".e3-bench-opened").set_input_files(tmp_path / "none-accepted.json")
    await expect(page.locator(".e3-bench-run option")).to_have_count(2)
    await expect(page.locator(".e3-bench-show")).to_have_count(0)  # no traces came with it
    await page.get_by_role("button", name="Compare").click()
    shown = page.locator(".e3-bench-comparison")
    length = data["summary"]["mean_acceptance_length"]
    await expect(shown).to_contain_text(f"all drafts201.000{length:.3f}+{length - 1:.3f}")
    await expect(shown).to_contain_text("Where only one head was right")


async def test_a_file_that_is_dropped_on_a_file_field_is_taken_by_it(
    guest: Visitor, quick: Demo, tmp_path: Path
) -> None:
    page = guest.page
    await open_tab(page, quick)
    await run(page, 1)
    (tmp_path / "dropped.json").write_text(await download(page, "JSON"))
    field = page.locator(".e3-bench-opened")
    await field.scroll_into_view_if_needed()
    box = await field.bounding_box()
    assert box
    browser = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(tmp_path / "dropped.json")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        await browser.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
    await expect(page.locator(".e3-bench-run option").nth(1)).to_have_text("2: dropped.json")


async def test_a_file_of_prompts_is_sent_and_its_bad_lines_are_told(
    guest: Visitor, quick: Demo, tmp_path: Path
) -> None:
    page = guest.page
    lines = [*(json.dumps(prompt) for prompt in PROMPTS), "{no", '{"prompt": "See?", "image": "/etc/hostname"}']
    (tmp_path / "mine.jsonl").write_text("\n".join(lines))
    await open_tab(page, quick)
    await page.get_by_label("prompts from").select_option("")
    await page.get_by_role("button", name="Run benchmark").click()
    await expect(page.locator(".e3-bench-problem")).to_have_text("Choose a file of prompts first.")
    await page.locator(".e3-bench-file").set_input_files(tmp_path / "mine.jsonl")
    await page.get_by_role("button", name="Run benchmark").click()
    await expect(page.locator(".e3-bench-bad summary")).to_have_text("Not measured: 2")
    await page.locator(".e3-bench-bad summary").click()
    await expect(page.locator(".e3-bench-bad li").nth(1)).to_contain_text("/etc/hostname did not come with it")
    await expect(page.locator(".e3-bench-parts")).to_contain_text("even")


async def test_progress_is_live_and_stopping_keeps_what_is_done(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await open_tab(page, demo)
    await page.get_by_role("button", name="Run benchmark").click()
    gate.let(120)
    said = page.locator(".e3-bench-said")
    await expect(said).to_contain_text("of 20 prompts — mean acceptance length")
    await expect(page.get_by_role("button", name="Run benchmark")).to_be_disabled()
    await page.locator(".e3-bench-stop").click()
    gate.let(200)
    await expect(page.locator(".e3-bench-lead")).to_contain_text("of 20 prompts (stopped early)")


async def test_a_page_that_is_loaded_again_finds_its_benchmarks(guest: Visitor, quick: Demo) -> None:
    page = guest.page
    await open_tab(page, quick)
    await run(page, 4)
    await page.reload()
    await open_tab(page, quick)
    await expect(page.locator(".e3-bench-answers tr")).to_have_count(4 + 1)
