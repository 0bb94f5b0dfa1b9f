"""Conversations on disk, and how they are cut and batched."""

import json
from pathlib import Path
from typing import Any

import pytest

from training.heads import conversations
from training.smollm2 import data, features

RECORDS = [{"prompt": [1, 5], "output": [6, 7, 2]}, {"prompt": [1, 8, 9], "output": [2]}]


def test_conversations_come_back_as_written(tmp_path: Path) -> None:
    data.write(tmp_path / "a.jsonl.gz", RECORDS)
    found = list(conversations.read([tmp_path / "a.jsonl.gz"]))
    assert [(list(c.prompt), list(c.output)) for c in found] == [([1, 5], [6, 7, 2]), ([1, 8, 9], [2])]
    assert data.answer_tokens(tmp_path / "a.jsonl.gz") == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl.gz"]


def test_the_same_conversations_are_the_same_bytes(tmp_path: Path) -> None:
    data.write(tmp_path / "a.jsonl.gz", RECORDS)
    data.write(tmp_path / "b.jsonl.gz", json.loads(json.dumps(RECORDS)))
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_folder_means_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        data.write(tmp_path / f"{name}.jsonl.gz", RECORDS)
    assert [path.name for path in conversations.files([tmp_path])] == ["a.jsonl.gz", "b.jsonl.gz"]


def test_shards_that_exist_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[int] = []
    monkeypatch.setattr(data, "opened", lambda: "engine")

    def invent(inventor: str, number: int) -> list[dict[str, Any]]:
        made.append(number)
        return RECORDS

    monkeypatch.setattr(data, "invent", invent)
    monkeypatch.setattr("sys.argv", ["data", "--answer-tokens", "9", "--out", str(tmp_path)])
    data.main()
    assert made == [0, 1, 2]
    (tmp_path / "invented-001.jsonl.gz").unlink()
    data.main()
    assert made == [0, 1, 2, 1]
    assert "12 of 9 answer tokens" in capsys.readouterr().out


def test_batches_hold_every_index_once_within_the_limit() -> None:
    lengths = [300, 20, 40, 900, 3000, 20, 500]
    groups = list(features.batches(lengths))
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[i] for i in group) <= features.BATCH_TOKENS


def test_more_files_leave_the_shards_of_the_first_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SHARD", 1)
    paths = [tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"]
    for path in paths:
        data.write(path, RECORDS)
    assert list(features.parts_of(paths)) == ["a-000", "a-001", "b-000", "b-001"]
    assert list(features.parts_of(paths[:1])) == ["a-000", "a-001"]
