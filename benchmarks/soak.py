"""Hundreds of mixed requests through one engine, sixteen at a time: is every count vLLM's, is nothing lost?

`python -m benchmarks.soak [--requests 500] [--model tiny-llama4] [--seed 1] [--json]`. Every fifth recording is stopped
in its middle. Memory is that of the engine's processes. vLLM's own grows for a while with whatever runs, so as many
requests of the same kinds run unwatched first (`rss_growth_unwatched_mb`), and oneDNN, which keeps compiled code for
each number of tokens that it has met in a step, up to 1,024 times by default, keeps less.
"""

import argparse
import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python benchmarks/…` as well as `python -m`

from benchmarks.engines import engine_rss_mb, prompts, running
from eagle3_viz import bundled
from eagle3_viz.events import RequestFinished, Sampling, Step
from eagle3_viz.sources.base import Request, record
from eagle3_viz.trace import Trace

AT_ONCE = 16
ABORT_EVERY = 5
BLOCKS = 64  # of the KV cache: all in use early, since a larger one grows into its memory for as long as this runs
BLOCK_TOKENS = 128  # a CPU's own; a GPU takes it too
CODE_KEPT = "64"  # by oneDNN: how many sizes of a matrix product
SCHEMA = {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 1, "maxItems": 5}
CHOICES: list[list[dict[str, Any]]] = [
    [{"temperature": 0.0}, {"temperature": 0.8}, {"temperature": 1.5}],
    [{}, {}, {"top_p": 0.8}, {"top_k": 10}, {"seed": 3}],
    [{}, {}, {"repetition_penalty": 1.2}, {"presence_penalty": 0.5, "frequency_penalty": 0.2}, {"bad_words": ["the"]}],
    [{}, {}, {"stop": ["e"]}, {"stop_token_ids": [11, 13, 260]}, {"ignore_eos": True}, {"json_schema": SCHEMA}],
]


def request(chance: random.Random, number: int) -> Request:
    """One of any kind."""
    sampling: dict[str, Any] = {"max_tokens": chance.randint(1, 80)}
    for choices in CHOICES:
        sampling.update(chance.choice(choices))
    words = " ".join(chance.sample(prompts(), chance.randint(1, 4)))
    return Request(
        request_id=f"r{number}",
        messages=[{"role": "user", "content": words}],
        sampling=Sampling(**sampling),
        top_logprobs=chance.choice((0, 5, 20)),
    )


def mismatches(trace: Trace) -> int:
    """How many counts are not vLLM's: of the recording, and of its requests."""
    ends = [seen.ended for seen in trace.requests.values()]
    wrong = sum(not isinstance(end, RequestFinished) or end.counters_verified is False for end in ends)
    return wrong + (trace.finished is None or trace.finished.engine_totals != trace.counters)


async def unwatched(source: Any, chance: random.Random, num_requests: int) -> None:
    """Run requests that nobody records."""
    from eagle3_viz.sources.vllm_sampling import sampling_params

    async def run(one: Request, name: str) -> None:
        ids = source.vocabulary.tokenizer.encode(one.messages[0]["content"] if one.messages else "")
        params = sampling_params(one.sampling, source.llm)
        async for _ in source.llm.generate({"prompt_token_ids": ids}, params, name):
            pass

    await source.detach()
    for start in range(0, num_requests, AT_ONCE):
        await asyncio.gather(*(run(request(chance, 0), f"unwatched-{start + place}") for place in range(AT_ONCE)))
    await source.attach()


async def soak(model: str, num_requests: int, seed: int) -> dict[str, Any]:
    """Run them all."""
    chance = random.Random(seed)
    wrong = lost = done = steps = 0
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", CODE_KEPT)
    async with running(model, num_gpu_blocks_override=BLOCKS, block_size=BLOCK_TOKENS) as source:
        start_mb = engine_rss_mb()
        await unwatched(source, chance, num_requests)
        before_mb = engine_rss_mb()
        for number in range(-(-num_requests // AT_ONCE)):
            asked = [request(chance, place) for place in range(min(AT_ONCE, num_requests - done))]
            stop, trace = asyncio.Event(), Trace()
            if number % ABORT_EVERY == ABORT_EVERY - 1:
                at = chance.randint(1, 20)
                trace.subscribe(lambda event: stop.set() if isinstance(event, Step) and event.index == at else None)  # noqa: B023
            await record(source, asked, trace, stop)
            wrong += mismatches(trace)
            lost += sum(seen.num_dropped for seen in trace.requests.values())
            steps += sum(len(seen.steps) for seen in trace.requests.values())
            done += len(asked)
        growth = engine_rss_mb() - before_mb
    return {
        "requests": done,
        "steps": steps,
        "mismatches": wrong,
        "lost_steps": lost,
        "rss_growth_mb": round(growth, 1),
        "rss_growth_unwatched_mb": round(before_mb - start_mb, 1),
    }


def main() -> None:
    """Soak and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--model", choices=bundled.NAMES, default="tiny-llama4")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = asyncio.run(soak(args.model, args.requests, args.seed))
    print(json.dumps(found) if args.json else "\n".join(f"{name}: {value}" for name, value in found.items()))
    sys.exit(bool(found["mismatches"] or found["lost_steps"]))


if __name__ == "__main__":
    main()
