"""The page's main states look as their stored copies: `states.py` says what is compared, and why no pixels are."""

import json
from itertools import combinations
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser import states

pytestmark = pytest.mark.browser

NEAR = 0.03  # of the window's width
APART_PX = 24  # so far below another part, a part must stay below it
FITTED = {"headline", "state", "images", "asked"}  # as wide as their text or file


@pytest.mark.parametrize("name", [state.__name__ for state in states.STATES])
async def test_a_state_is_laid_out_as_it_was(browser: Browser, name: str) -> None:
    async with states.shown(browser, name) as page:
        for look in states.LOOKS:
            await states.put_on(page, look)
            now = await states.layout(page)
            was = json.loads(states.stored(name, look).read_text(encoding="utf-8"))
            assert (changes(now, was), look.name) == ([], look.name), "meant so? `make screenshots`, and look at them"


def changes(now: dict[str, Any], was: dict[str, Any]) -> list[str]:
    """What is not as it was."""
    if now.keys() != was.keys():
        return [f"{part} is seen in one of both only" for part in now.keys() ^ was.keys()]
    placed = [part for part in was if "top" in was[part]]
    return [
        *(f"{part} has other colours" for part in was if now[part]["colours"] != was[part]["colours"]),
        *(
            f"{part} has another {key}"
            for part in placed
            for key in ("left", "width")
            if part not in FITTED and abs(now[part][key] - was[part][key]) > NEAR
        ),
        *(
            f"{lower} is not below {upper} any more"
            for one, other in combinations(placed, 2)
            for upper, lower in [sorted((one, other), key=lambda part: float(was[part]["top"]))]
            if was[lower]["top"] - was[upper]["top"] > APART_PX and now[lower]["top"] <= now[upper]["top"]
        ),
    ]
