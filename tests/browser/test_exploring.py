"""Recolouring, filtering, marking and playing back a run: all in the browser, and with the trace's own figures."""

import pytest
from playwright.async_api import Page, expect

from eagle3_viz.analysis import acceptance
from eagle3_viz.counting import Tally
from eagle3_viz.events import Step
from scripts.demo import Demo
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor

pytestmark = pytest.mark.browser
DIMMED = ".e3-lane .e3-step.dim"


async def finished_run(page: Page, demo: Demo, gate: Gate) -> list[Step]:
    run = await actions.finished_run(page, demo, gate)
    return run.trace.requests[run.run_id].steps


def rates_of(steps: list[Step]) -> acceptance.Rates:
    return acceptance.rates(Tally.of(steps).counters(3))


async def press_bar(page: Page, chart: str, number: int) -> None:
    await page.wait_for_selector(f"[data-chart={chart}] .bars .point path")
    await page.locator(f"[data-chart={chart}] .bars .point").nth(number).scroll_into_view_if_needed()
    box = await page.locator(f"[data-chart={chart}] .bars .point path").nth(number).bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


async def test_a_bar_filters_the_lane_to_its_steps(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    steps = await finished_run(page, demo, gate)
    await actions.wait_for_charts(page, rates_of(steps).num_drafts)
    await press_bar(page, "positions", 1)
    behind = [step for step in steps if step.num_accepted > 1]
    await expect(page.locator(DIMMED)).to_have_count(len(steps) - len(behind))
    await expect(page.locator(".e3-chip").first).to_contain_text(f"{len(behind)} of {len(steps)}")
    await page.locator(".e3-chip").first.click()
    await expect(page.locator(DIMMED)).to_have_count(0)


async def test_a_length_filters_the_lane_to_its_steps(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    steps = await finished_run(page, demo, gate)
    await actions.wait_for_charts(page, rates_of(steps).num_drafts)
    await press_bar(page, "lengths", 0)
    behind = [step for step in steps if step.proposed and step.num_accepted == 0]
    await expect(page.locator(DIMMED)).to_have_count(len(steps) - len(behind))


async def test_the_keyboard_filters_and_marks(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    steps = await finished_run(page, demo, gate)
    await page.locator(".e3-steps").select_option("the 2nd guess was accepted")
    await expect(page.locator(DIMMED)).to_have_count(sum(step.num_accepted < 2 for step in steps))
    await page.locator(".e3-chip").first.press("Enter")
    await expect(page.locator(DIMMED)).to_have_count(0)
    await expect(page.locator(".e3-steps")).to_have_value("all")
    await expect(page.locator(".e3-lane")).to_be_focused()

    for key in ("Home", "ArrowDown", *["Shift+ArrowDown"] * 4, "Shift+ArrowUp"):
        await page.keyboard.press(key)
    await expect(page.locator(".e3-range")).to_contain_text("steps 2 to 5 only")
    await actions.wait_for_charts(page, rates_of(steps[1:5]).num_drafts)


async def test_colour_modes_colour_what_is_known(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await finished_run(page, demo, gate)
    lane = page.locator(".e3-lane")
    for mode in ("position", "draft", "verifier", "entropy"):
        await page.locator(".e3-mode").select_option(mode)
        await expect(page.locator(".e3-scale .e3-t")).to_have_count(6)
        assert f"by-{mode}" in (await lane.get_attribute("class") or "")
    await page.locator(".e3-mode").select_option("draft")
    glyph = "getComputedStyle(document.querySelector('.e3-lane .e3-t.accepted:not(.filler)'), '::before').content"
    assert await page.evaluate(glyph) in {'"▁"', '"▂"', '"▄"', '"▆"', '"█"'}


async def test_marked_text_has_charts_of_its_own(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    steps = await finished_run(page, demo, gate)
    await page.evaluate(
        """() => {
          const groups = document.querySelectorAll('.e3-lane .e3-step');
          document.getSelection().setBaseAndExtent(groups[3].firstChild, 0, groups[11].lastChild, 1);
        }"""
    )
    await expect(page.locator(".e3-range")).to_contain_text("steps 4 to 12 only")
    await expect(page.locator("[data-chart=positions]")).to_be_visible()
    expected = rates_of(steps[3:12])
    await actions.wait_for_charts(page, expected.num_drafts)
    drawn = await page.evaluate(actions.BARS)
    assert drawn[0] == pytest.approx(expected.rate_per_draft)
    assert drawn[1] == pytest.approx(expected.rate_given_prefix)
    await page.get_by_role("slider", name="Steps shown").fill("5")
    await actions.wait_for_charts(page, expected.num_drafts)
    await page.locator(".e3-range").click()
    await actions.wait_for_charts(page, rates_of(steps[:5]).num_drafts)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (
            "(groups[2].lastChild.lastChild, groups[2].lastChild.textContent.length",
            "groups[6].firstChild.firstChild, 0)",
        ),
        ("(groups[3].firstChild, 0", "groups[5].parentElement.nextSibling ?? document.querySelector('.e3-hover'), 0)"),
    ],
    ids=["edges of the steps around it", "behind the lane's block"],
)
async def test_what_is_only_touched_is_not_marked(
    visitor: Visitor, demo: Demo, gate: Gate, begin: str, end: str
) -> None:
    page = visitor.page
    steps = await finished_run(page, demo, gate)
    await page.evaluate(
        f"""() => {{
          const groups = document.querySelectorAll('.e3-lane .e3-step');
          document.getSelection().setBaseAndExtent{begin}, {end};
        }}"""
    )
    block = await page.locator(".e3-lane .e3-block").first.locator(".e3-step").count()
    last = 6 if "groups[6]" in end else min(block, len(steps))
    await expect(page.locator(".e3-range")).to_contain_text(f"steps 4 to {last} only")


async def test_a_finished_run_is_played_back(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    steps = await finished_run(page, demo, gate)
    shown = page.locator(".e3-lane .e3-step:not(.later)")
    await expect(shown).to_have_count(len(steps))
    await page.get_by_role("slider", name="Steps shown").fill("5")
    await expect(shown).to_have_count(5)
    await expect(page.locator(".e3-at")).to_have_text(f"step 5 of {len(steps)}")
    await page.locator(".e3-speed").select_option("8")
    await page.locator(".e3-play").click()
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    place = await page.evaluate("scrollY")
    await expect(shown).to_have_count(len(steps))
    await expect(page.locator(".e3-play")).to_contain_text("Play")
    assert await page.evaluate("scrollY") == place  # whoever looks at the charts is not pulled away


async def test_the_keyboard_walks_what_can_be_seen(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    steps = await finished_run(page, demo, gate)
    refused = next(step.index for step in steps[1:] if not step.num_accepted)  # it begins with a hidden guess
    await page.locator(".e3-ghosts").select_option("hide")
    await page.get_by_role("slider", name="Steps shown").fill(str(refused + 2))
    await page.locator(".e3-lane").focus()
    picked = page.locator(".e3-lane [aria-selected]")
    for key in ("End", "ArrowRight", "Home", *["ArrowDown"] * (refused + 3), "ArrowUp"):
        await page.keyboard.press(key)
        await expect(picked).to_be_visible()
    await expect(page.locator(".e3-picked")).to_contain_text(f"step {refused + 1},")


async def test_the_step_around_a_token_can_be_walked(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await finished_run(page, demo, gate)
    await page.locator(".e3-lane .e3-t.rejected").first.click()
    chain = page.locator(".e3-chain .e3-t")
    await expect(page.locator(".e3-chain .e3-t[aria-current]")).to_have_class("e3-t rejected ghost")
    await chain.last.click()
    await expect(page.locator(".e3-picked")).to_contain_text("correction")
    await expect(page.locator(".e3-chain .e3-t[aria-current]")).to_be_focused()
    await page.get_by_role("button", name="Close the details").click()
    await expect(page.locator(".e3-lane")).to_be_focused()


async def test_published_rates_stand_beside_ours_on_request(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await finished_run(page, demo, gate)
    await page.locator(".e3-compare summary").click()
    await page.get_by_label("Qwen3-8B").check()
    drawn = "document.querySelector('[data-chart=positions]').data[2]"
    await page.wait_for_function(f"{drawn} !== undefined")
    assert await page.evaluate(f"[{drawn}.name, ...{drawn}.y]") == ["Qwen3-8B (of all drafts)", 0.6541, 0.3993, 0.202]


async def test_a_run_goes_on_with_another_token(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await finished_run(page, demo, gate)
    parent = demo.runs.get(await page.evaluate("document.querySelector('.e3-save').href.split('/').at(-2)"))
    assert parent
    await page.locator(".e3-lane .e3-t.rejected").nth(2).click()
    step = [s for s in parent.trace.requests[parent.run_id].steps if s.num_accepted < len(s.proposed)][2]
    async with page.expect_response("**/branch*") as answer:
        await page.locator(".e3-side").first.locator(".e3-branch").first.click()
    child = demo.runs.get((await (await answer.value).json())["run"])
    assert child
    gate.let(200)
    await expect(page.locator(".e3-parent")).to_contain_text("Continued from token")
    await actions.wait_for_end(page)
    assert child.request.parent
    position = child.request.parent.output_position
    assert position == step.output_start + step.num_accepted
    kept = parent.trace.requests[parent.run_id].output_token_ids[:position]
    started = child.trace.requests[child.run_id].started
    assert started.token_ids[-position - 1 :] == [*kept, child.request.parent.token_id]
    assert child.request.parent.token_id != parent.trace.requests[parent.run_id].output_token_ids[position]
