"""What a visitor sees of a run while it goes on, against the scripted source."""

import asyncio
import json

import pytest
from playwright.async_api import expect

from eagle3_viz.analysis import acceptance
from eagle3_viz.events import RequestFinished
from eagle3_viz.ui.runs import Run
from scripts.demo import Demo
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor

pytestmark = pytest.mark.browser


def ending(run: Run) -> RequestFinished:
    event = run.trace.requests[run.run_id].ended
    assert isinstance(event, RequestFinished)
    return event


async def test_tokens_and_charts_come_while_the_run_goes_on(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    run = await actions.generate(page, demo, "Tell me about the river.")

    gate.let(12)
    await actions.wait_for_steps(page, 12)
    await actions.wait_for_charts(page, run.trace.counters.num_drafts)
    early = await page.evaluate(actions.BARS)
    gate.let(20)
    await actions.wait_for_steps(page, 32)
    await actions.wait_for_charts(page, run.trace.counters.num_drafts)
    late = await page.evaluate(actions.BARS)

    assert not run.ended
    assert early != late
    rates = acceptance.rates(run.trace.counters)
    assert late == [rates.rate_per_draft, rates.rate_given_prefix]
    shown = "document.querySelector('[data-chart=rolling]').layout.annotations[0].text"
    await page.wait_for_function(f"{shown} === '<b>{rates.mean_acceptance_length:.2f}</b>'")
    for verdict in ("accepted", "rejected", "discarded", "correction", "unspeculated"):
        await expect(page.locator(f".e3-lane .e3-t.{verdict}").first).to_be_visible()


async def test_a_finished_run_shows_all_its_text_and_says_so(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    run = await actions.run_to_end(page, demo, gate, "Who watches the clock? 🐦")

    assert await page.evaluate(actions.TEXT) == ending(run).text
    record = run.trace.requests[run.run_id]
    words = f"{len(record.steps)} verifier passes wrote {len(record.output_token_ids)} tokens"
    await expect(page.locator(".e3-words")).to_have_text(words)
    await expect(page.locator(".e3-state")).to_contain_text("the model ended its answer")
    await expect(page.locator("#e3-generate")).to_be_enabled()


async def test_an_example_runs_with_one_click(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    await page.get_by_role("button", name="Why the sky is blue").click()
    gate.let(200)
    await actions.wait_for_end(page)
    await expect(page.get_by_role("textbox", name="Prompt")).to_have_value(
        "Why is the sky blue? Explain it to a child in a few sentences."
    )


async def test_stop_ends_the_run_at_once(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    run = await actions.generate(page, demo, "Count to ten.")
    gate.let(3)
    await actions.wait_for_steps(page, 3)

    await page.locator("#e3-stop").click()
    await asyncio.wait_for(run.wait(), 1)
    await actions.wait_for_end(page)
    assert ending(run).finish_reason == "abort"
    await expect(page.locator(".e3-state")).to_contain_text("Stopped")
    await expect(page.locator("#e3-stop")).to_be_disabled()


async def test_closing_the_tab_stops_the_run_within_a_second(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    run = await actions.generate(page, demo, "Count to ten.")
    gate.let(3)
    await actions.wait_for_steps(page, 3)

    await page.close()
    await asyncio.wait_for(run.wait(), 1)
    assert ending(run).finish_reason == "abort"
    assert demo.runs.running == []


async def test_two_visitors_never_see_each_others_tokens(
    visitor: Visitor, second_visitor: Visitor, demo: Demo, gate: Gate
) -> None:
    pages = [visitor.page, second_visitor.page]
    runs = []
    for number, page in enumerate(pages):
        await actions.enter(page, demo)
        runs.append(await actions.generate(page, demo, f"Prompt number {number}."))
    gate.let(400)
    for page, run in zip(pages, runs, strict=True):
        await actions.wait_for_end(page)
        assert await page.evaluate(actions.TEXT) == ending(run).text
    assert ending(runs[0]).text != ending(runs[1]).text


async def test_markup_is_text(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    markup = "<img src=x onerror=alert(1)>"
    run = await actions.run_to_end(page, demo, gate, f"Say {markup}")
    assert markup in ending(run).text
    assert markup in await page.locator(".e3-lane").inner_text()
    assert await page.locator(".e3-view img").count() == 0


async def test_the_saved_run_is_the_trace(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    run = await actions.run_to_end(page, demo, gate, "Count to ten.")
    link = await page.locator(".e3-save").get_attribute("href")
    lines = (await (await page.request.get(str(link))).text()).splitlines()
    assert len(lines) == len(run.trace.events)
    assert json.loads(lines[-1])["type"] == "trace_finished"
