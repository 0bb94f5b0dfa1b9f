"""The table of steps: what is in it, and how it is written."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from eagle3_viz.__main__ import main
from eagle3_viz.events import Step
from eagle3_viz.trace import Trace
from eagle3_viz.views import tables
from tests import golden

ROOT = Path(__file__).parents[1]


def parsed(cell: str) -> Any:
    return json.loads(cell) if cell else None


@pytest.mark.parametrize("name", golden.NAMES)
def test_csv_and_parquet_hold_the_same_steps(name: str, tmp_path: Path) -> None:
    path = golden.trace_path(name)
    for suffix in ("csv", "parquet"):
        assert main(["export", str(path), "-o", str(tmp_path / f"steps.{suffix}")]) == 0
    trace = Trace.load(path)
    expected = list(tables.rows(trace))
    assert parquet.read_table(tmp_path / "steps.parquet").to_pylist() == expected
    with (tmp_path / "steps.csv").open(encoding="utf-8", newline="") as stream:
        read = [{name: parsed(cell) for name, cell in row.items()} for row in csv.DictReader(stream)]
    assert read == expected
    steps = [event for event in trace.events if isinstance(event, Step)]
    assert [row["emitted"] for row in expected] == [step.emitted for step in steps]


def test_texts_are_the_tokens_own() -> None:
    rows = list(tables.rows(Trace.load(golden.trace_path("by_hand"))))
    assert rows[1]["proposed_text"] == [" there", ",", " you"]
    assert "\ufffd" in [text for row in rows for text in row["emitted_text"]]


def test_a_formula_is_no_formula() -> None:
    assert tables._cell("=HYPERLINK(1)") == '"=HYPERLINK(1)"'


def test_parquet_without_pyarrow_is_told(tmp_path: Path) -> None:
    arguments = ["export", str(golden.trace_path("by_hand")), "-o", str(tmp_path / "s.parquet")]
    code = (
        f"import sys; sys.modules['pyarrow'] = None; from eagle3_viz.__main__ import main; sys.exit(main({arguments}))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "Parquet needs pyarrow: run `pip install pyarrow`, or write a .csv" in result.stderr


def test_other_endings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(golden.trace_path("by_hand")), "-o", "steps.xls"]) == 2
    assert "give .csv or .parquet" in capsys.readouterr().err
