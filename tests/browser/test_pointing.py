"""Pointing at tokens, walking over them, and hiding some: all in the browser, without asking the server."""

import math

import pytest
from playwright.async_api import expect

from eagle3_viz.draft_vocabulary import holds
from scripts.demo import Demo
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor

pytestmark = pytest.mark.browser


async def test_hover_explains_a_token_without_a_request(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    run = await actions.finished_run(page, demo, gate)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.evaluate("fetch(location.href).then((answer) => answer.text())")  # behind what the run's end asked for
    asked.clear()

    await page.locator(".e3-lane .e3-t.rejected:not(.filler)").first.hover()
    line = page.locator(".e3-hover")
    await expect(line).to_contain_text("rejected")
    await expect(line).to_contain_text("verifier chose")
    steps = run.trace.requests[run.run_id].steps
    step = next(s for s in steps if s.num_accepted < len(s.proposed) and s.proposed[s.num_accepted].origin is None)
    logprob = step.proposed[step.num_accepted].logprob
    assert logprob is not None
    await expect(line).to_contain_text(f"draft {math.exp(logprob):.0%}".replace("%", " %"))
    assert asked == []


async def test_the_inspector_shows_both_sides_of_the_trace(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    run = await actions.finished_run(page, demo, gate)
    await page.locator(".e3-lane .e3-t.correction").first.click()
    step = next(s for s in run.trace.requests[run.run_id].steps if s.num_accepted < len(s.proposed))
    sides = page.locator(".e3-inspector .e3-side")
    for side, top in enumerate((step.proposed[step.num_accepted].top, step.verifier[step.num_accepted].top)):
        shown = await sides.nth(side).locator(".e3-rownumber").all_inner_texts()
        numbers = [float(text.strip("<% ")) / 100 for text in shown]
        assert numbers == pytest.approx([math.exp(logprob or 0) for _, logprob in top], abs=0.006)


async def test_a_token_that_the_draft_cannot_propose_is_marked(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    run = await actions.finished_run(page, demo, gate)
    badge = page.locator(".e3-inspector .e3-badge")
    corrections = page.locator(".e3-lane .e3-t.correction")
    written = [
        step.emitted[-1]
        for step in run.trace.requests[run.run_id].steps
        if step.num_accepted < len(step.proposed) and not step.num_cut
    ]
    assert await corrections.count() == len(written)
    outside = [holds(run.trace.engine, token_id) is False for token_id in written]
    for marked in (True, False):
        await corrections.nth(outside.index(marked)).click()
        await expect(badge).to_have_count(int(marked))
        mark = page.locator(".e3-side .e3-row.chosen", has_text="∉ draft")
        await expect(mark).to_have_count(int(marked))


async def test_arrow_keys_walk_over_tokens_and_steps(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    run = await actions.finished_run(page, demo, gate)
    lane = page.locator(".e3-lane")
    await lane.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowRight"):
        await page.keyboard.press(key)
    await expect(lane).to_have_attribute("aria-activedescendant", "e3-selected")
    selected = page.locator("#e3-selected")
    first_of_step = run.trace.requests[run.run_id].steps[0].emitted
    assert await selected.get_attribute("data-i") == str(len(first_of_step) + 1)
    await page.keyboard.press("End")
    await expect(page.locator(".e3-lane .e3-t").last).to_have_attribute("aria-selected", "true")


async def test_labels_say_what_a_listener_needs(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.finished_run(page, demo, gate)
    label = await page.locator(".e3-lane .e3-t.rejected.text").first.get_attribute("aria-label")
    assert label is not None
    assert label.startswith("rejected, proposed “")
    assert "verifier chose " in label


async def test_guesses_that_are_not_in_the_text_can_be_hidden(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.finished_run(page, demo, gate)
    await page.get_by_label("guesses not in the text").select_option("fold")
    folded = await page.locator(".e3-lane .e3-t.rejected").first.bounding_box()
    assert folded is not None
    assert 0 < folded["width"] < 16
    await page.get_by_label("guesses not in the text").select_option("hide")
    await expect(page.locator(".e3-lane .e3-t.rejected").first).to_be_hidden()
    await expect(page.locator(".e3-lane .e3-t.accepted").first).to_be_visible()


async def test_keys_generate_and_stop(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    await page.get_by_role("textbox", name="Prompt").fill("Count to ten.")
    await page.keyboard.press("Control+Enter")
    gate.let(2)
    await actions.wait_for_steps(page, 2)
    await page.keyboard.press("Escape")
    await actions.wait_for_end(page)
    await expect(page.locator(".e3-state")).to_contain_text("Stopped")
