"""What tests of benchmarks share: a fake engine behind the command line, datasets, and a report without its times."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eagle3_viz.analysis.results import Benchmark
from eagle3_viz.cli import bench
from eagle3_viz.sources.scripted import Script, ScriptedSource

PROMPTS = [
    {"question_id": 81, "category": "writing", "turns": ["Write of Hawaii.", "Again, in rhyme."]},
    {"question_id": 82, "category": "writing", "turns": ["Draft an e-mail.", "Judge it."]},
    {"question_id": 101, "category": "reasoning", "turns": ["Who came second?", "And last?"]},
    {"question_id": 111, "category": "math", "turns": ["What is the area?", "And around it?"]},
    {"question_id": 112, "category": "math", "turns": ["How many starts?", "How many ends?"]},
]


def lines(path: Path, records: Sequence[Any]) -> Path:
    """A file of JSON lines; texts among the records go in as they are."""
    text = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


def scripted_engines(monkeypatch: pytest.MonkeyPatch, script: Script | None = None) -> None:
    """`bench` on the scripted source; without speculation it writes the same."""
    script = script or Script(num_tokens=40)

    async def opened(_: Any, *, num_speculative_tokens: int | None = None, **__: Any) -> ScriptedSource:
        return ScriptedSource(at_k(script, num_speculative_tokens or script.num_speculative_tokens))

    async def plain(_: Any, **__: Any) -> ScriptedSource:
        return ScriptedSource(at_k(script, 0))

    monkeypatch.setattr(bench, "open_engine", opened)
    monkeypatch.setattr(bench, "open_plain", plain)


def at_k(script: Script, k: int) -> Script:
    """The script at another K."""
    return Script(**{**vars(script), "num_speculative_tokens": k})


def timeless(benchmark: Benchmark) -> dict[str, Any]:
    """All of it but times, and what follows from them."""
    data: dict[str, Any] = msgspec.to_builtins(benchmark)
    for name in ("created", "speed_up", "baseline", "estimates", "fastest", "interrupted", "num_before"):
        del data[name]
    del data["report"]["times"]
    for answer in data["answers"]:
        del answer["elapsed_ms"], answer["trace"]
        answer["steps"] = [step[:4] for step in answer["steps"]]
    for swept in data["sweep"]:
        for name in ("draft_ms", "verify_ms", "tokens_per_second"):
            del swept[name]
    return data
