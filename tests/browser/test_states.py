"""The page when there is nothing yet, when something is wrong, in the dark, and on a small screen."""

import asyncio
from collections.abc import Sequence

import pytest
from playwright.async_api import Browser, Page, expect

from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import ScriptedSource
from eagle3_viz.ui.models import Model
from scripts.demo import Demo, serving
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor, leave, visit

pytestmark = pytest.mark.browser

MODES = ("verdict", "position", "draft", "verifier", "entropy", "cause")
AA = 4.5
# Of each colour mode: what the lane's tokens are read in, and the ground below it, as [mode, class, ink, ground].
COLOURS = """(modes) => {
  const dot = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = (...layers) => {
    for (const layer of layers) {
      dot.fillStyle = layer;
      dot.fillRect(0, 0, 1, 1);
    }
    return Array.from(dot.getImageData(0, 0, 1, 1).data.slice(0, 3), (part) => part / 255);
  };
  const lane = document.querySelector(".e3-lane");
  const surface = getComputedStyle(lane).backgroundColor;
  return modes.flatMap((mode) => {
    const select = document.querySelector(".e3-mode");
    select.value = mode;
    select.dispatchEvent(new Event("change"));
    const samples = document.querySelectorAll(".e3-lane .e3-t, .e3-scale .e3-t, .e3-keys .e3-t");
    return Array.from(samples, (token) => {
      const [own, glyph] = [getComputedStyle(token), getComputedStyle(token, "::before")];
      const ground = seen(surface, own.backgroundColor);
      return [own.color, glyph.color].map((ink) => [mode, token.className, seen(ink), ground]);
    }).flat();
  });
}"""


async def test_start_up_failure_and_trying_again(browser: Browser) -> None:
    go_on = asyncio.Event()
    attempts: list[int] = []

    async def opener(progress: Progress) -> Source:
        attempts.append(1)
        progress("Loading the weights", 0.25)
        await go_on.wait()
        if len(attempts) == 1:
            raise InputError("the speculator /nowhere does not exist: check the path")
        return ScriptedSource()

    async with serving(Model("scripted", opener)) as demo:
        visitor = await visit(browser)
        page = visitor.page
        await page.goto(demo.address)
        text = page.locator(".e3-engine-text")
        await expect(text).to_contain_text("Loading the weights", timeout=30_000)
        await expect(page.locator("#e3-generate")).to_be_disabled()
        go_on.set()
        await expect(text).to_contain_text("/nowhere does not exist: check the path")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.locator(".e3-bar")).to_have_attribute("data-phase", "ready")
        await expect(page.locator("#e3-generate")).to_be_enabled()
        await leave(visitor)


async def test_the_empty_page_says_what_to_do(visitor: Visitor, demo: Demo) -> None:
    await actions.enter(visitor.page, demo)
    await expect(visitor.page.locator(".e3-state")).to_contain_text("Write a prompt or press an example")
    assert await visitor.page.title() != "Gradio"


@pytest.mark.parametrize(
    ("prompt", "settings", "problem"),
    [
        ("  ", {}, "The prompt is empty"),
        ("x" * 1_000_001, {}, "shorten it"),
        ("Hello", {"Temperature": "-1"}, "temperature"),
        ("Hello", {"Max_tokens": "0"}, "max tokens"),
        ("Hello", {"Seed": "seven"}, "seed"),
    ],
)
async def test_bad_input_is_answered_inline_and_kept(
    visitor: Visitor, demo: Demo, gate: Gate, prompt: str, settings: dict[str, str], problem: str
) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    box = page.get_by_role("textbox", name="Prompt")
    await box.fill(prompt)
    for label, value in settings.items():
        await page.get_by_label(label.replace("_", " ")).fill(value)
    await page.locator("#e3-generate").click()
    await expect(page.locator(".e3-problem")).to_contain_text(problem)
    assert await box.input_value() == prompt

    await actions.generate(page, demo, "Hello", Temperature="0", Max_tokens="20", Seed="7")
    await expect(page.locator(".e3-problem")).to_be_hidden()
    gate.let(50)
    await actions.wait_for_end(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_contrast_is_aa_in_every_colour_mode(browser: Browser, demo: Demo, gate: Gate, scheme: str) -> None:
    visitor = await visit(browser, color_scheme=scheme)
    await actions.finished_run(visitor.page, demo, gate)
    assert ("dark" in str(await visitor.page.locator("body").get_attribute("class"))) == (scheme == "dark")
    assert contrast(*[await color(visitor.page, name) for name in ("soft", "surface")]) >= AA
    colours = await visitor.page.evaluate(COLOURS, MODES)
    assert {mode for mode, *_ in colours} == set(MODES)
    assert [row for row in colours if contrast(*row[2:]) < AA] == []
    await leave(visitor)


async def test_400_pixels_are_enough(browser: Browser, demo: Demo, gate: Gate) -> None:
    visitor = await visit(browser, viewport={"width": 400, "height": 800})
    page = visitor.page
    await actions.enter(page, demo)
    await actions.generate(page, demo, "Tell me about the river.")
    gate.let(200)
    await actions.wait_for_end(page)
    await page.locator(".e3-lane .e3-t.rejected").first.click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 400
    await leave(visitor)


async def color(page: Page, name: str) -> tuple[float, ...]:
    text = await page.evaluate(f"getComputedStyle(document.body).getPropertyValue('--e3-{name}').trim()")
    return tuple(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """WCAG's ratio of relative luminances."""

    def luminance(color: Sequence[float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
