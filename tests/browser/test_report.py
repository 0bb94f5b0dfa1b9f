"""The report and the site: opened from disk, with the network cut, in a real Chromium."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from eagle3_viz.__main__ import main
from eagle3_viz.analysis import acceptance
from eagle3_viz.counting import Tally
from eagle3_viz.events import EngineInfo, Image, Piece, Pieces, Proposed, RequestFailed, RequestStarted, Sampling, Step
from eagle3_viz.sources.base import Request, record
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.trace import Trace
from eagle3_viz.views import words
from tests import golden
from tests.browser import actions
from tests.building import started, step

pytestmark = pytest.mark.browser

MARKUP = "</script><img src=x onerror=document.title='hit'><script>document.title='hit'</script>"


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that can reach nothing; nothing may go wrong in it, and it may ask for nothing but its file."""
    context = await browser.new_context(offline=True)
    page, wrong = await context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.on("request", lambda asked: wrong.append(asked.url) if asked.url.startswith("http") else None)
    yield page
    await context.close()
    assert wrong == []


def write(folder: Path, *arguments: str) -> Path:
    assert main(["report", *arguments, "-o", str(folder / "report.html")]) == 0
    return folder / "report.html"


async def enter(page: Page, path: Path, place: str = "") -> None:
    await page.goto(f"{path.as_uri()}{place}")
    await expect(page.locator("body")).to_have_attribute("data-state", "ready", timeout=30_000)
    await expect(page.locator("[data-chart=positions] .main-svg").first).to_be_attached(timeout=30_000)


def headline(steps: list[Step]) -> str:
    return words.headline(len(steps), sum(len(step.emitted) - step.num_cut for step in steps))


async def charts_show(page: Page, steps: list[Step]) -> None:
    """Wait until the charts are of these steps, and compare every rate with the analysis."""
    rates = acceptance.rates(Tally.of(steps).counters(3))
    await actions.wait_for_charts(page, rates.num_drafts)
    assert await page.evaluate(actions.BARS) == [rates.rate_per_draft, rates.rate_given_prefix]


async def test_lane_inspector_and_charts_work_from_disk(page: Page, tmp_path: Path) -> None:
    await enter(page, write(tmp_path, str(golden.trace_path("scripted"))))
    trace = Trace.load(golden.trace_path("scripted"))
    assert await page.evaluate(actions.TEXT) == trace.requests["greedy"].ended.text  # type: ignore[union-attr]
    await actions.wait_for_steps(page, len(trace.requests["greedy"].steps))
    await charts_show(page, trace.requests["greedy"].steps)
    await page.locator(".e3-lane .e3-t.rejected:not(.filler)").first.hover()
    await expect(page.locator(".e3-hover")).to_contain_text("verifier chose")
    await page.locator(".e3-lane .e3-t.correction").first.click()
    assert await page.locator(".e3-inspector .e3-side").count() == 2
    assert "step=2" in page.url
    await expect(page.locator(".e3-state")).to_contain_text("Counts equal vLLM’s own.")


async def test_a_report_says_why(page: Page, tmp_path: Path) -> None:
    await enter(page, write(tmp_path, str(golden.trace_path("why"))), "#request=greedy")
    await expect(page.locator("figure.e3-why")).to_have_attribute("data-rejections", "5")
    assert await page.evaluate(actions.CAUSES) == dict.fromkeys(
        ("filler", "outside_vocabulary", "undecided", "ranked_low", "confidently_wrong"), 1
    )
    await page.locator(".e3-why-tokens summary").click()
    await page.locator(".e3-why-tokens .e3-link").first.click()
    await expect(page.locator(".e3-picked")).to_contain_text("why: ")


async def test_time_can_be_scrubbed_and_played(page: Page, tmp_path: Path) -> None:
    await enter(page, write(tmp_path, str(golden.trace_path("scripted"))))
    steps = Trace.load(golden.trace_path("scripted")).requests["greedy"].steps
    slider = page.get_by_role("slider", name="Steps shown")
    await slider.fill("5")
    assert await page.locator(".e3-step:visible").count() == 5
    await expect(page.locator(".e3-words")).to_have_text(headline(steps[:5]))
    await charts_show(page, steps[:5])
    await slider.fill("0")
    await expect(page.locator(".e3-words")).to_have_text("Before the first step")
    await page.get_by_label("Speed").select_option("8×")
    await page.get_by_role("button", name="Play").click()
    await expect(page.locator(".e3-at")).to_have_text(f"step {len(steps)} of {len(steps)}")
    await expect(page.locator(".e3-words")).to_have_text(headline(steps))
    await expect(page.get_by_role("button", name="Play")).to_be_visible()


@pytest.mark.parametrize(("kind", "beginning"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
async def test_a_chart_is_taken_out(page: Page, tmp_path: Path, kind: str, beginning: bytes) -> None:
    await enter(page, write(tmp_path, str(golden.trace_path("scripted"))))
    async with page.expect_download() as download:
        await page.get_by_role("button", name=kind).first.click()
    await (await download.value).save_as(tmp_path / "chart")
    assert chart(tmp_path).startswith(beginning)


def chart(folder: Path) -> bytes:
    return (folder / "chart").read_bytes()


async def test_a_link_names_a_step_and_a_request(page: Page, tmp_path: Path) -> None:
    path = write(tmp_path, *(str(golden.trace_path(name)) for name in ("by_hand", "scripted")))
    await enter(page, path, "#step=3&request=sampled")
    await expect(page.locator("#e3-selected")).to_be_visible()
    assert await page.locator("#e3-selected").evaluate("node => node.parentNode.ariaLabel") == "step 3"
    await expect(page.locator("h1")).to_have_text("scripted")
    await page.get_by_label("Recorded").select_option(index=0)
    await expect(page.locator("h1")).to_have_text("by_hand")
    await page.evaluate("location.hash = '#step=2'")
    await expect(page.locator(".e3-inspector")).to_contain_text("step 2")
    await page.evaluate("location.hash = '#step=<img>&request=no'")
    await expect(page.locator("h1")).to_have_text("by_hand")


def save_markup(folder: Path) -> Path:
    """A recording in which everything that somebody could write is markup."""
    trace = Trace()
    engine = EngineInfo(verifier=MARKUP, num_speculative_tokens=3)
    image = Image(width=1, height=1, sha256=MARKUP, thumbnail="https://example.org/picture.png")
    asked_for = RequestStarted(
        request_id=MARKUP, t_ms=0.0, text=MARKUP, token_ids=[], messages=[{"content": {"a": MARKUP}}], images=[image]
    )
    for event in (
        started(engine=engine, created=MARKUP),
        Pieces(pieces={10: "a", 99: MARKUP, 98: Piece(special=MARKUP)}),
        asked_for,
        step(0, 0, [], [99], request_id=MARKUP),
        step(1, 1, [Proposed(id=98, top=[(98, -0.1)])], [10], num_accepted=0, rule=MARKUP, request_id=MARKUP),
        RequestFailed(request_id=MARKUP, t_ms=3.0, error=MARKUP),
    ):
        trace.append(event)
    path = folder / "<title><script>document.title='hit'<script>.jsonl"
    trace.save(path)
    return path


async def test_markup_stays_text(page: Page, tmp_path: Path) -> None:
    await enter(page, write(tmp_path, str(save_markup(tmp_path))))
    assert await page.title() == "<title><script>document.title='hit'<script>"
    await page.locator(".e3-lane .e3-t.rejected").click()
    for selector in (".e3-lane", ".e3-inspector", ".e3-problem", ".r-facts", ".r-warnings"):
        assert MARKUP in await page.locator(selector).inner_text(), selector
    assert await page.locator("main img").count() == 0


async def test_a_thousand_tokens_with_five_candidates_take_three_megabytes(tmp_path: Path) -> None:
    async def no_sleep(_: float) -> None:
        pass

    request = Request(request_id="r", prompt="Tell me all.", sampling=Sampling(max_tokens=1000), top_logprobs=5)
    source = ScriptedSource(Script(num_tokens=2000), sleep=no_sleep)
    trace = await record(source, [request])
    assert len(trace.requests["r"].output_token_ids) == 1000
    trace.save(tmp_path / "long.jsonl.gz")
    assert write(tmp_path, str(tmp_path / "long.jsonl.gz")).stat().st_size < 3_000_000


async def test_the_site_lists_its_reports(page: Page, tmp_path: Path) -> None:
    files = [str(golden.trace_path(name)) for name in ("by_hand", "cut_short")]
    assert main(["report", *files, "--site", str(tmp_path / "site")]) == 0
    await page.goto((tmp_path / "site" / "index.html").as_uri())
    await page.get_by_role("link", name="cut_short").click()
    await expect(page.locator("body")).to_have_attribute("data-state", "ready", timeout=30_000)
    await expect(page.locator(".r-warnings")).to_contain_text("cut short")
    await expect(page.locator(".e3-state")).to_contain_text("Cut short")
