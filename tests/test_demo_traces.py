"""The recordings that ship: they open, and give what they gave when they were made."""

import gzip
import json
from pathlib import Path

import pytest

from eagle3_viz.analysis.statistics import statistics_of_file
from eagle3_viz.cli.report import demo_traces
from eagle3_viz.cli.stats import as_json
from eagle3_viz.saved_run import title_of
from eagle3_viz.trace import Trace
from eagle3_viz.views import recordings

TRACES = demo_traces()
MAX_BYTES = 10 * 10**6  # plain git takes it everywhere


@pytest.mark.parametrize("path", TRACES, ids=title_of)
def test_statistics_are_the_stored_ones(path: Path) -> None:
    figures = as_json(statistics_of_file(path))
    assert figures == json.loads(path.with_name(f"{title_of(path)}.stats.json").read_text(encoding="utf-8"))
    assert figures["engine_totals_agree"]
    assert figures["requests"]["verified"] == len(Trace.load(path).requests)


@pytest.mark.parametrize("path", TRACES, ids=title_of)
def test_they_show_both_sides_and_tell_nothing_of_the_machine(path: Path) -> None:
    trace = Trace.load(path)
    assert trace.warnings == []
    for name, record in trace.requests.items():
        assert recordings.request(trace, name).events
        assert all(len(token.top) == 5 for step in record.steps for token in step.proposed if token.origin is None)
    text = gzip.decompress(path.read_bytes())
    assert not any(place in text for place in (b"/home/", b"/root", b"/work/", b"/tmp/"))
    assert path.stat().st_size < MAX_BYTES


def test_a_good_head_and_a_bad_one_are_among_them() -> None:
    lengths = {title_of(path): statistics_of_file(path).rates.mean_acceptance_length or 0 for path in TRACES}
    assert lengths["text-good-head"] > lengths["text-wrong-layers"] + 0.1


def test_one_shows_what_a_model_saw() -> None:
    [images] = [Trace.load(path) for path in TRACES if title_of(path) == "image"]
    assert all(record.started.images and record.ended for record in images.requests.values())
