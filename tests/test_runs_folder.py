"""Saved runs: written as they happen, listed, renamed, deleted; and nothing else is ever touched."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eagle3_viz.errors import InputError
from eagle3_viz.events import Event
from eagle3_viz.reading import CUT_SHORT
from eagle3_viz.runs_folder import Bounds, RunsFolder
from eagle3_viz.saved_run import clean_title
from eagle3_viz.saving import Saving
from eagle3_viz.trace import Trace
from tests import golden

EVENTS = Trace.load(golden.trace_path("scripted")).events
KEYS = ["A" * 22, "B" * 22, "C" * 22]
ROOT = Path(__file__).parents[1]


def saved(saving: Saving, events: list[Event] = EVENTS) -> Path:
    for event in events:
        saving.add(event)
        saving.flush()
    saving.close()
    assert saving.problem is None
    return saving.path


def test_a_run_is_written_whole_and_opens(tmp_path: Path) -> None:
    folder = RunsFolder(tmp_path / "new" / "runs", clock=lambda: 0.0)
    path = saved(folder.save("id", "Why is\nthe sky <b>blue</b>?"))
    assert path.name.endswith("Why is the sky b blue b.jsonl.gz")
    trace = Trace.load(path)
    assert trace.events == EVENTS
    assert trace.warnings == []
    run = folder.list()[0]
    assert (run.name, run.prompt, run.verifier) == (path.name, "Who crosses the bridge?", "scripted")
    again = saved(folder.save("id", "Why is the sky b blue b"))
    assert again.name.endswith("(2).jsonl.gz")


def test_kill_9_leaves_every_flushed_event(tmp_path: Path) -> None:
    """A process is killed while it saves: what it had flushed before it said so is all there."""
    code = f"""
import time
from pathlib import Path
from eagle3_viz.saving import Saving
from eagle3_viz.trace import Trace
saving = Saving(Path({str(tmp_path / "run.jsonl.gz")!r}))
for event in Trace.load(Path({str(golden.trace_path("scripted"))!r})).events[:20]:
    saving.add(event)
    saving.flush()
print("flushed", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"flushed\n"
        os.kill(process.pid, signal.SIGKILL)
    trace = Trace.load(tmp_path / "run.jsonl.gz")
    assert trace.events == EVENTS[:20]
    assert trace.warnings == [CUT_SHORT]


def test_a_full_disk_is_told_and_harms_nothing() -> None:
    saving = Saving(Path("/dev/full"))  # exists already, so: cannot be begun
    assert saving.problem
    assert "File exists" in saving.problem
    for event in EVENTS:
        saving.add(event)
    saving.flush()
    saving.close()


@pytest.mark.parametrize("room", [1, 500])
def test_a_disk_that_fills_up(tmp_path: Path, room: int) -> None:
    """What fitted is still there and opens, or nothing is, and the message names the reason."""
    code = f"""
import resource, signal
from pathlib import Path
from eagle3_viz.saving import Saving
from eagle3_viz.trace import Trace
events = Trace.load(Path({str(golden.trace_path("scripted"))!r})).events
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
saving = Saving(Path({str(tmp_path / "run.jsonl.gz")!r}))
for event in events:
    saving.add(event)
    saving.flush()
saving.close()
print(saving.problem)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "File too large. It goes on; save it by hand at its end." in result.stdout
    assert (tmp_path / "run.jsonl.gz").stat().st_size == room
    if room > 1:
        assert Trace.load(tmp_path / "run.jsonl.gz").warnings == [CUT_SHORT]


def test_rename_and_delete_touch_one_file(tmp_path: Path) -> None:
    folder = RunsFolder(tmp_path)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    first, second = saved(folder.save("1", "one")), saved(folder.save("2", "two"))
    assert folder.rename(first.name, "The ../first: run?") == "The .. first run.jsonl.gz"
    with pytest.raises(InputError, match=r"called “The \.\. first run” already"):
        folder.rename(second.name, "The .. first run")
    with pytest.raises(InputError, match="needs a title"):
        folder.rename(second.name, " \n/ ")
    folder.delete(second.name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["The .. first run.jsonl.gz", "notes.txt"]


@pytest.mark.parametrize("name", ["../secret.jsonl", "/etc/passwd", "", ".", "notes.txt", "gone.jsonl.gz"])
def test_only_runs_of_the_folder_can_be_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jsonl").write_bytes(b"")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "notes.txt").write_text("mine", encoding="utf-8")
    folder = RunsFolder(tmp_path / "runs")
    for act in (folder.find, folder.delete, lambda name: folder.rename(name, "x")):
        with pytest.raises(InputError, match="not in the folder any more"):
            act(name)


def test_what_was_opened_to_be_looked_at_is_not_changed() -> None:
    folder = RunsFolder(golden.FOLDER, writable=False)
    assert [run.title for run in folder.list()]
    with pytest.raises(InputError, match="are not changed"):
        folder.delete("scripted.jsonl")
    one = RunsFolder(golden.trace_path("by_hand"), writable=False)
    assert [run.name for run in one.list()] == ["by_hand.jsonl"]
    assert one.find("by_hand.jsonl") == golden.trace_path("by_hand")


def test_bounds_delete_the_oldest_of_ours_and_nothing_else(tmp_path: Path) -> None:
    size = saved(RunsFolder(tmp_path / "elsewhere").save("x", "")).stat().st_size
    folder = RunsFolder(tmp_path, bounds=Bounds(max_bytes=2 * size, max_age_s=100), clock=lambda: 1000.0)
    saved(RunsFolder(tmp_path).save("y", "a person's own"))
    for age, key in zip((200, 50, 10), KEYS, strict=True):
        os.utime(saved(folder.save(key, "secret")), (1000 - age, 1000 - age))
    folder.tidy()
    assert {path.name for path in tmp_path.glob(f"{'?' * 22}.jsonl.gz")} == {f"{key}.jsonl.gz" for key in KEYS[1:]}
    assert len(list(tmp_path.glob("*own.jsonl.gz"))) == 1
    os.utime(saved(folder.save("D" * 22, "")), (999, 999))
    folder.tidy()
    assert len(list(tmp_path.glob(f"{'?' * 22}.jsonl.gz"))) == 2


def test_within_bounds_a_visitor_sees_only_what_they_know(tmp_path: Path) -> None:
    folder = RunsFolder(tmp_path, bounds=Bounds(max_bytes=10**9, max_age_s=1e9))
    for key in KEYS[:2]:
        saved(folder.save(key, ""))
    assert folder.list() == []
    assert [run.title for run in folder.list(frozenset(KEYS[1:]))] == [KEYS[1]]


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [("..", ""), ("a/b\\c", "a b c"), ("\u202eevil\x00", "evil"), ("🙂" * 99, "🙂" * 40), ("日本 🙂", "日本 🙂")],
)
def test_titles(title: str, cleaned: str) -> None:
    assert clean_title(title) == cleaned


def test_within_bounds_nothing_but_runs_of_visitors_can_be_named(tmp_path: Path) -> None:
    own = saved(RunsFolder(tmp_path).save("x", "a person's own"))
    folder = RunsFolder(tmp_path, bounds=Bounds(max_bytes=10**9, max_age_s=1e9))
    path = saved(folder.save(KEYS[0], ""))
    assert folder.find(path.name) == path
    with pytest.raises(InputError, match="not in the folder"):
        folder.find(own.name)
    with pytest.raises(InputError, match="no titles here"):
        folder.rename(path.name, "so that it is kept for ever")
