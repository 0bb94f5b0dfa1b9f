#!/usr/bin/env bash
# What has to hold on a machine with a GPU: counts that are vLLM's and a probe that costs little, on both model runners.
# Needs requirements-gpu.txt and requirements-dev.txt installed. Usage: benchmarks/gpu_check.sh [pair ...]
set -u
status=0
failed() { # the end of a log
    status=1
    tail -n 40 "$1"
}
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
pairs=("${@:-tiny-llama4}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" - <<'PYTHON' || exit 1
import torch, vllm
if not torch.cuda.is_available():
    raise SystemExit("gpu_check: this machine has no GPU that torch can use")
print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, vLLM {vllm.__version__}")
PYTHON

for runner in 0 1; do # V1, V2
    export VLLM_USE_V2_MODEL_RUNNER=$runner
    name=v$((runner + 1))
    "$python" -m pytest tests/test_vllm_modes.py tests/test_vllm_adapters.py --junitxml "$folder/$name.xml" \
        >"$folder/$name.log" 2>&1 || failed "$folder/$name.log"
    "$python" -m benchmarks.soak --requests 200 --json >"$folder/$name.soak.json" 2>"$folder/$name.soak.log" \
        || failed "$folder/$name.soak.log"
    "$python" -m benchmarks.probe_overhead --models "${pairs[@]}" --json >"$folder/$name.json" 2>"$folder/$name.cost.log" \
        || failed "$folder/$name.cost.log"
done

"$python" - "$folder" <<'PYTHON' || status=1
import json, sys
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

folder = Path(sys.argv[1])
table = Table("runner", "what", "found")
for runner in ("v1", "v2"):
    report = folder / f"{runner}.xml"
    suite = ElementTree.parse(report).find("testsuite") if report.exists() else None
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")} if suite is not None else {}
    table.add_row(runner, "exactness", ", ".join(f"{value} {name}" for name, value in counts.items()) or "did not run")
    for what in ("soak.json", "json"):
        text = (folder / f"{runner}.{what}").read_text().strip()
        try:
            found = json.loads(text)
        except ValueError:
            table.add_row(runner, what, "did not run")
            continue
        for row in found.get("rows", [found]):
            label = "soak" if what == "soak.json" else f"{row['model']}, {row['concurrency']} at once, top {row['top_k']}"
            shown = ", ".join(f"{k} {v}" for k, v in row.items() if k not in ("model", "concurrency", "top_k"))
            table.add_row(runner, label, shown)
Console(width=160).print(table)
PYTHON
exit "$status"
