"""What a trace file costs: bytes a step, events a second written and read, and its figures over a whole benchmark run.

`python -m benchmarks.trace_io [--json]`. The run is synthetic and as large as the reference's text benchmark: 90,393
drafts in 80 requests of K = 3, with the five likeliest tokens on both sides of every position.
"""

import argparse
import json
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from eagle3_viz import codec
from eagle3_viz.events import (
    Counters,
    EngineInfo,
    Event,
    Judged,
    Milliseconds,
    Pieces,
    Proposed,
    RequestFinished,
    RequestStarted,
    Step,
    TopEntry,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.ledger import Ledger
from eagle3_viz.trace import Trace

NUM_DRAFTS = 90_393
NUM_REQUESTS = 80
K = 3
TOP = 5
VOCABULARY = 49_152
SMALL_DRAFTS = 2_000  # enough for bytes a step
# Each in a process of its own, which says how long it took and how much memory it had at its fullest.
PEAK = """
import json, sys, time
def peak_mb():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) / 1024
"""
FIGURES = (
    PEAK
    + """
from pathlib import Path
start = time.perf_counter()
from eagle3_viz.analysis.statistics import statistics_of_file
figures = statistics_of_file(Path(sys.argv[1]))
seconds = time.perf_counter() - start
print(json.dumps([seconds, peak_mb(), figures.rates.num_drafts, figures.warnings]))
"""
)
FLOOR = (
    PEAK
    + """
start = time.perf_counter()
with open(sys.argv[1], "rb") as stream:
    for line in stream:
        json.loads(line)
seconds = time.perf_counter() - start
print(json.dumps([seconds, peak_mb()]))
"""
)


def recording(num_drafts: int, top: int) -> Iterator[Event]:
    """A recording that no engine made, which keeps every promise of one."""
    chance, ledger = random.Random(9), Ledger()
    for event in _events(chance, num_drafts, top, lambda: ledger.counters):
        ledger.take(event)
        yield event


def _events(chance: random.Random, num_drafts: int, top: int, counted: Callable[[], Counters]) -> Iterator[Event]:
    engine = EngineInfo(verifier="synthetic", draft="synthetic", method="eagle3", num_speculative_tokens=K)
    yield TraceStarted(schema=codec.SCHEMA, trace_id="synthetic", created="2026-11-25T00:00:00Z", engine=engine)
    yield Pieces(pieces={token_id: f" w{token_id}" for token_id in range(VOCABULARY)})
    for number in range(NUM_REQUESTS):
        share = num_drafts * (number + 1) // NUM_REQUESTS - num_drafts * number // NUM_REQUESTS
        yield from _request(chance, f"r{number}", share, top)
    yield TraceFinished(t_ms=1e7, num_requests=NUM_REQUESTS, engine_totals=counted())


def _request(chance: random.Random, name: str, num_drafts: int, top: int) -> Iterator[Event]:
    yield RequestStarted(request_id=name, t_ms=0.0, text=" w1 w2", token_ids=[1, 2])
    output: list[int] = []
    for index in range(num_drafts):
        step = _step(chance, name, index, len(output), top)
        output += step.emitted
        yield step
    text = "".join(f" w{token_id}" for token_id in output)
    yield RequestFinished(request_id=name, t_ms=1e7, finish_reason="length", text=text, output_token_ids=output)


def _step(chance: random.Random, name: str, index: int, start: int, top: int) -> Step:
    ids = [chance.randrange(VOCABULARY) for _ in range(K + 1)]
    accepted = chance.choices(range(K + 1), (29, 23, 14, 34))[0]
    proposed = [Proposed(id=token_id, logprob=_logprob(chance), top=_top(chance, top)) for token_id in ids[:K]]
    judged = [
        Judged(
            proposed_logprob=_logprob(chance),
            emitted_logprob=_logprob(chance),
            accept_probability=1.0,
            entropy=-_logprob(chance),
            top=_top(chance, top),
        )
        for _ in range(accepted + 1)
    ]
    return Step(
        request_id=name,
        t_ms=40.123 * index,
        index=index,
        engine_step=index,
        batch_size=1,
        output_start=start,
        proposed=proposed,
        num_accepted=accepted,
        emitted=[*ids[:accepted], ids[K]],
        rule="greedy",
        verifier=judged,
        ms=Milliseconds(draft=1.234, verify=33.111, step=40.123),
    )


def _top(chance: random.Random, top: int) -> list[TopEntry]:
    return [(chance.randrange(VOCABULARY), _logprob(chance)) for _ in range(top)]


def _logprob(chance: random.Random) -> float:
    """With the digits that a float32 has."""
    value: float = struct.unpack("f", struct.pack("f", -10 * chance.random()))[0]
    return value


def bytes_per_step(top: int) -> float:
    """Bytes of a step's line; the top candidates on both sides are `top`."""
    lines = [codec.encode(event) for event in recording(SMALL_DRAFTS, top) if isinstance(event, Step)]
    return sum(map(len, lines)) / len(lines)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that it took, and what it gave."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def apart(code: str, path: Path) -> list[Any]:
    """What a process of its own prints."""
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    figures: list[Any] = json.loads(result.stdout)
    return figures


def write(num_drafts: int, *paths: Path) -> list[float]:
    """Write a recording to each path; events a second."""
    trace = Trace()
    for event in recording(num_drafts, TOP):
        trace.append(event)
    return [len(trace.events) / timed(partial(trace.save, path))[0] for path in paths]


def measure(folder: Path, num_drafts: int) -> dict[str, float]:
    """Every figure, by name."""
    plain, packed = folder / "run.jsonl", folder / "run.jsonl.gz"
    written = write(num_drafts, plain, packed)
    load_s, trace = timed(lambda: Trace.load(plain))
    floor_s, floor_mb = apart(FLOOR, plain)
    stats_s, stats_mb, counted, warnings = apart(FIGURES, plain)
    stats_gz_s, stats_gz_mb, *_ = apart(FIGURES, packed)
    if (counted, warnings) != (num_drafts, []):
        raise RuntimeError(f"{counted} drafts were counted, with the warnings {warnings}")
    return {
        "num_drafts": num_drafts,
        "bytes_per_step_top0": bytes_per_step(0),
        "bytes_per_step_top5": bytes_per_step(5),
        "file_mb": plain.stat().st_size / 2**20,
        "file_gz_mb": packed.stat().st_size / 2**20,
        "written_events_per_s": written[0],
        "written_gz_events_per_s": written[1],
        "loaded_events_per_s": len(trace.events) / load_s,
        "json_loads_seconds": floor_s,
        "json_loads_peak_mb": floor_mb,
        "stats_seconds": stats_s,
        "stats_peak_mb": stats_mb,
        "stats_gz_seconds": stats_gz_s,
        "stats_gz_peak_mb": stats_gz_mb,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a trace file costs.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--drafts", metavar="N", type=int, default=NUM_DRAFTS, help="size of the synthetic run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.drafts)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:26}{value:>14,.2f}")


if __name__ == "__main__":
    main()
