"""Runs: how they begin, end, break, and are forgotten; and the messages that tell a browser about one."""

import asyncio
import errno
import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eagle3_viz import codec
from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo, Event, RequestFinished
from eagle3_viz.reading import CUT_SHORT
from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.saving import Saving
from eagle3_viz.sources.base import Request, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.trace import Trace
from eagle3_viz.ui import stream
from eagle3_viz.ui.runs import Run, Runs
from eagle3_viz.views.facts import facts
from eagle3_viz.views.words import count


async def never(_: float) -> None:
    await asyncio.Event().wait()


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def request(name: str = "a") -> Request:
    return Request(request_id=name, prompt="Tell me about the river.")


def fast() -> Source:
    return ScriptedSource(Script(num_tokens=40), sleep=at_once)


def stuck() -> Source:
    return ScriptedSource(sleep=never)


class Failing(ScriptedSource):
    """Breaks after its first events."""

    def __init__(self, error: Exception, after: int) -> None:
        super().__init__(sleep=at_once)
        self.error, self.after = error, after

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncGenerator[Event]:
        number = 0
        async for event in super().record(requests, stop):
            if number == self.after:
                raise self.error
            number += 1
            yield event


def parse(raw: bytes) -> tuple[str, Any, int | None]:
    """A server-sent event's name, data and id."""
    fields = dict(line.split(": ", 1) for line in raw.decode().strip().splitlines())
    return fields.get("event", "message"), json.loads(fields["data"]), int(fields["id"]) if "id" in fields else None


async def messages(run: Run, start: int = 0) -> list[tuple[str, Any, int | None]]:
    return [parse(raw) async for raw in stream.run_messages(run, start) if b"data:" in raw]


async def test_every_event_is_sent_once_and_as_it_stands_in_the_file_but_for_the_answer_at_the_end() -> None:
    run = Run(fast(), request())
    sent = await messages(run)
    events = [event for name, data, _ in sent if name == "message" for event in data]
    written = [json.loads(codec.encode(event)) for event in run.trace.events]
    *_, finished, _ = written
    assert finished["text"]
    finished |= {"text": "", "output_token_ids": []}
    assert events == written
    assert [number for *_, number in sent if number is not None][-1] == len(run.trace.events)


async def test_beside_many_runs_a_run_is_sent_in_fewer_messages() -> None:
    async def num_messages(num_running: int) -> int:
        run = Run(fast(), request())
        return len([raw async for raw in stream.run_messages(run, 0, lambda: num_running) if b"id:" in raw])

    assert await num_messages(16) < 5 < await num_messages(1)


async def test_a_browser_that_comes_back_gets_the_rest() -> None:
    run = Run(fast(), request())
    await run.wait()
    sent = await messages(run, start=5)
    events = [event for name, data, _ in sent if name == "message" for event in data]
    assert len(events) == len(run.trace.events) - 5


async def test_the_end_is_told_last() -> None:
    run = Run(fast(), request())
    assert (await messages(run))[-1] == ("end", {"problem": None, "saved": None}, None)


async def test_a_run_whose_last_follower_left_is_stopped() -> None:
    run = Run(stuck(), request(), grace_s=0)
    with run.follow():
        await asyncio.sleep(0)
        assert not run.ended
    await asyncio.wait_for(run.wait(), 1)
    ended = run.trace.requests["a"].ended
    assert isinstance(ended, RequestFinished)
    assert ended.finish_reason == "abort"


async def test_a_follower_who_comes_back_in_time_keeps_the_run() -> None:
    run = Run(stuck(), request(), grace_s=0)
    with run.follow():
        pass
    with run.follow() as news:  # before the loop got to look
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not run.ended
        run.stop()
        while not run.ended:
            news.clear()
            await news.wait()


@pytest.mark.parametrize(
    ("error", "after", "problem"),
    [
        (InputError("the prompt is too long: shorten it"), 0, "the prompt is too long: shorten it"),
        (
            RuntimeError("engine gone"),
            4,
            "The run broke off: RuntimeError: engine gone. The terminal shows the details.",
        ),
    ],
)
async def test_a_run_that_breaks_says_why_and_ends(error: Exception, after: int, problem: str) -> None:
    run = Run(Failing(error, after), request())
    sent = await messages(run)
    assert run.ended
    assert sent[-1] == ("end", {"problem": problem, "saved": None}, None)
    assert len(run.trace.events) == after


async def test_runs_are_bounded_and_the_oldest_ended_goes_first() -> None:
    runs = Runs(max_runs=2, max_running=2)
    first, second = runs.start(fast(), request("1")), runs.start(stuck(), request("2"))
    await first.wait()
    third = runs.start(stuck(), request("3"))
    assert [runs.get(name) for name in "123"] == [None, second, third]
    with pytest.raises(InputError, match="try again in a minute"):
        runs.start(fast(), request("4"))
    await runs.stop_all()
    assert runs.running == []


async def test_an_image_that_runs_share_is_held_once_and_makes_only_runs_with_images_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eagle3_viz.ui.runs.MAX_IMAGE_BYTES_HELD", 150)
    runs, shared = Runs(), bytes(100)
    images = {"text": (), "1": (shared,), "2": (shared,), "other": (bytes([1] * 100),), "last": ()}
    for name, files in images.items():
        await runs.start(fast(), msgspec.structs.replace(request(name), images=files)).wait()
    assert {run.run_id for run in runs.known} == {"text", "other", "last"}


async def test_a_disk_that_is_full_only_at_the_end_does_not_keep_a_run_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(self: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    saving = Saving(tmp_path / "run.jsonl.gz")
    assert saving._file
    saving._file.close()
    monkeypatch.setattr(saving, "_file", type("File", (), {"write": lambda _, data: len(data), "close": close})())
    saving.close()
    assert saving.problem
    assert "No space left" in saving.problem


def test_engine_info_is_told_in_a_few_words() -> None:
    engine = EngineInfo(
        verifier="v", draft="d", num_speculative_tokens=3, device="cpu", dtype="float32", vllm_version="0.32.0"
    )
    assert facts(engine) == ["verifier v", "draft d", "K = 3", "cpu float32", "vLLM 0.32.0"]
    assert (count(1, "verifier pass", "es"), count(1200, "token")) == ("1 verifier pass", "1,200 tokens")


async def test_runs_beyond_the_limit_wait_for_their_turn() -> None:
    runs = Runs(max_running=1, max_queued=1)
    first, second = runs.start(stuck(), request("1")), runs.start(fast(), request("2"))
    with pytest.raises(InputError, match="2 runs are under way"):
        runs.start(fast(), request("3"))
    await asyncio.sleep(0)
    assert second.trace.events == []
    first.stop()
    await second.wait()
    assert second.trace.finished


async def test_a_run_that_waits_can_be_stopped() -> None:
    runs = Runs(max_running=1, max_queued=2)
    first, second, third = (runs.start(stuck(), request(name)) for name in "123")
    second.stop()
    await second.wait()
    assert (second.problem, second.trace.events) == ("Stopped while it waited for its turn.", [])
    first.stop()
    await first.wait()
    third.stop()
    await third.wait()
    assert third.trace.requests == {} or third.trace.finished


async def test_a_run_that_waits_is_told_its_place_until_its_turn_comes() -> None:
    runs = Runs(max_running=1, max_queued=2)
    first, second, third = (runs.start(stuck(), request(name)) for name in "123")
    await asyncio.sleep(0)
    assert [run.num_ahead for run in (first, second, third)] == [None, 0, 1]

    told = aiter(stream.run_messages(third, 0))

    async def place() -> int | None:
        while (raw := await anext(told)).startswith((b"retry", b":")) or parse(raw)[0] != "queue":
            pass
        place: int | None = parse(raw)[1]
        return place

    assert await place() == 1
    second.stop()
    assert await place() == 0
    first.stop()
    assert await place() is None
    await runs.stop_all()


async def test_no_more_run_at_once_than_the_engine_takes() -> None:
    class Narrow(ScriptedSource):
        @property
        def engine(self) -> EngineInfo:
            return msgspec.structs.replace(super().engine, max_num_seqs=1)

    runs = Runs(max_running=8)
    first, second = (runs.start(Narrow(sleep=never), request(name)) for name in "12")
    await asyncio.sleep(0)
    assert (first.num_ahead, second.num_ahead) == (None, 0)
    await runs.stop_all()


async def test_a_run_is_saved_while_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed, flush = asyncio.Event(), Saving.flush

    def telling(saving: Saving) -> None:
        flush(saving)
        flushed.set()

    monkeypatch.setattr(Saving, "flush", telling)
    folder = RunsFolder(tmp_path)
    run = Runs(folder=folder).start(stuck(), request())
    with run.follow():
        await asyncio.wait_for(flushed.wait(), 5)
        saved = Trace.load(folder.find(folder.list()[0].name))
        assert saved.events == run.trace.events
        assert saved.warnings == [CUT_SHORT]
        run.stop()
        await run.wait()
    assert run.autosave
    assert run.autosave.problem is None
    assert Trace.load(folder.find(str(run.autosave.name))).events == run.trace.events


async def test_a_run_that_cannot_be_saved_goes_on_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    run = Runs(folder=RunsFolder(tmp_path / "file")).start(fast(), request())
    sent = await messages(run)
    notices = [data for name, data, _ in sent if name == "notice"]
    assert [notice.split(" in ")[0] for notice in notices] == ["This run is not saved"]
    assert sent[-1] == ("end", {"problem": None, "saved": None}, None)
    assert run.trace.finished
