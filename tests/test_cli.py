"""The command line: what it prints and how it exits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eagle3_viz.__main__ import main
from tests import golden

ROOT = Path(__file__).parents[1]
# What replaying a trace must do without.
ABSENT = ("vllm", "torch", "transformers", "gradio", "plotly", "numpy", "PIL")
BLOCK = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r})); "


def run_without_heavy_modules(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"{BLOCK}from eagle3_viz.__main__ import main; sys.exit(main({list(arguments)!r}))"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", golden.NAMES)
def test_stats_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", str(golden.trace_path(name)), "--json"]) == 0
    assert capsys.readouterr().out == golden.stats_path(name).read_text(encoding="utf-8")


def test_stats_has_the_promised_names(capsys: pytest.CaptureFixture[str]) -> None:
    main(["stats", "--json", str(golden.trace_path("by_hand"))])
    printed = json.loads(capsys.readouterr().out)
    assert printed["rate_per_draft"] == [3 / 5, 2 / 5, 2 / 5]
    assert printed["rate_given_prefix"] == [3 / 5, 2 / 3, 2 / 2]
    assert printed["mean_acceptance_length"] == 1 + 7 / 5
    counters = ("num_drafts", "num_draft_tokens", "num_accepted_tokens", "num_accepted_tokens_per_pos")
    assert {name: printed[name] for name in counters} == printed["engine_totals"]


def test_stats_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", str(golden.trace_path("troubled"))]) == 0
    out = capsys.readouterr().out
    assert "mean acceptance length 1.00 = 1 + 0 accepted / 1 draft" in out
    assert "warning: request r1 failed: the prompt is longer than⏎the model's maximum" in out


def test_show_says_everything_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(golden.trace_path("by_hand"))]) == 0
    out = capsys.readouterr().out
    assert "○Hi✓ there✓,✓ you+⟨f0 9f 99⟩✓🙂✗ you–,→⏎\n" in out
    assert "→<b>x</b>" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("verb", ["show", "stats"])
def test_what_cannot_be_opened(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("hello\n", encoding="utf-8")
    for name, message in (
        ("missing.jsonl", "cannot be opened: No such file or directory"),
        ("", "cannot be opened: Is a directory"),
        ("notes.txt", "cannot be read as a trace: line 1: JSON is malformed"),
    ):
        assert main([verb, str(tmp_path / name)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"eagle3_viz {verb}: {tmp_path}")
        assert message in printed.err
        assert printed.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["dance"], ["show"], ["show", "a", "b"], ["stats", "--yaml", "a"]])
def test_bad_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--help" in err


@pytest.mark.parametrize("arguments", [["--help"], ["show", "--help"], ["stats", "--help"]])
def test_help_documents_the_exit_codes(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "exit codes: 0 fine, 2 bad input (one line on stderr), 1 anything else" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["show", "stats"])
def test_works_without_what_an_engine_needs(verb: str) -> None:
    result = run_without_heavy_modules(verb, str(golden.trace_path("scripted")))
    assert result.stderr == ""
    assert result.returncode == 0
    assert "22 verifier passes wrote 47 tokens" in result.stdout


def test_comparing_works_without_what_an_engine_needs() -> None:
    path = str(golden.trace_path("scripted"))
    result = run_without_heavy_modules("compare", path, path)
    assert (result.stderr, result.returncode) == ("", 0)
    assert "2 answers to the same prompts" in result.stdout


def test_without_an_engine_a_command_that_needs_one_says_how_to_install_it() -> None:
    result = run_without_heavy_modules("doctor", "--model", "tiny-llama4", "--run")
    assert result.returncode == 2
    assert "is not installed: `make setup` installs the engine" in result.stderr


def test_anything_else_exits_with_1() -> None:
    code = (
        "import sys; from eagle3_viz import __main__; from eagle3_viz.cli import show;"
        "show.run = lambda args: 1 / 0; sys.exit(__main__.main(['show', 'x']))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr


def test_a_reader_that_leaves_early_is_no_news() -> None:
    command = [sys.executable, "-m", "eagle3_viz", "show", str(golden.trace_path("scripted"))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_terminal_that_cannot_show_a_character_gets_its_escape() -> None:
    command = [sys.executable, "-m", "eagle3_viz", "show", str(golden.trace_path("by_hand"))]
    environment = {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment, check=False)
    assert result.returncode == 0
    assert rb"\U0001f642" in result.stdout
