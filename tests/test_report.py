"""Recordings as data for a browser, and the verb that writes them."""

import json
import re
from pathlib import Path

import pytest

from eagle3_viz import web
from eagle3_viz.__main__ import main
from eagle3_viz.analysis.statistics import statistics
from eagle3_viz.trace import Trace
from eagle3_viz.views import recordings, report
from tests import golden


@pytest.mark.parametrize("name", golden.NAMES)
def test_a_request_comes_whole(name: str) -> None:
    trace = Trace.load(golden.trace_path(name))
    for request_id, record in trace.requests.items():
        request = recordings.request(trace, request_id)
        assert len(request.events) == 1 + len(record.steps) + len(record.dropped) + bool(record.ended)


def test_gaps_stand_where_steps_were_lost() -> None:
    kinds = [type(event).__name__ for event in recordings.request(troubled(), "r0").events]
    assert kinds == ["RequestStarted", "Step", "StepsDropped", "Step", "RequestFinished"]


def troubled() -> Trace:
    return Trace.load(golden.trace_path("troubled"))


def test_the_index_says_what_a_reader_should_know() -> None:
    trace = troubled()
    index = recordings.index(trace, "troubled")
    assert index.warnings == statistics(trace).warnings
    assert [line.outcome for line in index.requests] == ["2 tokens", "0 tokens, failed"]
    assert index.totals[0].startswith("2 verifier passes wrote")


def test_every_module_of_the_report_is_inside_it() -> None:
    inside = report.modules("report")
    assert {"e3/report", "e3/lanes", "e3/charts", "e3/inspector", "e3/pieces"} <= inside.keys()
    for address in inside.values():
        assert address.startswith("data:text/javascript;base64,")
    names = {name.removeprefix("e3/") for name in inside}
    imported = {name for module in names for name in re.findall(r'from "\./(\w+)\.js"', web.read(f"{module}.js"))}
    assert imported <= names


def test_nothing_in_the_file_points_anywhere(tmp_path: Path) -> None:
    assert main(["report", str(golden.trace_path("by_hand")), "-o", str(tmp_path / "r.html")]) == 0
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:)([^"]*)"', text.split("</head>")[0]) == []
    assert "default-src 'none'" in text


def test_one_request_of_many(tmp_path: Path) -> None:
    path = str(golden.trace_path("scripted"))
    assert main(["report", path, "--request", "sampled", "-o", str(tmp_path / "r.html")]) == 0
    index = re.search(r'id="e3-index">(.*?)</script>', (tmp_path / "r.html").read_text(encoding="utf-8"))
    assert index
    assert [line["request_id"] for line in json.loads(index[1])[0]["requests"]] == ["sampled"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "r.html"], "there is no trace to report: name a file"),
        (["nothing.jsonl", "-o", "r.html"], "nothing.jsonl cannot be opened: No such file or directory"),
        (
            [str(golden.trace_path("by_hand")), "--request", "no", "-o", "r.html"],
            "by_hand has no request no: it has r0",
        ),
        ([str(golden.trace_path("by_hand")), "-o", "/proc/r.html"], "/proc/r.html cannot be written"),
        ([str(golden.FOLDER / "by_hand.stats.json"), "-o", "r.html"], "cannot be read as a trace"),
    ],
)
def test_what_cannot_be_reported(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *arguments]) == 2
    assert message in capsys.readouterr().err
