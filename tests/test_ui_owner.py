"""What the owner of a page decides, on a Space and at home."""

from pathlib import Path

import pytest

from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling
from eagle3_viz.sources.base import Request
from eagle3_viz.sources.scripted import ScriptedSource
from eagle3_viz.ui.owner import Owner

SPACE = {"SPACE_ID": "somebody/eagle3", "SYSTEM": "spaces"}


def test_at_home_runs_are_saved_in_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = Owner.of({}).folder()
    assert folder
    assert folder.path == tmp_path / "eagle3_viz" / "runs"
    assert folder.bounds is None
    assert Owner.of({}, runs="none").folder() is None
    assert Owner.of({"EAGLE3_RUNS": "/a"}, runs="/b").folder().path == Path("/b")  # type: ignore[union-attr]


def test_on_a_space_nothing_is_saved_unless_its_owner_says_where() -> None:
    assert Owner.of(SPACE).folder() is None
    folder = Owner.of({**SPACE, "EAGLE3_RUNS": "/data/runs", "EAGLE3_RUNS_MB": "10", "EAGLE3_RUNS_HOURS": "2"}).folder()
    assert folder
    assert folder.bounds
    assert (folder.bounds.max_bytes, folder.bounds.max_age_s) == (10 * 2**20, 7200)


def test_caps() -> None:
    owner = Owner.of({**SPACE, "EAGLE3_MAX_TOKENS": "300", "EAGLE3_MAX_RUNNING": "2", "EAGLE3_MAX_QUEUED": ""})
    assert (owner.max_tokens, owner.max_running, owner.max_queued) == (300, 2, 32)
    assert Owner.of({"EAGLE3_OPEN": "assets/traces"}).open == "assets/traces"


async def test_a_visitor_gets_no_more_than_the_owner_gives() -> None:
    runs = Owner.of({"EAGLE3_MAX_TOKENS": "300", "EAGLE3_MAX_IMAGE_MB": "1", "EAGLE3_RUNS": "none"}).runs_of_visitors()
    source = ScriptedSource()
    with pytest.raises(InputError, match="max tokens is 301: this page gives up to 300"):
        runs.start(source, Request(request_id="r", prompt="Hi", sampling=Sampling(max_tokens=301)))
    with pytest.raises(InputError, match=r"An image has 1\.5 MB: this page takes up to 1 MB"):
        runs.start(source, Request(request_id="r", prompt="Hi", images=(bytes(3 * 2**19),)))


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "²"])
def test_a_cap_is_a_whole_number(text: str) -> None:
    with pytest.raises(InputError, match=f"EAGLE3_MAX_TOKENS is '{text}': give a whole number above 0"):
        Owner.of({"EAGLE3_MAX_TOKENS": text})
