"""`bench` on the real engine, held against a script that uses nothing but vLLM's public API."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eagle3_viz.analysis import results
from tests.benching import lines

FIELDS = ("total_num_output_tokens", "num_drafts", "num_draft_tokens", "num_accepted_tokens", "acceptance_at_token")
PROMPTS = [
    {"prompt": "What do you see?", "image": "three-stars.png"},
    {"prompt": "Where is the red circle?", "image": "circle-and-square.png"},
    {"prompt": "Describe it.", "image": "triangle-over-circle.png"},
    {"turns": ["What can you see without a picture?", "And now?"]},
    {"prompt": "How many stars are there?"},
]


# What the reference is not asked.
UNMEASURABLE = [{"prompt": "long " * 3000}, {"prompt": "What is it?", "image": "gone.png"}, "{no"]


@pytest.mark.engine
def test_the_block_is_that_of_vllms_own_tooling(tmp_path: Path) -> None:
    for path in Path("assets/images").glob("*.png"):
        shutil.copy(path, tmp_path)
    dataset = lines(tmp_path / "prompts.jsonl", [*PROMPTS, *UNMEASURABLE])
    arguments = ["--model", "tiny-llama4", "--dataset", str(dataset), "--max-tokens", "48"]
    reference = [sys.executable, "-m", "benchmarks.vllm_reference", *arguments, "--num-prompts", str(len(PROMPTS))]
    printed = subprocess.run(reference, check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout
    theirs = json.loads(printed.splitlines()[-1])

    out = tmp_path / "bench.json"
    ours = [sys.executable, "-m", "eagle3_viz", "bench", *arguments, "--baseline", "--json", str(out)]
    subprocess.run(ours, check=True, timeout=300)
    found = results.load(out)
    assert {name: getattr(found.summary, name) for name in FIELDS} == {name: theirs[name] for name in FIELDS}
    assert found.summary.mean_acceptance_length == theirs["mean_acceptance_length"]
    assert found.report.verified.equal == len(PROMPTS)
    image, line, long = found.unmeasured
    assert (image.place, image.problem) == ("prompts.jsonl, line 7", "its image gone.png is not there")
    assert line.place == "prompts.jsonl, line 8"
    assert "the model takes 2,048, answer included" in long.problem
    assert [(group.name, group.num_prompts) for group in found.report.by_input] == [("image", 3), ("text", 2)]
    assert found.lossless
    assert found.lossless.num_compared == len(PROMPTS)
    assert all(one.tie for one in found.lossless.differences)
    assert found.baseline
    assert found.speed_up.measured
