"""What the README's table is made of."""

from pathlib import Path

import pytest

from benchmarks import picture_prompts, tables
from eagle3_viz.__main__ import main
from eagle3_viz.analysis import results
from eagle3_viz.bench import datasets
from tests.benching import PROMPTS, lines, scripted_engines


def test_measured_runs_stand_beside_the_published_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted_engines(monkeypatch)
    dataset = lines(tmp_path / "mt_bench.jsonl", PROMPTS)
    out = tmp_path / "text.json"
    assert main(["bench", "--dataset", str(dataset), "--baseline", "--json", str(out)]) == 0
    found = results.load(out)
    readme = tables.README.read_text(encoding="utf-8")
    text = tables.written(readme, [found])
    assert f"| num_drafts | {found.summary.num_drafts:,} | 90,393 | 85,369 |" in text
    assert "2.51 (2.53 printed) | 2.12 |" in text
    assert "| answers equal to those without speculation | 5 of 5 |  |  |" in text
    assert "| math | 2 |" in text
    assert tables.written(text, [found]) == text
    before, after = readme.split(tables.BEGIN)[0], readme.split(tables.END)[1]
    assert text.startswith(before)
    assert text.endswith(after)


def test_pictures_with_something_to_ask_are_a_dataset(tmp_path: Path) -> None:
    found = datasets.read(str(picture_prompts.write(tmp_path, 5)))
    assert len(found.prompts) == 5
    assert found.problems == []
    assert all(len(prompt.images) == 1 and prompt.category for prompt in found.prompts)
    again = picture_prompts.write(tmp_path / "again", 5).read_bytes()
    assert (tmp_path / "prompts.jsonl").read_bytes() == again
