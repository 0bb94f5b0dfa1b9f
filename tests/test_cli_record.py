"""`record`, as a user types it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eagle3_viz import bundled
from eagle3_viz.__main__ import build_parser, main
from eagle3_viz.bundled import ASSETS
from eagle3_viz.cli.prompts import requests_of
from eagle3_viz.events import RequestFinished
from eagle3_viz.trace import Trace
from tests.broken_heads import FAR, broken
from tests.picturing import BAD_FILES, animated_gif, encoded, png, two_halves

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
        (["--prompt", "Hi", "--image", "."], ". cannot be read: Is a directory"),
        *[(["--prompt", "Hi", "--image", name], problem) for name, (_, problem) in BAD_FILES.items()],
        (
            ["--prompt", "Hi", "--image", "fine.png"],
            "smollm2-135m reads text only: leave the image out, or add --model",
        ),
        (["--prompt", "Hi", *["--image", "fine.png"] * 5], "at most 4 can be taken"),
        (["--prompts", "broken.jsonl", "--image", "fine.png"], "--image goes with --prompt"),
        (["--prompts", "pictures.jsonl"], "pictures.jsonl, line 2: `image` is neither"),
        (["--prompts", "no.jsonl"], "no.jsonl cannot be read: No such file"),
        (["--prompts", "empty.jsonl"], "holds no prompts"),
        (["--prompts", "broken.jsonl"], "broken.jsonl, line 2: no JSON"),
        (["--prompt", "a", "--engine-args", "[1]"], "no JSON object"),
        (["--prompt", "a", "--engine-args", '{"model": "m"}'], "model cannot be given here"),
        (["--prompt", "a", "--engine-args", '{"speculative_config": 1}'], "speculative_config is no JSON object"),
        (["--prompt", "a", "--engine-args", '{"dtype": "float99"}'], "vLLM does not take these engine arguments"),
        (["--prompt", "a", "--engine-args", '{"nonsense": 1}'], "vLLM does not take these engine arguments"),
        (["--prompts", "nothing.jsonl"], "nothing.jsonl, line 1: there is no `prompt`"),
        (["--from", "no.jsonl"], "no.jsonl cannot be opened"),
        (["--from", str(ASSETS / "traces" / "image.jsonl.gz")], "holds no request that can be sent again"),
        (["--prompt", "Hi", "--speculator", "./nowhere"], "speculator ./nowhere does not exist"),
        (["--prompt", "Hi", "--speculator", "./model"], "is no EAGLE-3 speculator"),
        (["--prompt", "Hi", "--model", "gpt"], "invalid choice"),
        ([], "one of the arguments --prompt --prompts --from is required"),
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
    Path("pictures.jsonl").write_text('{"prompt": "a", "image": "fine.png"}\n{"prompt": "b", "image": 7}\n')
    Path("fine.png").write_bytes(png())
    for name, (data, _) in BAD_FILES.items():
        Path(name).write_bytes(data)
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


def test_a_trace_is_sent_again_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    path = ASSETS / "traces" / "text-good-head.jsonl.gz"
    arguments = build_parser("record").parse_args(["record", "--from", str(path), "--speculator", "s", "-o", "x"])
    sent = {name: seen.started for name, seen in Trace.load(path).requests.items()}
    requests = requests_of(arguments)
    assert [request.request_id for request in requests] == list(sent)
    for request in requests:
        started = sent[request.request_id]
        assert (request.messages, request.sampling) == (started.messages, started.sampling)
        assert request.prompt is None
    assert capsys.readouterr().err == ""


@pytest.mark.engine
def test_another_head_on_the_same_requests(tmp_path: Path, pair: bundled.Pair) -> None:
    other = broken(pair.speculator, "auxiliary ids far from the trained ones", tmp_path / "head")
    source, out = ASSETS / "traces" / "text-good-head.jsonl.gz", tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "eagle3_viz", "record", "--from", str(source), "--speculator", str(other)]
    subprocess.run([*command, "--verifier", str(pair.verifier), "-o", str(out)], check=True, timeout=400)
    before, after = Trace.load(source), Trace.load(out)
    assert after.engine.aux_hidden_state_layer_ids == list(FAR)
    assert list(after.requests) == list(before.requests)
    assert [seen.output_token_ids[:8] for seen in after.requests.values()] == [
        seen.output_token_ids[:8] for seen in before.requests.values()
    ]


def test_images_of_the_command_line_and_of_a_file_go_before_the_text(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png())
    (tmp_path / "two.png").write_bytes(png(9, 9))
    lines = [
        '{"prompt": "a", "image": "one.png"}',
        '{"prompt": "b", "image": ["one.png", "two.png"]}',
        '{"prompt": "c"}',
    ]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))
    both = ["--image", str(tmp_path / "one.png"), "--image", str(tmp_path / "two.png")]
    typed = build_parser("record").parse_args(["record", "--prompt", "b", *both, "-o", "x"])
    filed = build_parser("record").parse_args(["record", "--prompts", str(tmp_path / "prompts.jsonl"), "-o", "x"])

    requests = requests_of(filed)
    assert [len(request.images) for request in requests] == [1, 2, 0]
    assert requests[1].images == requests_of(typed)[0].images == (png(), png(9, 9))
    assert requests[1].messages == [
        {"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "b"}]}
    ]
    assert requests[2].messages == [{"role": "user", "content": "c"}]


@pytest.mark.engine
def test_a_file_of_texts_and_images_is_counted_as_vllm_counts(tmp_path: Path) -> None:
    (tmp_path / "halves.png").write_bytes(png())
    (tmp_path / "dot.png").write_bytes(png(1, 1))
    (tmp_path / "cmyk.jpg").write_bytes(encoded(two_halves().convert("CMYK"), "JPEG"))
    (tmp_path / "moving.gif").write_bytes(animated_gif())
    images = ["halves.png", "dot.png", "cmyk.jpg", "moving.gif", None]
    lines: list[Any] = [{"prompt": "What do you see?", "image": image} for image in images]
    lines += [{"prompt": "Say hello. 🙂"}, {"turns": ["Count to five.", "And back."]}]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    out = tmp_path / "out.jsonl.gz"
    command = [
        sys.executable,
        "-m",
        "eagle3_viz",
        "record",
        "--prompts",
        str(tmp_path / "prompts.jsonl"),
        "-o",
        str(out),
    ]
    options = ["--model", "tiny-llama4", "--num-speculative-tokens", "2", "--temperature", "0.8", "--max-tokens", "24"]
    done = subprocess.run([*command, *options], timeout=400, capture_output=True, text=True)
    assert done.returncode == 1
    assert "r3 failed: the image is an animation of 3 frames" in done.stderr

    trace = Trace.load(out)
    assert trace.warnings == []
    assert trace.finished
    assert trace.finished.engine_totals == trace.counters
    assert (trace.engine.images_per_prompt, trace.engine.num_speculative_tokens) == (1, 2)
    *_, text_only, hello, turns = trace.requests.values()
    assert hello.started.messages == [{"role": "user", "content": "Say hello. 🙂"}]
    assert turns.started.messages == [{"role": "user", "content": "Count to five."}]
    for request_id, seen in trace.requests.items():
        if request_id != "r3":
            assert isinstance(seen.ended, RequestFinished)
            assert seen.ended.counters_verified is True
    for request_id in ("r0", "r1", "r2"):
        seen = trace.requests[request_id]
        (image,) = seen.started.images
        assert image.num_tokens
        assert len(seen.started.token_ids) == len(text_only.started.token_ids) + image.num_tokens
