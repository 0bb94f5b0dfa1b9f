"""The Why panel: its figures are Python's, and it filters, colours and leads into the lane."""

import random
from typing import Any

import msgspec
import pytest
from playwright.async_api import Page, expect

from eagle3_viz.analysis.causes import CAUSES
from eagle3_viz.analysis.diagnosis import Diagnosis
from eagle3_viz.cli.stats import causes_as_json
from eagle3_viz.draft_vocabulary import packed
from eagle3_viz.events import EngineInfo, Event, Image, Judged, Piece, Pieces, Proposed, RequestStarted, Step
from eagle3_viz.trace import Trace
from eagle3_viz.ui.layout import ROUTES
from eagle3_viz.views.why_tables import WORDS
from scripts.demo import Demo
from tests import golden
from tests.browser import actions
from tests.browser.conftest import Gate, Visitor
from tests.building import started, step

pytestmark = pytest.mark.browser

# The page's own modules over one request's events: what `stats --causes --json` says, in its names.
FIGURES = """async ([at, engine, events]) => {
  const [{ Pieces }, { Answer, FACETS }, { rejectionOf }, { Figures, lengthWithout }] =
    await Promise.all(["pieces", "places", "causes", "figures"].map((name) => import(`${at}/${name}.js`)));
  const [pieces, figures] = [new Pieces(), new Figures(engine.num_speculative_tokens)];
  pieces.begin(engine);
  let answer = null;
  for (const event of events) {
    if (event.type === "pieces") pieces.add(event.pieces);
    if (event.type === "request_started") answer = new Answer(event);
    if (event.type !== "step") continue;
    figures.add(event, { places: answer.places(event, pieces), rejection: rejectionOf(event, pieces) });
  }
  const { failures } = figures;
  const without = (lost) => ({ lost_tokens: lost, mean_acceptance_length_without: lengthWithout(figures, lost) });
  const costs = ({ count, lost }) => ({ count, ...without(lost) });
  const group = (one) => ({ judged: one.judged, ...costs(one), causes: one.causes });
  return {
    num_rejections: failures.numRejections,
    causes: Object.fromEntries(Object.entries(failures.causes).map(([name, cost]) => [name, costs(cost)])),
    ranks: Object.fromEntries(failures.ranks),
    where: Object.fromEntries(Object.keys(FACETS).map((facet) =>
      [facet, Object.fromEntries(failures.ordered(facet).map(([name, one]) => [name, group(one)]))])),
    costliest: failures.costliest().map((one) => ({ token_id: one.id, step: one.steps[0], ...costs(one) })),
  };
}"""


TEXTS = [
    "Say",
    " it",
    "s",
    ":",
    "\n",
    "```",
    "``",
    "`",
    " 1",
    " Émi",
    "le",
    " ٣",
    "3rd",
    "!",
    "\u00a0",
    " \x85",
    "x\t",
    "𝒳",
    "",
]
PIECES: list[str | Piece] = [*TEXTS, Piece(special="</s>"), Piece(bytes=b"\xf0\x9f")]


def babble(seed: int, *, images: list[Image], engine: dict[str, Any]) -> list[Event]:
    """An answer of every kind of token, judged by beliefs of every kind."""
    rng = random.Random(seed)
    ids = range(len(PIECES) + 1)  # one of them without a piece

    def top() -> list[tuple[int, float | None]]:
        logprobs = sorted(
            (rng.choice([-0.1, -0.3, -0.35, -1.0, -4.0]) for _ in range(rng.choice([0, 1, 2, 3, 5]))), reverse=True
        )
        return list(zip(rng.sample(ids, len(logprobs)), logprobs, strict=True))

    def row() -> Judged:
        return Judged(top=top(), entropy=rng.choice([None, 0.1, 0.4, 1.5, 2.9, 7.0]))

    info = EngineInfo(verifier="v", num_speculative_tokens=3, **engine)
    events: list[Event] = [started(engine=info), Pieces(pieces=dict(enumerate(PIECES)))]
    events.append(RequestStarted(request_id="r", t_ms=0, text="", token_ids=[0] * 40, images=images))
    position = 0
    for index in range(400):
        filler = rng.random() < 0.1
        guesses = [
            Proposed(id=rng.choice(ids), top=top(), origin="filler" if filler else None)
            for _ in range(rng.choice([0, 1, 3, 3, 3]))
        ]
        kept = rng.randint(0, len(guesses))
        emitted = [*(guess.id for guess in guesses[:kept]), rng.choice(ids)]
        events.append(
            step(index, position, guesses, emitted, verifier=[row() for _ in emitted[rng.choice([0, 0, 0, 1]) :]])
        )
        position += len(emitted)
    return events


def golden_events(name: str) -> list[Event]:
    """A recording's events, of its first request alone."""
    trace = Trace.load(golden.trace_path(name))
    (first, *_) = trace.requests
    return [event for event in trace.events if getattr(event, "request_id", first) == first]


def expected(events: list[Event]) -> dict[str, Any]:
    """What `stats --causes --json` says of them."""
    diagnosis = Diagnosis()
    for event in events:
        diagnosis.take(event)
    figures = causes_as_json(diagnosis)
    tokens = [
        {"token_id": one["token_id"], "step": one["first"]["step"], **{name: one[name] for name in COSTS}}
        for one in figures["costliest"]
    ]
    return {name: figures[name] for name in ("num_rejections", "causes", "ranks", "where")} | {"costliest": tokens}


COSTS = ("count", "lost_tokens", "mean_acceptance_length_without")
PICTURE = Image(width=8, height=8, sha256="0")
OWN = {"vocab_size": 60, "draft_vocab_size": 12, "draft_vocabulary": packed(range(3, 15))}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(babble(1, images=[], engine=OWN), id="text"),
        pytest.param(babble(2, images=[PICTURE], engine=OWN), id="image"),
        pytest.param(babble(3, images=[], engine={}), id="unknown vocabulary"),
        pytest.param(babble(4, images=[], engine={"vocab_size": 60, "draft_vocab_size": 60}), id="whole vocabulary"),
        *(pytest.param(golden_events(name), id=name) for name in ("scripted", "why")),
    ],
)
async def test_the_pages_arithmetic_is_pythons(visitor: Visitor, demo: Demo, events: list[Event]) -> None:
    await visitor.page.goto(demo.address)
    assets = f"{demo.address}{ROUTES}/assets"
    engine, lines = events[0].engine, msgspec.to_builtins(events, str_keys=True)  # type: ignore[union-attr]
    found = await visitor.page.evaluate(FIGURES, [assets, msgspec.to_builtins(engine), lines])
    assert found == expected(events)


async def finished_run(page: Page, demo: Demo, gate: Gate) -> tuple[list[Step], dict[str, int]]:
    """A run on the page: its steps, and its causes as Python counts them."""
    run = await actions.finished_run(page, demo, gate)
    causes = Diagnosis.of(run.trace).failures.causes
    return run.trace.requests[run.run_id].steps, {name: cost.count for name, cost in causes.items() if cost.count}


async def test_causes_of_a_run_and_of_a_stretch_of_it(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    steps, causes = await finished_run(page, demo, gate)
    panel = page.locator("figure.e3-why")
    await expect(panel).to_have_attribute("data-rejections", str(sum(causes.values())))
    assert await page.evaluate(actions.CAUSES) == causes
    assert len(causes) >= 4
    await page.evaluate(
        """() => {
          const groups = document.querySelectorAll('.e3-lane .e3-step');
          document.getSelection().setBaseAndExtent(groups[3].firstChild, 0, groups[11].lastChild, 1);
        }"""
    )
    rejected = sum(one.num_accepted < len(one.proposed) for one in steps[3:12])
    await expect(panel).to_have_attribute("data-rejections", str(rejected))
    await page.locator(".e3-range").click()
    await page.get_by_role("slider", name="Steps shown").fill("5")
    rejected = sum(one.num_accepted < len(one.proposed) for one in steps[:5])
    await expect(panel).to_have_attribute("data-rejections", str(rejected))


async def test_a_cause_filters_the_lane_and_colours_it(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    steps, causes = await finished_run(page, demo, gate)
    await page.locator(".e3-why-bar .e3-cause.filler").click()
    await expect(page.locator(".e3-lane .e3-step:not(.dim)")).to_have_count(causes["filler"])
    await expect(page.locator(".e3-chip").first).to_contain_text(f"“filler”: {causes['filler']} of {len(steps)}")
    await page.locator(".e3-chip").first.click()
    await page.locator(".e3-mode").select_option("cause")
    keys = page.locator(".e3-scale .e3-t")
    await expect(keys).to_have_text([*(WORDS[cause][0] for cause in CAUSES), "not rejected"])
    titles = [await keys.nth(number).get_attribute("title") for number in range(len(CAUSES))]
    assert titles == [WORDS[cause][1] for cause in CAUSES]
    await expect(page.locator(".e3-lane .e3-t.rejected.ca4")).to_have_count(causes["ranked_low"])
    glyph = "getComputedStyle(document.querySelector('.e3-lane .e3-t.rejected.ca4'), '::before').content"
    assert await page.evaluate(glyph) == '"↓"'


async def test_a_costly_token_leads_into_the_lane(visitor: Visitor, demo: Demo, gate: Gate) -> None:
    page = visitor.page
    await finished_run(page, demo, gate)
    await page.locator(".e3-why-tokens summary").click()
    link = page.locator(".e3-why-tokens .e3-link").first
    number = await link.inner_text()
    await link.click()
    await expect(page.locator(".e3-picked")).to_contain_text("rejected")
    await expect(page.locator(".e3-picked")).to_contain_text(f"step {number},")
    await expect(page.locator(".e3-picked")).to_contain_text("why: ")
    said = await page.locator(".e3-test", has_text="Why it was rejected").inner_text()
    assert said.removeprefix("Why it was rejected: ") in {f"{name}. {meaning}" for name, meaning in WORDS.values()}
    await page.locator(".e3-why-where summary").click()
    await page.get_by_label("Group by").select_option("entropy")
    await expect(page.locator(".e3-why-groups th").first).to_have_text("verifier’s entropy")
    await expect(page.locator(".e3-why-groups tbody tr").first).to_contain_text("%")
    row = page.locator(".e3-why-groups tbody tr", has_text="0.5 to 1.5")
    failures = Diagnosis.of(next(run.trace for run in demo.runs.known)).failures
    await row.locator("button").click()
    rejected = failures.groups["entropy"]["0.5 to 1.5"].cost.count
    await expect(page.locator(".e3-lane .e3-step:not(.dim)")).to_have_count(rejected)
