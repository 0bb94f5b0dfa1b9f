"""Images on the page: chosen, pasted, dropped, refused, removed, and shown beside their prompt."""

import base64

import pytest
from PIL import Image
from playwright.async_api import Browser, FilePayload, Page, expect

from scripts.demo import Demo
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor, leave, visit
from tests.picturing import BAD_FILES, encoded, png, two_halves

pytestmark = pytest.mark.browser

# What a browser's own drag does: the same file object is over the page, then let go.
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type: "image/png" }));
  for (const type of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true });
    document.querySelector(".e3-lane").dispatchEvent(event);
  }
}"""
COPY = """async (data) => {
  const blob = await (await fetch(`data:image/png;base64,${data}`)).blob();
  await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
}"""


def turned_jpeg() -> bytes:
    """A photograph that a camera noted a quarter turn on: 60 x 40 in the file, 40 x 60 upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(two_halves(), "JPEG", exif=exif)


async def choose(page: Page, name: str, data: bytes) -> None:
    """Choose a file in the dialogue that "Add an image" opens."""
    async with page.expect_file_chooser() as opened:
        await page.get_by_role("button", name="Add an image").click()
    await (await opened.value).set_files([FilePayload(name=name, mimeType="image/png", buffer=data)])


async def test_a_chosen_file_reaches_the_engine_as_it_is_and_is_shown(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    await choose(page, "cat.jpg", turned_jpeg())
    await expect(page.locator(".e3-thumbs img")).to_have_attribute("alt", "cat.jpg")
    await expect(page.locator(".e3-thumbs figcaption")).to_have_text("40 × 60")

    run = await actions.run_to_end(page, demo, gate, "What do you see?")
    assert run.request.images == (turned_jpeg(),)
    (image,) = run.trace.requests[run.run_id].started.images
    shown = page.locator(".e3-asked .e3-picture")
    await expect(shown.locator("figcaption")).to_have_text("40 × 60 · 6 tokens")
    assert await shown.locator("img").get_attribute("src") == image.thumbnail
    assert await shown.locator("img").evaluate("(img) => [img.naturalWidth, img.naturalHeight]") == [40, 60]
    await expect(page.locator(".e3-said")).to_have_text("What do you see?")
    for verdict in ("accepted", "rejected", "correction"):
        await expect(page.locator(f".e3-lane .e3-t.{verdict}").first).to_be_visible()


async def test_a_pasted_picture_is_added(browser: Browser, demo: Demo, gate: Gate) -> None:
    visitor = await visit(browser, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    await actions.enter(page, demo)
    await page.evaluate(COPY, base64.b64encode(png()).decode())
    await page.get_by_role("textbox", name="Prompt").focus()
    await page.keyboard.press("Control+V")
    await expect(page.locator(".e3-thumbs figcaption")).to_have_text("60 × 40")
    run = await actions.run_to_end(page, demo, gate, "What do you see?")
    assert len(run.request.images) == 1
    await leave(visitor)


async def test_pasted_text_stays_text(browser: Browser, demo: Demo) -> None:
    visitor = await visit(browser, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    await actions.enter(page, demo)
    await page.evaluate("navigator.clipboard.writeText('a word')")
    box = page.get_by_role("textbox", name="Prompt")
    await box.focus()
    await page.keyboard.press("Control+V")
    await expect(box).to_have_value("a word")
    await expect(page.locator(".e3-thumbs li")).to_have_count(0)
    await leave(visitor)


async def test_a_dropped_file_is_added_wherever_it_falls(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    await page.evaluate(DROP, ["dog.png", base64.b64encode(png()).decode()])
    await expect(page.locator(".e3-thumbs img")).to_have_attribute("alt", "dog.png")
    run = await actions.run_to_end(page, demo, gate, "What do you see?")
    assert run.request.images == (png(),)


async def test_bad_files_are_told_and_the_prompt_still_runs(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    visitor.tolerated = "422"
    for name, (data, problem) in BAD_FILES.items():
        await choose(page, name, data)
        await expect(page.locator(".e3-add-problem")).to_contain_text(name)
        await expect(page.locator(".e3-add-problem")).to_contain_text(problem)
    await expect(page.locator(".e3-thumbs li")).to_have_count(0)

    await choose(page, "dot.png", png(1, 1))
    await expect(page.locator(".e3-add-problem")).to_be_hidden()
    await expect(page.locator(".e3-thumbs figcaption")).to_have_text("1 × 1")
    await actions.run_to_end(page, demo, gate, "What do you see?")
    await expect(page.locator(".e3-asked figcaption")).to_have_text("1 × 1 · 1 token")


async def test_more_than_a_prompt_takes_is_told(visitor: Visitor, demo: Demo) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    files = [FilePayload(name=f"{i}.png", mimeType="image/png", buffer=png()) for i in range(5)]
    await page.locator(".e3-files").set_input_files(files)
    await expect(page.locator(".e3-add-problem")).to_have_text(
        "4.png was left out: a prompt takes at most 4 images.", timeout=30_000
    )
    await expect(page.locator(".e3-thumbs li")).to_have_count(4, timeout=30_000)


async def test_a_removed_image_is_not_sent(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    for name, side in (("one.png", 30), ("two.png", 50)):
        await choose(page, name, png(side, side))
        await expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    await page.get_by_role("button", name="Remove one.png").press("Enter")
    await expect(page.locator(".e3-thumbs li")).to_have_count(1)
    run = await actions.run_to_end(page, demo, gate, "What do you see?")
    assert run.request.images == (png(50, 50),)


async def test_an_image_example_runs_with_one_click_and_a_text_example_clears_it(
    visitor: Visitor, demo: Demo, gate: Gate
) -> None:
    page = visitor.page
    await actions.enter(page, demo)
    await page.get_by_role("button", name="Count stars").click()
    gate.let(200)
    await actions.wait_for_end(page)
    await expect(page.locator(".e3-asked figcaption")).to_have_text("448 × 336 · 64 tokens")
    await expect(page.locator(".e3-thumbs img")).to_have_attribute("alt", "three-stars.png")
    await expect(page.get_by_role("textbox", name="Prompt")).to_have_value("How many stars do you see?")

    await page.get_by_role("button", name="Pancake recipe").click()
    await expect(page.locator(".e3-thumbs li")).to_have_count(0)
    await expect(page.locator(".e3-asked")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_images_fit_400_pixels(browser: Browser, demo: Demo, gate: Gate, scheme: str) -> None:
    visitor = await visit(browser, viewport={"width": 400, "height": 800}, color_scheme=scheme)
    page = visitor.page
    await actions.enter(page, demo)
    files = [
        FilePayload(name=f"{'long name ' * 9}{i}.png", mimeType="image/png", buffer=png(3000, 20)) for i in range(4)
    ]
    await page.locator(".e3-files").set_input_files(files)
    await expect(page.locator(".e3-thumbs li")).to_have_count(4, timeout=30_000)
    await actions.run_to_end(page, demo, gate, "What do you see?")
    await expect(page.locator(".e3-asked figcaption")).to_have_count(4, timeout=30_000)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 400
    await leave(visitor)
