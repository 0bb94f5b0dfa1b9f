"""Known recordings give what they gave."""

from pathlib import Path

import pytest

from eagle3_viz import load
from tests import golden


@pytest.mark.parametrize("name", golden.NAMES)
def test_statistics(name: str) -> None:
    assert golden.stats(load(golden.trace_path(name))) == golden.stats_path(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", golden.NAMES)
def test_what_a_person_sees(name: str) -> None:
    assert golden.shown(load(golden.trace_path(name))) == golden.shown_path(name).read_text(encoding="utf-8")


async def test_the_scripted_source_makes_the_same_recording_to_the_byte(tmp_path: Path) -> None:
    (await golden.scripted()).save(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == golden.trace_path("scripted").read_bytes()
