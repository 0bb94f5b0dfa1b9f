"""The benchmark of trace files: its recording is one, and its figures are there."""

from pathlib import Path

from benchmarks import trace_io
from eagle3_viz.analysis.statistics import statistics_of_file
from eagle3_viz.events import Step


def test_every_figure_is_measured(tmp_path: Path) -> None:
    figures = trace_io.measure(tmp_path, num_drafts=300)
    assert all(value > 0 for value in figures.values())
    assert figures["stats_peak_mb"] < 200
    assert figures["bytes_per_step_top0"] < figures["bytes_per_step_top5"]
    assert statistics_of_file(tmp_path / "run.jsonl.gz").totals_agree


def test_the_recording_has_its_drafts_and_both_sides() -> None:
    steps = [event for event in trace_io.recording(200, 5) if isinstance(event, Step)]
    assert len(steps) == 200
    assert all(len(token.top) == 5 for step in steps for token in step.proposed)
    assert all(len(row.top) == 5 for step in steps for row in step.verifier)
