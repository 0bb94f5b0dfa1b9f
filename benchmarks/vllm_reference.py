"""Acceptance of a bundled pair by nothing but vLLM's public API: `LLM.chat` and the counters of `get_metrics`.

What `python -m eagle3_viz bench` is held against: it shares no code with it but the pair's engine arguments.

python -m benchmarks.vllm_reference --dataset prompts.jsonl --model tiny-llama4
"""

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eagle3_viz import bundled

WARM_UP_TOKENS = 16
COUNTERS = ("num_drafts", "num_draft_tokens", "num_accepted_tokens")


def conversations(path: Path, limit: int | None) -> Iterator[list[dict[str, Any]]]:
    """The first turn of each line, its image before it."""
    from PIL import Image

    for line in path.read_text(encoding="utf-8").splitlines()[:limit]:
        record = json.loads(line)
        text = record["turns"][0] if "turns" in record else record["prompt"]
        if "image" not in record:
            yield [{"role": "user", "content": text}]
            continue
        image = Image.open(path.parent / record["image"]).convert("RGB")
        parts = [{"type": "image_pil", "image_pil": image}, {"type": "text", "text": text}]
        yield [{"role": "user", "content": parts}]


def counters(llm: Any) -> dict[str, Any]:
    """vLLM's counters of speculative decoding since it started."""
    found = {metric.name.removeprefix("vllm:spec_decode_"): metric for metric in llm.get_metrics()}
    totals: dict[str, Any] = {name: found[name].value for name in COUNTERS}
    return {**totals, "per_position": list(found["num_accepted_tokens_per_pos"].values)}


def generate(llm: Any, asked: Sequence[Any], params: Any, *, one_at_a_time: bool) -> list[Any]:
    """The answers; all at once, vLLM runs as many together as the engine takes."""
    if not one_at_a_time:
        return list(llm.chat(list(asked), params, use_tqdm=False))
    return [llm.chat([conversation], params, use_tqdm=False)[0] for conversation in asked]


def measure(llm: Any, asked: Sequence[Any], max_tokens: int, *, one_at_a_time: bool) -> dict[str, Any]:
    """The block, and how fast it was."""
    from vllm import SamplingParams

    warm_up = SamplingParams(temperature=0, max_tokens=min(WARM_UP_TOKENS, max_tokens))
    llm.chat([asked[0]], warm_up, use_tqdm=False)
    before, began = counters(llm), time.perf_counter()
    answers = generate(llm, asked, SamplingParams(temperature=0, max_tokens=max_tokens), one_at_a_time=one_at_a_time)
    elapsed, after = time.perf_counter() - began, counters(llm)
    tokens = sum(len(answer.outputs[0].token_ids) for answer in answers)
    drafts = after["num_drafts"] - before["num_drafts"]
    accepted = after["num_accepted_tokens"] - before["num_accepted_tokens"]
    per_position = zip(after["per_position"], before["per_position"], strict=True)
    return {
        "total_num_output_tokens": tokens,
        **{name: after[name] - before[name] for name in COUNTERS},
        "mean_acceptance_length": 1 + accepted / drafts,
        "acceptance_at_token": [(late - early) / drafts for late, early in per_position],
        "tokens_per_second": tokens / elapsed,
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0])
    parser.add_argument("--num-prompts", type=int)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--concurrency", type=int, default=1, help="1, or the most that the engine runs together")
    args = parser.parse_args()
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    bundled.prepare_cpu(args.model)
    from vllm import LLM

    arguments = bundled.get(args.model).engine_args()
    if args.concurrency > 1:
        arguments["max_num_seqs"] = args.concurrency
    llm = LLM(**arguments)
    try:
        asked = list(conversations(args.dataset, args.num_prompts))
        print(json.dumps(measure(llm, asked, args.max_tokens, one_at_a_time=args.concurrency == 1)))
    finally:
        llm.llm_engine.engine_core.shutdown()


if __name__ == "__main__":
    main()
