"""What sixteen users at once cost: their streams through the page's server, against vLLM alone, on one engine.

`python -m benchmarks.users [--json]`. Straight is vLLM as it is: the probe is off, and the prompts go to the engine in
this process. Users is what the page does: each run is recorded, saved and sent as an event stream, which a process of
their own reads to its end. Blocks come in the order straight, users, users, straight, so that a drift of the machine
hits both alike; the ratio is the geometric mean over the blocks, its interval holds 90 % of 4,000 means over blocks
drawn again. CPU seconds are of one round: `server` of the page's process, vLLM's front end included (`straight_cpu_s`
is that process without the page), `users` of those who read. The engine's own processes are not in them.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python benchmarks/…` as well as `python -m`

from benchmarks.probe_overhead import geometric_mean, interval, off, requests
from eagle3_viz import bundled
from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.sources.base import Request
from eagle3_viz.sources.opening import open_engine
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.routes import PREFIX
from eagle3_viz.ui.runs import Runs, new_run_id
from scripts.demo import Demo, serving

TOKENS = {"smollm2-135m": 48, "tiny-llama4": 160}  # of each answer: some seconds a round
TOP_K = 5  # what the page asks for
PATIENCE_S = 600  # for one round


@dataclass(frozen=True)
class Round:
    """One way, once: tokens per second, and CPU seconds."""

    tok_s: float
    server_cpu_s: float
    users_cpu_s: float = 0.0
    bytes_per_token: float = 0.0


@asynccontextmanager
async def serving_engine(model: str, at_once: int) -> AsyncIterator[Demo]:
    """The page on a real engine, which saves its runs in a folder that goes with it."""
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # stdout is for what was measured
    with TemporaryDirectory() as folder:
        runs = Runs(max_running=at_once, folder=RunsFolder(Path(folder)))
        async with serving(Model(model, partial(open_engine, model=model)), runs=runs) as demo:
            await ready(demo.host)
            yield demo


async def ready(host: Host) -> None:
    """Wait until the engine is open.

    Raises:
        InputError: it could not be opened.
    """
    with host.news.listen() as news:
        while host.state.phase == "loading":
            await news.wait()
            news.clear()
    _ = host.source


@asynccontextmanager
async def readers() -> AsyncIterator[Process]:
    """The process of those who read."""
    command = (sys.executable, "-m", "benchmarks.readers")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=2**24)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def straight(demo: Demo, num_users: int, tokens: int) -> Round:
    """The prompts go to vLLM."""
    began = time.process_time()
    meter = await off(demo.host.source, requests(num_users, tokens, TOP_K))
    return Round(meter.rate, time.process_time() - began)


async def streamed(demo: Demo, process: Process, num_users: int, tokens: int) -> Round:
    """The same prompts are runs of users who follow them."""
    assert process.stdin
    assert process.stdout
    source: Any = demo.host.source
    await source.attach()
    began = time.process_time()
    asked = requests(num_users, tokens, TOP_K)
    started = [demo.runs.start(source, renamed(request)).run_id for request in asked]
    addresses = [f"{demo.address}{PREFIX.removeprefix('/')}/runs/{run_id}/events" for run_id in started]
    process.stdin.write(json.dumps(addresses).encode() + b"\n")
    told = json.loads(await process.stdout.readline())
    if told["problems"] or told["tokens"] != num_users * tokens:
        raise RuntimeError(f"the users got {told['tokens']} tokens of {num_users * tokens}: {told['problems']}")
    return Round(told["tok_s"], time.process_time() - began, told["cpu_s"], told["bytes"] / told["tokens"])


def renamed(request: Request) -> Request:
    """The same request under an id that no other run has."""
    return msgspec.structs.replace(request, request_id=new_run_id())


async def row(model: str, num_users: int, tokens: int, blocks: int) -> dict[str, Any]:
    """Measure one pair."""
    alone: list[Round] = []
    watched: list[Round] = []
    async with serving_engine(model, num_users) as demo, readers() as process:
        ways = {"straight": partial(straight, demo), "users": partial(streamed, demo, process)}
        for way in ("straight", "users", *("straight", "users", "users", "straight") * blocks):
            async with asyncio.timeout(PATIENCE_S):
                (alone if way == "straight" else watched).append(await ways[way](num_users, tokens))
    del alone[0], watched[0]  # to warm up
    ratios = [
        sum(one.tok_s for one in watched[i : i + 2]) / sum(one.tok_s for one in alone[i : i + 2])
        for i in range(0, 2 * blocks, 2)
    ]
    low, high = interval(ratios)

    def mean(rounds: Sequence[Round], name: str) -> float:
        return round(statistics.fmean(getattr(one, name) for one in rounds), 3)

    return {
        "model": model,
        "users": num_users,
        "tokens_each": tokens,
        "straight_tok_s": mean(alone, "tok_s"),
        "users_tok_s": mean(watched, "tok_s"),
        "ratio": round(geometric_mean(ratios), 4),
        "ratio_low": round(low, 4),
        "ratio_high": round(high, 4),
        "straight_cpu_s": mean(alone, "server_cpu_s"),
        "server_cpu_s": mean(watched, "server_cpu_s"),
        "users_cpu_s": mean(watched, "users_cpu_s"),
        "bytes_per_token": mean(watched, "bytes_per_token"),
    }


async def measure(models: Sequence[str], num_users: int, tokens: int | None, blocks: int) -> list[dict[str, Any]]:
    """All rows."""
    return [await row(model, num_users, tokens or TOKENS[model], blocks) for model in models]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--models", nargs="+", choices=bundled.NAMES, default=bundled.GOOD)
    parser.add_argument("--users", type=int, choices=range(1, 17), metavar="N", default=16)
    parser.add_argument("--tokens", type=int, help="of each answer")
    parser.add_argument("--blocks", type=int, default=5, help="each is four rounds")
    args = parser.parse_args()
    rows = asyncio.run(measure(args.models, args.users, args.tokens, args.blocks))
    if args.json:
        print(json.dumps({"rows": rows}, indent=1))
    else:
        for one in rows:
            print(*(f"{name} {value}" for name, value in one.items()), sep="  ")


if __name__ == "__main__":
    main()
