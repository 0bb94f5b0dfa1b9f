"""Recordings that a visitor may look at, and the routes to them."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from eagle3_viz.runs_folder import Bounds, RunsFolder
from eagle3_viz.trace import Trace
from eagle3_viz.ui import library as libraries
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.recording_routes import add_recording_routes
from tests import golden


def client(folder: RunsFolder | None) -> TestClient:
    routes = APIRouter()
    add_recording_routes(routes, Library(folder))
    app = FastAPI()
    app.include_router(routes)
    return TestClient(app)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    for name in golden.NAMES:
        shutil.copy(golden.trace_path(name), tmp_path)
    (tmp_path / "broken.jsonl").write_bytes(b"[[[[")
    return tmp_path


@pytest.fixture
def page(filled: Path) -> Iterator[TestClient]:
    with client(RunsFolder(filled)) as page:
        yield page


def listed(page: TestClient, keys: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = page.get("/recordings", params={"keys": keys}).json()
    return answer


def test_a_recording_is_read_request_by_request(page: TestClient) -> None:
    assert len(listed(page)["recordings"]) == len(golden.NAMES) + 1
    index = page.get("/recordings/scripted.jsonl").json()
    assert [line["request_id"] for line in index["requests"]] == ["greedy", "sampled"]
    request = page.get("/recordings/scripted.jsonl/requests/1").json()
    steps = Trace.load(golden.trace_path("scripted")).requests["sampled"].steps
    assert len([event for event in request["events"] if event["type"] == "step"]) == len(steps)
    assert page.get("/recordings/scripted.jsonl/requests/2").status_code == 404
    assert page.get("/recordings/scripted.jsonl/trace").content == golden.trace_path("scripted").read_bytes()
    assert b"default-src 'none'" in page.get("/recordings/scripted.jsonl/report.html").content


@pytest.mark.parametrize("name", ["gone.jsonl", "..%2Fsecret.jsonl", "%2Fetc%2Fpasswd", "broken.jsonl"])
def test_what_cannot_be_opened_is_told(page: TestClient, name: str) -> None:
    assert page.get(f"/recordings/{name}").status_code == 404
    assert page.get(f"/recordings/{name}/trace").status_code == (200 if name == "broken.jsonl" else 404)


def test_rename_and_delete(page: TestClient, filled: Path) -> None:
    answer = page.put("/recordings/by_hand.jsonl/title", content="A better title")
    assert answer.json() == {"name": "A better title.jsonl"}
    assert page.put("/recordings/scripted.jsonl/title", content="A better title").status_code == 422
    assert page.delete("/recordings/A better title.jsonl").status_code == 204
    assert page.delete("/recordings/A better title.jsonl").status_code == 422
    assert not (filled / "A better title.jsonl").exists()


def test_a_dropped_file_is_opened_and_unlisted(page: TestClient) -> None:
    data = gzip.compress(golden.trace_path("scripted").read_bytes())
    name = page.post("/recordings", params={"name": "<b>mine.jsonl.gz"}, content=data).json()["name"]
    assert page.get(f"/recordings/{name}").json()["title"] == "b mine"
    assert name not in {recording["name"] for recording in listed(page)["recordings"]}
    assert page.post("/recordings", content=b"no trace").status_code == 422


def test_dropped_files_are_bounded(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eagle3_viz.ui.recording_routes.MAX_DROPPED_BYTES", 2**20)
    assert "more than 1 MB" in page.post("/recordings", content=bytes(2**21)).json()["detail"]
    monkeypatch.setattr(libraries, "MAX_DROPPED_BYTES", 2000)
    data = golden.trace_path("scripted").read_bytes()
    names = [page.post("/recordings", content=data).json()["name"] for _ in range(libraries.MAX_HELD + 1)]
    assert page.get(f"/recordings/{names[0]}").status_code == 404
    assert "are read here" in page.get(f"/recordings/{names[-1]}").json()["warnings"][0]


def test_visitors_of_a_space_know_only_their_own(filled: Path) -> None:
    mine, other = "A" * 22, "B" * 22
    for key in (mine, other):
        shutil.copy(golden.trace_path("scripted"), filled / f"{key}.jsonl")
    with client(RunsFolder(filled, bounds=Bounds(max_bytes=10**9, max_age_s=1e9))) as page:
        assert listed(page)["recordings"] == []
        assert listed(page)["folder"] is None
        assert [run["title"] for run in listed(page, f"{mine},x")["recordings"]] == [mine]


def test_without_a_folder_only_dropped_files_are_opened() -> None:
    with client(None) as page:
        assert listed(page) == {"recordings": [], "writable": False, "keyed": False, "folder": None}
        assert page.get("/recordings/scripted.jsonl").status_code == 404
        assert page.delete("/recordings/scripted.jsonl").status_code == 422
