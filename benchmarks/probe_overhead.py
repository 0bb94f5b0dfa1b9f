"""What watching costs: one engine, the probe off and on in turns, tokens per second of each.

`python -m benchmarks.probe_overhead [--json]`. Off is vLLM as it is: the probe is detached and the requests go straight
to the engine. On is a whole recording: the probe in the worker, its messages, and the events made of them. Blocks come
in the order off, on, on, off, so that a drift of the machine hits both alike; the ratio is the geometric mean over the
blocks, its interval holds 90 % of 4,000 means over blocks drawn again. `probe_ms_p50` is the probe's own time a step.
"""

import argparse
import asyncio
import json
import math
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python benchmarks/…` as well as `python -m`

from benchmarks.engines import prompts, running
from eagle3_viz import bundled
from eagle3_viz.events import Sampling, Step
from eagle3_viz.sources.base import Request

TOKENS = {"smollm2-135m": {1: 120, 16: 40}, "tiny-llama4": {1: 600, 16: 100}}  # of each request: some two seconds
DRAWS = 4000


class Meter:
    """Counts tokens between the first and the last time that some came."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.ended = 0.0
        self.tokens = 0

    def add(self, tokens: int) -> None:
        """Tokens have come; the first ones start the clock and are not counted."""
        self.ended = time.perf_counter()
        if self.started is None:
            self.started = self.ended
        else:
            self.tokens += tokens

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return self.tokens / (self.ended - (self.started or 0.0))


def requests(concurrency: int, tokens: int, top_k: int) -> list[Request]:
    """Greedy requests of fixed length."""
    sampling = Sampling(max_tokens=tokens, ignore_eos=True)
    return [
        Request(request_id=f"r{number}", prompt=prompt, sampling=sampling, top_logprobs=top_k)
        for number, prompt in enumerate(prompts()[:concurrency])
    ]


async def off(source: Any, asked: Sequence[Request]) -> Meter:
    """Run without the probe."""
    from eagle3_viz.sources.vllm_sampling import sampling_params

    meter = Meter()
    await source.detach()

    async def run(number: int, request: Request) -> None:
        params = sampling_params(request.sampling, source.llm)
        ids = {"prompt_token_ids": source.vocabulary.tokenizer.encode(request.prompt)}
        outputs: AsyncIterator[Any] = source.llm.generate(ids, params, f"off-{time.monotonic_ns()}-{number}")
        async for output in outputs:
            meter.add(len(output.outputs[0].token_ids))

    await asyncio.gather(*(run(number, request) for number, request in enumerate(asked)))
    return meter


async def on(source: Any, asked: Sequence[Request], probe_ms: list[float]) -> Meter:
    """Run as a recording; `probe_ms` takes the probe's own time of each engine step."""
    meter = Meter()
    by_step: dict[int, float] = {}  # the requests of a step share its times
    await source.attach()
    async for event in source.record(asked):
        if isinstance(event, Step):
            meter.add(len(event.emitted) - event.num_cut)
            by_step[event.engine_step] = event.ms.probe or 0.0
    probe_ms.extend(by_step.values())
    return meter


async def row(source: Any, model: str, concurrency: int, top_k: int, blocks: int) -> dict[str, Any]:
    """Measure one setting."""
    asked = requests(concurrency, TOKENS[model][concurrency], top_k)
    probe_ms: list[float] = []
    rates: list[tuple[float, float]] = []
    await off(source, asked)
    await on(source, asked, [])
    for _ in range(blocks):
        meters = [await off(source, asked), await on(source, asked, probe_ms)]
        meters += [await on(source, asked, probe_ms), await off(source, asked)]
        first, second, third, fourth = (meter.rate for meter in meters)
        rates.append(((first + fourth) / 2, (second + third) / 2))
    low, high = interval([attached / detached for detached, attached in rates])
    detached, attached = (statistics.fmean(one) for one in zip(*rates, strict=True))
    return {
        "model": model,
        "concurrency": concurrency,
        "top_k": top_k,
        "detached_tok_s": round(detached, 2),
        "attached_tok_s": round(attached, 2),
        "ratio": round(geometric_mean([on / off for off, on in rates]), 4),
        "ratio_low": round(low, 4),
        "ratio_high": round(high, 4),
        "probe_ms_p50": round(statistics.median(probe_ms), 3),
    }


def geometric_mean(values: Sequence[float]) -> float:
    """The mean that treats twice and half alike."""
    return math.exp(statistics.fmean(map(math.log, values)))


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """The middle 90 % of means over blocks drawn with repetition."""
    chance = random.Random(1)
    means = sorted(geometric_mean(chance.choices(ratios, k=len(ratios))) for _ in range(DRAWS))
    return means[DRAWS // 20], means[-DRAWS // 20]


async def measure(models: Sequence[str], concurrencies: Sequence[int], tops: Sequence[int], blocks: int) -> list[Any]:
    """All rows."""
    rows = []
    for model in models:
        async with running(model) as source:
            for concurrency, top_k in product(concurrencies, tops):
                rows.append(await row(source, model, concurrency, top_k, blocks))
                await source.attach()
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--models", nargs="+", choices=bundled.NAMES, default=bundled.GOOD)
    parser.add_argument("--concurrency", nargs="+", type=int, choices=(1, 16), default=(1, 16))
    parser.add_argument("--top-k", nargs="+", type=int, default=(0, 5, 20))
    parser.add_argument("--blocks", type=int, default=10, help="each is four runs")
    args = parser.parse_args()
    rows = asyncio.run(measure(args.models, args.concurrency, args.top_k, args.blocks))
    if args.json:
        print(json.dumps({"rows": rows}, indent=1))
    else:
        for one in rows:
            print(*(f"{name} {value}" for name, value in one.items()), sep="  ")


if __name__ == "__main__":
    main()
