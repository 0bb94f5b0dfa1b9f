"""Saved runs on the page, and the page that only replays."""

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Dialog, Page, Route, expect

from eagle3_viz.events import RequestFinished
from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.trace import Trace
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.server import build_replay_app
from scripts.demo import Demo, address_of, running, serving
from tests import golden
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor, leave, visit

pytestmark = pytest.mark.browser

DROP = """async ([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
async def saving(gate: Gate, tmp_path: Path) -> AsyncIterator[Demo]:
    """The demo, which saves its runs."""

    async def opener(progress: Progress) -> Source:
        return ScriptedSource(Script(filler_every=9), sleep=gate)

    async with serving(Model("scripted", opener), folder=RunsFolder(tmp_path)) as demo:
        yield demo


@pytest.fixture
async def guest(browser: Browser, saving: Demo) -> AsyncIterator[Visitor]:
    """A visitor of the demo that saves."""
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)


@pytest.fixture
async def replay() -> AsyncIterator[str]:
    """The address of a page that replays what `tests/golden` has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = build_replay_app(Library(RunsFolder(golden.FOLDER, writable=False)))
        async with running(app, listener):
            yield address_of(listener)


@pytest.fixture
async def reader(browser: Browser, replay: str) -> AsyncIterator[Visitor]:
    """A visitor of the page that replays."""
    visitor = await visit(browser)
    yield visitor
    await leave(visitor)


async def generate(page: Page, demo: Demo, gate: Gate, prompt: str) -> None:
    await actions.enter(page, demo)
    await actions.run_to_end(page, demo, gate, prompt)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def texts_in(folder: Path) -> list[str]:
    """The texts of all requests that are saved there."""
    ends = [record.ended for path in folder.iterdir() for record in Trace.load(path).requests.values()]
    return [end.text for end in ends if isinstance(end, RequestFinished)]


async def test_a_run_is_found_again_after_the_page_was_left(
    guest: Visitor, saving: Demo, gate: Gate, tmp_path: Path
) -> None:
    page = guest.page
    await generate(page, saving, gate, "Tell me about the river.")
    text = await page.evaluate(actions.TEXT)
    await page.get_by_role("button", name="compare with another run").click()
    await expect(page.locator(".e3-pair-text")).to_have_text("This is the run in view: choose another one.")
    await actions.enter(page, saving)
    await page.get_by_text("Saved runs (1)").click()
    await page.get_by_role("button", name="Tell me about the river").press("Enter")
    await expect(page.get_by_role("button", name="Tell me about the river")).to_be_focused()
    await expect(page.locator(".e3-opened-prompt")).to_have_text("Tell me about the river.")
    assert await page.evaluate(actions.TEXT) == text
    assert texts_in(tmp_path) == [text]
    await page.get_by_role("slider", name="Steps shown").fill("3")
    assert await page.locator(".e3-step:visible").count() == 3

    await page.get_by_role("textbox", name="Prompt").fill("Another one.")
    await page.locator("#e3-generate").click()
    gate.let(200)
    await expect(page.locator(".e3-opened")).to_be_hidden()
    await actions.wait_for_end(page)
    await expect(page.get_by_text("Saved runs (2)")).to_be_visible()


async def test_the_address_names_a_step_of_a_saved_run(guest: Visitor, saving: Demo, gate: Gate) -> None:
    page = guest.page
    await generate(page, saving, gate, "Tell me about the river.")
    await page.locator(".e3-lane .e3-t.correction").first.click()
    picked = await page.locator(".e3-inspector .e3-picked").inner_text()
    await page.wait_for_function("location.hash.includes('run=') && location.hash.includes('step=')")
    await page.reload()
    await expect(page.locator("#e3-selected")).to_be_visible(timeout=30_000)
    shown = await page.locator(".e3-inspector .e3-picked").inner_text()
    assert shown.split("step ")[1].split(",")[0] == picked.split("step ")[1].split(",")[0]


async def test_runs_are_renamed_and_deleted_when_one_says_so(
    guest: Visitor, saving: Demo, gate: Gate, tmp_path: Path
) -> None:
    page = guest.page
    await generate(page, saving, gate, "Tell me about the river.")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    asked: list[str] = []

    async def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.accept("The river <b>run</b>" if dialog.type == "prompt" else None)

    page.on("dialog", answer)
    await page.get_by_text("Saved runs (1)").click()
    await page.get_by_role("button", name="rename").click()
    await expect(page.get_by_role("button", name="The river b run b")).to_be_visible()
    await page.wait_for_function(
        "new URLSearchParams(location.hash.slice(1)).get('run').startsWith('The river b run b')"
    )
    await page.get_by_role("button", name="delete").click()
    await expect(page.locator(".e3-saved")).to_be_hidden()
    assert asked[1].startswith("Delete “The river b run b”?")
    assert names_in(tmp_path) == ["notes.txt"]


async def test_a_report_of_a_live_run_can_be_saved(guest: Visitor, saving: Demo, gate: Gate, tmp_path: Path) -> None:
    page = guest.page
    await generate(page, saving, gate, "Tell me about the river.")
    async with page.expect_download() as download:
        await page.locator(".e3-left .e3-report").click()
    path = tmp_path / "report.html"
    await (await download.value).save_as(path)
    context = await page.context.browser.new_context(offline=True)  # type: ignore[union-attr]
    offline = await context.new_page()
    await offline.goto(path.as_uri())
    await expect(offline.locator("body")).to_have_attribute("data-state", "ready", timeout=30_000)
    assert await offline.evaluate(actions.TEXT) == await page.evaluate(actions.TEXT)
    await context.close()


async def test_recordings_open_without_an_engine(reader: Visitor, replay: str) -> None:
    page = reader.page
    await page.goto(replay)
    await expect(page.locator(".e3-opened")).to_be_visible(timeout=30_000)
    await page.get_by_role("button", name="scripted").click()
    await expect(page.locator(".e3-opened-title")).to_have_text("scripted")
    await page.get_by_label("Request", exact=True).select_option(index=1)
    trace = Trace.load(golden.trace_path("scripted"))
    await actions.wait_for_steps(page, len(trace.requests["sampled"].steps))
    await actions.wait_for_charts(page, trace.requests["sampled"].tally.num_drafts)
    await page.locator(".e3-lane .e3-t.correction").first.click()
    assert "run=scripted.jsonl" in page.url
    assert "request=sampled" in page.url
    assert "step=" in page.url
    await page.reload()
    await expect(page.locator("#e3-selected")).to_be_visible(timeout=30_000)
    assert await page.get_by_role("button", name="delete").count() == 0


async def test_a_late_answer_does_not_replace_what_was_chosen_after_it(reader: Visitor, replay: str) -> None:
    page = reader.page
    await page.goto(replay)
    await expect(page.locator(".e3-opened")).to_be_visible(timeout=30_000)
    await page.get_by_role("button", name="scripted").click()
    await expect(page.locator(".e3-opened-title")).to_have_text("scripted")
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await page.route("**/scripted.jsonl/requests/1", hold)
    choice = page.get_by_label("Request", exact=True)
    async with page.expect_request("**/requests/1"):
        await choice.select_option(index=1)
    async with page.expect_response("**/requests/0"):
        await choice.select_option(index=0)
    async with page.expect_response("**/requests/1"):
        await held[0].continue_()
    trace = Trace.load(golden.trace_path("scripted"))
    first = next(iter(trace.requests.values()))
    await actions.wait_for_steps(page, len(first.steps))
    await actions.wait_for_charts(page, first.tally.num_drafts)
    assert await choice.evaluate("(select) => select.selectedIndex") == 0


async def test_a_file_that_arrives_late_ends_no_run(guest: Visitor, saving: Demo, gate: Gate) -> None:
    page = guest.page
    await actions.enter(page, saving)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    upload = re.compile(r"/recordings\?name=")
    await page.route(upload, hold)
    async with page.expect_request(upload):
        await page.evaluate(DROP, ["late.jsonl", golden.trace_path("troubled").read_text(encoding="utf-8")])
    run = await actions.generate(page, saving, "Tell me about the river.")
    async with page.expect_response(upload):
        await held[0].continue_()
    gate.let(200)
    await run.wait()
    await actions.wait_for_end(page)
    assert isinstance(end := run.trace.requests[run.run_id].ended, RequestFinished)
    assert end.finish_reason != "abort"
    await expect(page.locator(".e3-opened")).to_be_hidden()


async def test_a_trace_is_dropped_onto_the_page(reader: Visitor, replay: str) -> None:
    page = reader.page
    await page.goto(replay)
    await expect(page.locator(".e3-opened")).to_be_visible(timeout=30_000)
    await page.evaluate(DROP, ["<i>mine.jsonl", golden.trace_path("troubled").read_text(encoding="utf-8")])
    await expect(page.locator(".e3-opened-title")).to_have_text("i mine")
    await expect(page.locator(".e3-opened-warnings")).to_contain_text("has lost steps")
    reader.errors.clear()
    await page.evaluate(DROP, ["bad.jsonl", "<img src=x onerror=alert(1)>\n"])
    await expect(page.locator(".e3-problem")).to_contain_text("bad.jsonl cannot be read as a trace: line 1")
    reader.errors.clear()  # Chromium reports the refusal as an error of the page
