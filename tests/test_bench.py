"""`bench`, as a user types it, on a fake engine; and its parts."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eagle3_viz.__main__ import main
from eagle3_viz.analysis import results
from eagle3_viz.analysis.measured import of_trace
from eagle3_viz.bench import datasets
from eagle3_viz.cli import bench
from eagle3_viz.errors import InputError
from eagle3_viz.events import Event, RequestFailed, Step
from eagle3_viz.sources.base import Request
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.trace import Trace
from tests.benching import PROMPTS, at_k, lines, scripted_engines, timeless
from tests.picturing import png

REPORT = ["total_num_output_tokens", "num_drafts", "num_draft_tokens", "num_accepted_tokens"]


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    lines(Path("questions.jsonl"), PROMPTS)
    scripted_engines(monkeypatch)


def run(*arguments: str) -> int:
    return main(["bench", *(arguments or ("--dataset", "questions.jsonl"))])


def test_the_block_and_its_json_hold_what_the_steps_count_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dataset", "questions.jsonl", "--json", "out.json", "--max-tokens", "30") == 0
    printed = capsys.readouterr().out
    summary = json.loads(Path("out.json").read_text())["summary"]
    for name in REPORT:
        assert f"{name}: {summary[name]}\n" in printed
    assert f"mean acceptance length: {summary['mean_acceptance_length']:.2f}\n" in printed
    assert f"acceptance at token 2: {summary['acceptance_at_token'][2]:.2f}\n" in printed

    traces = [Trace.load(path) for path in Path("out.traces").glob("*.jsonl.gz")]
    assert len(traces) == len(PROMPTS)
    assert all(trace.finished and trace.finished.engine_totals == trace.counters for trace in traces)
    assert summary["total_num_output_tokens"] == 30 * len(PROMPTS)
    for name in REPORT[1:]:
        assert summary[name] == sum(getattr(trace.counters, name) for trace in traces)


def test_published_runs_stand_beside_it_with_what_their_counts_give(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    printed = capsys.readouterr().out
    (text,) = [line for line in printed.splitlines() if "Maverick, MT-Bench text" in line]
    assert "2.53 (not from its counts)" in text
    assert "2.51" in text
    (images,) = [line for line in printed.splitlines() if "Maverick, image prompts" in line]
    assert "not from its counts" not in images


def test_parts_add_up_to_the_whole() -> None:
    run("--dataset", "questions.jsonl", "--json", "out.json")
    report = results.load(Path("out.json")).report
    assert [group.name for group in report.by_category] == ["writing", "reasoning", "math"]
    for groups in (report.by_category, report.by_output_position, report.by_context_length, report.by_input):
        assert sum(group.counters.num_accepted_tokens for group in groups) == report.summary.num_accepted_tokens
        assert sum(group.counters.num_drafts for group in groups) == report.summary.num_drafts
    assert sum(report.histogram) == report.summary.num_drafts
    accepted = sum(length * drafts for length, drafts in enumerate(report.histogram))
    assert accepted == report.summary.num_accepted_tokens


@pytest.mark.parametrize("concurrency", ["1", "3"])
def test_how_many_at_a_time_changes_nothing_but_the_time(concurrency: str) -> None:
    run("--dataset", "questions.jsonl", "--json", "one.json")
    run("--dataset", "questions.jsonl", "--json", "many.json", "--concurrency", concurrency)
    one, many = (timeless(results.load(Path(name))) for name in ("one.json", "many.json"))
    assert one.pop("settings")["concurrency"] == 1
    assert many.pop("settings")["concurrency"] == int(concurrency)
    assert one == many


def test_all_turns_are_asked_behind_the_models_own_answers() -> None:
    run("--dataset", "questions.jsonl", "--json", "out.json", "--turns", "all")
    answers = results.load(Path("out.json")).answers
    assert [(answer.prompt_id, answer.turn) for answer in answers[:3]] == [("81", 1), ("81", 2), ("82", 1)]
    trace = Trace.load(Path("out.traces") / str(answers[1].trace))
    (record,) = trace.requests.values()
    assert record.started.messages == [
        {"role": "user", "content": "Write of Hawaii."},
        {"role": "assistant", "content": answers[0].text},
        {"role": "user", "content": "Again, in rhyme."},
    ]


BAD_LINES = [
    {"prompt": "Fine?"},
    "",
    {"prompt": "  "},
    '{"prompt": "no end',
    "[1]",
    {"question": "of another kind"},
    {"prompt": "a" * 1_000_001},
    {"prompt": "What is it?", "image": "gone.png"},
    {"prompt": "And this?", "image": "text.png"},
    {"prompt": "And this?", "image": 7},
    {"prompt": "Two?", "image": ["fine.png", "fine.png"]},
    {"turns": []},
    {"prompt": 5},
    {"prompt": "half \ud83d of a character"},
    '{"prompt": ' + "[" * 100_000,
]


def test_bad_lines_are_named_and_counted_and_the_rest_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    Path("fine.png").write_bytes(png())
    Path("text.png").write_text("no picture")
    lines(Path("mixed.jsonl"), BAD_LINES)
    assert run("--dataset", "mixed.jsonl", "--json", "out.json") == 0
    found = results.load(Path("out.json"))
    assert [answer.prompt for answer in found.answers] == ["Fine?", "Two?"]
    told = {one.place: one.problem for one in found.unmeasured}
    assert len(told) == len(BAD_LINES) - 2
    for number, problem in {
        2: "the line is empty",
        3: "the prompt is empty",
        4: "no JSON",
        5: "no JSON object",
        6: "there is no `prompt`",
        7: "1,000,001 characters",
        8: "its image gone.png is not there",
        10: "neither a file name nor a list",
        12: "the prompt is empty",
        13: "no text",
        14: "surrogates not allowed",
        15: "recursion",
    }.items():
        assert problem in told[f"mixed.jsonl, line {number}"]
    assert any("cannot be read as an image" in problem for problem in told.values())
    assert f"not measured: {len(told)}" in capsys.readouterr().out


def test_datasets_of_every_kind(tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        (tmp_path / name).write_bytes(png())
    shared = [{"id": "x", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}]
    (tmp_path / "share.json").write_text(json.dumps([*shared, *shared]))
    spoken = {"messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Hi"}]}
    lines(tmp_path / "mixed.jsonl", [spoken, {"prompt": "See?", "image": "a.png"}])

    share = datasets.read(str(tmp_path / "share.json"))
    assert [(prompt.prompt_id, prompt.turns) for prompt in share.prompts] == [("x", ("Hi",)), ("x-2", ("Hi",))]
    mixed = datasets.read(str(tmp_path / "mixed.jsonl"), tmp_path, "What?")
    assert [(prompt.turns, len(prompt.images)) for prompt in mixed.prompts] == [
        (("Hi",), 0),
        (("See?",), 1),
        (("What?",), 1),
        (("What?",), 1),
    ]
    assert [prompt.prompt_id for prompt in mixed.prompts] == ["0", "1", "a", "b"]
    assert len(datasets.read(str(tmp_path / "mixed.jsonl"), tmp_path, limit=3).prompts) == 3


def test_only_line_breaks_part_lines_and_not_all_that_is_wrong_is_kept() -> None:
    text = '{"prompt": "one\u2028two"}\r\n{"prompt": "three"}' + "\n" * 5000
    found = datasets.read_sent(text.encode(), "sent.jsonl")
    assert [prompt.turns for prompt in found.prompts] == [("one\u2028two",), ("three",)]
    assert len(found.problems) == datasets.MAX_PROBLEMS + 1
    assert found.problems[-1].problem == "what comes after sent.jsonl, line 1002 was not read"


def test_a_dataset_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets as library
    from PIL import Image

    rows = [{"prompt": "Hi"}, {"prompt": "See?", "image": Image.new("RGB", (4, 4))}]
    monkeypatch.setattr(library, "load_dataset", lambda name: {"train": rows})
    found = datasets.read("org/name").prompts
    assert [len(prompt.images) for prompt in found] == [0, 1]

    def refuse(name: str) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(library, "load_dataset", refuse)
    with pytest.raises(InputError, match="could not be had from the Hugging Face hub: no network"):
        datasets.read("org/name")
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(InputError, match="pip install datasets"):
        datasets.read("org/name")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--concurrency", "2"], "name a --dataset, or --images"),
        (["--dataset", "no.jsonl"], "no.jsonl cannot be read: No such file"),
        (["--dataset", "empty.jsonl"], "empty.jsonl holds no prompt that can be measured"),
        (["--dataset", "bad.jsonl"], "holds no prompt that can be measured: bad.jsonl, line 1: no JSON"),
        (["--images", "nowhere"], "nowhere does not exist"),
        (["--images", "."], ". holds no image"),
        (["--dataset", "questions.jsonl", "--concurrency", "0"], "--concurrency is 0: give 1 or more"),
        (["--dataset", "questions.jsonl", "--num-prompts", "0"], "--num-prompts is 0"),
        (["--dataset", "questions.jsonl", "--sweep", "1,99"], "num_speculative_tokens (K) is 99"),
        (["--dataset", "questions.jsonl", "--sweep", "1,b"], "argument --sweep: invalid"),
        (["--dataset", "questions.jsonl", "--max-tokens", "0"], "max tokens is 0"),
        (["--dataset", "questions.jsonl", "--save-traces", "questions.jsonl"], "questions.jsonl cannot be used"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    Path("empty.jsonl").touch()
    Path("bad.jsonl").write_text("{no\n")
    try:
        code = main(["bench", *arguments])
    except SystemExit as exit_:
        code = int(str(exit_.code))
    assert code == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_fail_below_says_by_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dataset", "questions.jsonl", "--fail-below", "1.2") == 0
    assert run("--dataset", "questions.jsonl", "--json", "out.json", "--fail-below", "3.5") == 3
    length = json.loads(Path("out.json").read_text())["summary"]["mean_acceptance_length"]
    assert capsys.readouterr().err == (
        f"eagle3_viz bench: mean acceptance length {length:.4f}, {3.5 - length:.4f} below 3.5\n"
    )


class Interrupting(ScriptedSource):
    """Presses Ctrl-C in the middle of its third answer (the warm-up is the first)."""

    started = 0

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        self.started += 1
        number = 0
        async for event in super().record(requests, stop):
            number += 1
            if self.started == 4 and number == 9:
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0)
            yield event


def test_interrupted_and_resumed_gives_the_report_of_an_uninterrupted_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--dataset", "questions.jsonl", "--sweep", "1,3", "--baseline", "--turns", "all"]
    assert run(*command, "--json", "whole.json") == 0

    async def interrupting(*_: Any, **__: Any) -> ScriptedSource:
        return Interrupting(Script(num_tokens=40))

    monkeypatch.setattr(bench, "open_engine", interrupting)
    assert run(*command, "--json", "parts.json") == 1
    assert "interrupted; the same command goes on in parts.traces" in capsys.readouterr().err
    partial = results.load(Path("parts.json"))
    assert partial.interrupted
    assert [answer.prompt_id for answer in partial.answers] == ["81", "81"]

    scripted_engines(monkeypatch)
    assert run(*command, "--json", "parts.json") == 0
    whole, parts = (timeless(results.load(Path(name))) for name in ("whole.json", "parts.json"))
    assert whole == parts


def test_interrupted_while_an_engine_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def interrupted(*_: Any, **__: Any) -> ScriptedSource:
        signal.raise_signal(signal.SIGINT)
        for _turn in range(5):  # turns of the event loop until it hears of a signal
            await asyncio.sleep(0)
        raise RuntimeError("the engine's process was interrupted too")

    command = ["--dataset", "questions.jsonl", "--sweep", "3", "--baseline", "--json", "out.json"]
    monkeypatch.setattr(bench, "open_plain", interrupted)
    assert run(*command) == 1
    assert results.load(Path("out.json")).baseline is None
    assert "the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr(bench, "open_engine", interrupted)
    assert run(*command) == 1
    assert capsys.readouterr().err == "eagle3_viz bench: interrupted before the first answer\n"


def test_a_killed_run_goes_on_and_another_one_is_not_mixed_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--dataset", "questions.jsonl", "--save-traces", "kept"]
    assert run(*command, "--json", "whole.json") == 0
    index = Path("kept/answers.ndjson")
    index.write_bytes(index.read_bytes()[:-40])  # the last line was on its way
    assert run(*command, "--json", "again.json") == 0
    whole, again = (timeless(results.load(Path(name))) for name in ("whole.json", "again.json"))
    assert whole == again
    assert f"{len(PROMPTS) - 1} answers of an earlier start of this command kept" in capsys.readouterr().out

    assert run(*command, "--max-tokens", "9") == 2
    assert "made with another max_tokens: delete it, or name another" in capsys.readouterr().err
    scripted_engines(monkeypatch, Script(num_tokens=40, num_speculative_tokens=5))
    assert run(*command) == 2
    assert "made with another num_speculative_tokens" in capsys.readouterr().err


def test_answers_of_a_head_that_was_trained_anew_are_not_mixed_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "head" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"before")
    command = ["--dataset", "questions.jsonl", "--speculator", "head", "--json", "head/out.json"]
    assert run(*command) == run(*command) == 0
    weights.write_bytes(b"afterwards")
    assert run(*command) == 2
    assert "made with another weights" in capsys.readouterr().err
    assert bench.weights_of(["some/hub-id"]) == ""


def test_what_is_interrupted_beside_the_main_thing_is_not_held_against_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def interrupting(*_: Any, **__: Any) -> ScriptedSource:
        return Interrupting(Script(num_tokens=40, num_speculative_tokens=0))

    monkeypatch.setattr(bench, "open_plain", interrupting)
    assert run("--dataset", "questions.jsonl", "--baseline", "--json", "out.json") == 1
    found = results.load(Path("out.json"))
    assert (found.baseline, found.speed_up.measured, found.lossless) == (None, None, None)
    assert "5 of 5 prompts, and not all that they were to be compared with" in capsys.readouterr().out


def test_a_k_that_cannot_start_is_told_and_the_rest_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refusing(*_: Any, num_speculative_tokens: int | None = None, **__: Any) -> ScriptedSource:
        if num_speculative_tokens == 5:
            raise RuntimeError("no memory for that")
        return ScriptedSource(at_k(Script(num_tokens=40), num_speculative_tokens or 3))

    monkeypatch.setattr(bench, "open_engine", refusing)
    assert run("--dataset", "questions.jsonl", "--sweep", "1,5", "--json", "out.json") == 1
    found = results.load(Path("out.json"))
    assert [one.num_speculative_tokens for one in found.sweep] == [1]
    assert [(one.place, one.problem) for one in found.unmeasured] == [
        ("K = 5", "the engine could not be started: RuntimeError: no memory for that")
    ]


def test_engine_arguments_reach_every_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    async def opened(*_: Any, engine_args: Any, **__: Any) -> ScriptedSource:
        given.append(engine_args)
        return ScriptedSource(Script(num_tokens=40))

    for name in ("open_engine", "open_plain"):
        monkeypatch.setattr(bench, name, opened)
    arguments = {"max_model_len": 128}
    command = ["--dataset", "questions.jsonl", "--baseline", "--json", "out.json"]
    assert run(*command, "--engine-args", json.dumps(arguments)) == 0
    assert given == [arguments, arguments]
    assert run(*command) == 2  # nothing is gone on with under other arguments


class Dying(ScriptedSource):
    """Stops by itself in its second answer."""

    started = 0

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.died = asyncio.Event()

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        self.started += 1
        async for event in super().record(requests, stop):
            if self.started == 3 and isinstance(event, Step):
                self.died.set()
                yield RequestFailed(request_id=event.request_id, t_ms=event.t_ms, error="it stopped")
                break
            yield event

    async def ended(self) -> str:
        await self.died.wait()
        return "the engine stopped"


def test_an_engine_that_stops_by_itself_is_no_prompt_that_cannot_be_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def dying(*_: Any, **__: Any) -> ScriptedSource:
        return Dying(Script(num_tokens=40))

    monkeypatch.setattr(bench, "open_engine", dying)
    command = ["--dataset", "questions.jsonl", "--sweep", "1", "--baseline", "--json", "out.json"]
    assert run(*command) == 1
    assert "interrupted; the same command goes on in out.traces" in capsys.readouterr().err
    found = results.load(Path("out.json"))
    assert (found.interrupted, len(found.answers), found.sweep, found.baseline) == (True, 1, [], None)
    assert [(one.place, one.problem) for one in found.unmeasured] == [("82", "it stopped")]
    scripted_engines(monkeypatch)
    assert run(*command) == 0
    assert len(results.load(Path("out.json")).answers) == len(PROMPTS)


def test_baseline_at_temperature_0_says_whether_the_answers_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dataset", "questions.jsonl", "--baseline", "--json", "out.json") == 0
    found = results.load(Path("out.json"))
    assert found.lossless
    assert (found.lossless.num_equal, found.lossless.differences) == (len(PROMPTS), [])
    assert found.speed_up.measured
    assert found.speed_up.theoretical
    assert "5 of 5 answers equal those without speculation" in capsys.readouterr().out


def test_a_sweep_measures_each_k_and_names_the_fastest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dataset", "questions.jsonl", "--sweep", "1,3,5", "--json", "out.json") == 0
    found = results.load(Path("out.json"))
    assert [one.num_speculative_tokens for one in found.sweep] == [1, 3, 5]
    assert found.sweep[1].mean_acceptance_length == found.summary.mean_acceptance_length
    paces = {one.num_speculative_tokens: one.tokens_per_second or 0 for one in found.sweep}
    assert found.fastest == max(paces, key=lambda k: paces[k])
    assert [one.estimated for one in found.estimates] == [True, True, False]
    assert found.estimates[-1].mean_acceptance_length == found.summary.mean_acceptance_length
    assert "fastest" in capsys.readouterr().out


async def test_a_recording_measures_as_its_own_counters() -> None:
    trace = Trace.load(Path(__file__).parent / "golden" / "scripted.jsonl")
    (greedy, sampled) = of_trace(trace)
    assert greedy.tally.num_accepted_tokens + sampled.tally.num_accepted_tokens == trace.counters.num_accepted_tokens
    assert len(greedy.margins) == len(greedy.output_token_ids)
    assert msgspec.json.decode(msgspec.json.encode(greedy), type=type(greedy)) == greedy
