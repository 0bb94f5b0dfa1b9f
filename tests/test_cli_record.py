"""`record`, as a user types it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eagle3_viz.__main__ import main
from eagle3_viz.events import RequestFinished
from eagle3_viz.trace import Trace

NO_SPECULATOR = {"architectures": ["LlamaForCausalLM"], "hidden_size": 8, "vocab_size": 8}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prompt", " "], "the prompt is empty"),
        (["--prompt", "a" * 2_000_000], "2,000,000 characters"),
        (["--prompt", "Hi", "--num-speculative-tokens", "0"], "num_speculative_tokens (K) is 0"),
        (["--prompt", "Hi", "--num-speculative-tokens", "99"], "shows 1 to 16"),
        (["--prompt", "Hi", "--temperature", "-1"], "temperature is -1"),
        (["--prompt", "Hi", "--max-tokens", "0"], "max tokens is 0"),
        (["--prompt", "Hi", "--top-logprobs", "21"], "top logprobs is 21"),
        (["--prompt", "Hi", "--image", "no.png"], "no.png cannot be read: No such file"),
        (["--prompts", "no.jsonl"], "no.jsonl cannot be read: No such file"),
        (["--prompts", "empty.jsonl"], "holds no prompts"),
        (["--prompts", "broken.jsonl"], "broken.jsonl, line 2: no JSON"),
        (["--prompts", "nothing.jsonl"], "nothing.jsonl, line 1: there is no `prompt`"),
        (["--prompt", "Hi", "--speculator", "./nowhere"], "speculator ./nowhere does not exist"),
        (["--prompt", "Hi", "--speculator", "./model"], "is no EAGLE-3 speculator"),
        (["--prompt", "Hi", "--model", "gpt"], "invalid choice"),
        ([], "one of the arguments --prompt --prompts is required"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.jsonl").touch()
    Path("broken.jsonl").write_text('{"prompt": "fine"}\n{"prompt\n')
    Path("nothing.jsonl").write_text('{"question": "?"}\n')
    Path("model").mkdir()
    Path("model/config.json").write_text(json.dumps(NO_SPECULATOR))
    try:
        code = main(["record", *arguments, "-o", "out.jsonl"])
    except SystemExit as exit_:
        code = int(str(exit_.code))
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not Path("out.jsonl").exists()


@pytest.mark.engine
def test_a_recording_of_a_file_of_prompts(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "Say hello. 🙂"}\n{"turns": ["Count to five.", "And back."]}\n', encoding="utf-8")
    out = tmp_path / "out.jsonl.gz"
    command = [sys.executable, "-m", "eagle3_viz", "record", "--prompts", str(prompts), "-o", str(out)]
    subprocess.run([*command, "--max-tokens", "12", "--num-speculative-tokens", "2"], check=True, timeout=400)

    trace = Trace.load(out)
    assert trace.warnings == []
    assert trace.engine.num_speculative_tokens == 2
    assert [record.started.messages for record in trace.requests.values()] == [
        [{"role": "user", "content": "Say hello. 🙂"}],
        [{"role": "user", "content": "Count to five."}],
    ]
    assert all(isinstance(record.ended, RequestFinished) for record in trace.requests.values())
    assert trace.finished
    assert trace.finished.engine_totals == trace.counters
