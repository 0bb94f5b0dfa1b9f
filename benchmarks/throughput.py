"""Whether `bench` is as fast as vLLM by itself: tokens per second of both on the same prompts, in turns, in one run.

Prints too whether both count the same, as they have to with `--concurrency 1`: more at a time come together in other
batches, in which rounding decides otherwise.

python -m benchmarks.throughput --dataset prompts.jsonl
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from eagle3_viz import bundled

FIELDS = ("total_num_output_tokens", "num_drafts", "num_draft_tokens", "num_accepted_tokens", "acceptance_at_token")
Found = tuple[float, dict[str, Any]]  # tokens per second, and the block


def reference(arguments: list[str]) -> Found:
    """What the reference script finds."""
    command = [sys.executable, "-m", "benchmarks.vllm_reference", *arguments]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(printed.splitlines()[-1])
    return found["tokens_per_second"], {name: found[name] for name in FIELDS}


def ours(arguments: list[str]) -> Found:
    """What `bench` finds, which keeps every answer's trace."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bench.json"
        command = [sys.executable, "-m", "eagle3_viz", "bench", *arguments, "--json", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = json.loads(out.read_text())
    return found["report"]["times"]["tokens_per_second"], {name: found["summary"][name] for name in FIELDS}


def main() -> None:
    """Measure reference, bench, bench, reference, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0])
    parser.add_argument("--num-prompts", default="80")
    parser.add_argument("--max-tokens", default="256")
    most = map(str, range(1, 17))  # as many as the pairs' engines take
    parser.add_argument("--concurrency", choices=tuple(most), metavar="N", default="16")
    args = parser.parse_args()
    arguments = [text for name, value in vars(args).items() for text in (f"--{name.replace('_', '-')}", value)]
    found: dict[str, list[Found]] = {"reference": [], "bench": []}
    for name in ("reference", "bench", "bench", "reference"):
        found[name].append((reference if name == "reference" else ours)(arguments))
    paces = {name: [pace for pace, _ in runs] for name, runs in found.items()}
    blocks = [block for runs in found.values() for _, block in runs]
    ratio = fmean(paces["bench"]) / fmean(paces["reference"])
    print(json.dumps({**paces, "ratio": ratio, "counts_equal": all(block == blocks[0] for block in blocks)}))


if __name__ == "__main__":
    main()
