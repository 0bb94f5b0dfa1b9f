"""Whether `bench` is as fast as vLLM by itself: tokens per second of both on the same prompts, in turns, in one run.

python -m benchmarks.throughput --dataset prompts.jsonl
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean

from eagle3_viz import bundled


def reference(arguments: list[str]) -> float:
    """Tokens per second of the reference script."""
    command = [sys.executable, "-m", "benchmarks.vllm_reference", *arguments]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(json.loads(printed.splitlines()[-1])["tokens_per_second"])


def ours(arguments: list[str]) -> float:
    """Tokens per second of `bench`, which keeps every answer's trace."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bench.json"
        command = [sys.executable, "-m", "eagle3_viz", "bench", *arguments, "--json", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return float(json.loads(out.read_text())["report"]["times"]["tokens_per_second"])


def main() -> None:
    """Measure reference, bench, bench, reference, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0])
    parser.add_argument("--num-prompts", default="80")
    parser.add_argument("--max-tokens", default="256")
    parser.add_argument("--concurrency", default="16")
    args = parser.parse_args()
    arguments = [text for name, value in vars(args).items() for text in (f"--{name.replace('_', '-')}", value)]
    paces: dict[str, list[float]] = {"reference": [], "bench": []}
    for name in ("reference", "bench", "bench", "reference"):
        paces[name].append((reference if name == "reference" else ours)(arguments))
    means = {name: fmean(values) for name, values in paces.items()}
    print(json.dumps({**paces, "ratio": means["bench"] / means["reference"]}))


if __name__ == "__main__":
    main()
