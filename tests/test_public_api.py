"""The public names. A change here is a change for everyone who uses the package."""

import tomllib
from pathlib import Path

import eagle3_viz
from eagle3_viz import Request, Sampling, Script, ScriptedSource, load, record


def test_names() -> None:
    assert eagle3_viz.__all__ == [
        "InputError",
        "ReplaySource",
        "Request",
        "Sampling",
        "Script",
        "ScriptedSource",
        "Source",
        "Trace",
        "TraceError",
        "TraceFileError",
        "__version__",
        "events",
        "load",
        "record",
    ]
    assert all(hasattr(eagle3_viz, name) for name in eagle3_viz.__all__)


def test_version_is_the_projects() -> None:
    project = Path(__file__).parents[1] / "pyproject.toml"
    assert tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"] == eagle3_viz.__version__


async def test_the_few_lines_that_a_user_writes(tmp_path: Path) -> None:
    source = ScriptedSource(Script(num_tokens=20))
    trace = await record(source, [Request(request_id="a", prompt="Hello.", sampling=Sampling(max_tokens=10))])
    trace.save(tmp_path / "run.jsonl.gz")
    assert load(tmp_path / "run.jsonl.gz").requests["a"].output_token_ids == trace.requests["a"].output_token_ids
    assert trace.counters.num_drafts == len(trace.requests["a"].steps) - 1
