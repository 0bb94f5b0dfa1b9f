"""How often a verifier accepts a head's proposals: the figures of the model cards.

    python -m training.evaluate --prompts mt_bench.jsonl [--model NAME | --speculator FOLDER] [-k 1 2 3] [-t 0 0.8]
    python -m training.evaluate --model tiny-llama4 [-k 1 2 3] [-t 0 0.8]

Runs the first turn of each prompt in plain vLLM (no probe, no page) and takes vLLM's own counters. One engine for each
K; the warm-up is not counted. Prompts are lines with `prompt` or `turns`. Prints a Markdown table; with `--out` the
counts also go to a JSON-lines file, one line a row. Without prompts `tiny-llama4` is
asked about held-out pictures, and what it answers is judged as well (`training.tiny_llama4.evaluate`).
"""

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from eagle3_viz import bundled, cpu
from eagle3_viz.analysis.acceptance import rates
from eagle3_viz.cli.prompts import read_prompts
from eagle3_viz.events import Counters

PICTURES = 200  # held-out pictures, where there is no file of prompts


@dataclass(frozen=True)
class Job:
    """What one engine measures: a head with one K, at each of `temperatures`."""

    pair: bundled.Pair
    num_speculative_tokens: int
    temperatures: tuple[float, ...]
    chats: tuple[list[dict[str, Any]], ...]
    max_tokens: int
    seed: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of one run over all prompts."""

    speculator: str
    num_speculative_tokens: int
    temperature: float
    num_prompts: int
    max_tokens: int
    num_output_tokens: int
    counters: Counters


def opened(pair: bundled.Pair, num_speculative_tokens: int, seed: int) -> Any:
    """Start vLLM for `pair` in this process."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    cpu.prepare(pair.cpu_cores)
    from vllm import LLM

    arguments = pair.engine_args()
    arguments["speculative_config"]["num_speculative_tokens"] = num_speculative_tokens
    return LLM(**arguments, seed=seed)


def measure(job: Job) -> list[Row]:
    """Run `job` in this process: give each job a process of its own."""
    llm = opened(job.pair, job.num_speculative_tokens, job.seed)
    from vllm import SamplingParams

    from eagle3_viz.sources import vllm_counters

    chats = list(job.chats)
    llm.chat(chats[:1], SamplingParams(temperature=0.0, max_tokens=8), use_tqdm=False)
    rows = []
    for temperature in job.temperatures:
        engine = vllm_counters.EngineCounters(job.num_speculative_tokens)
        before = engine.totals()
        outputs = llm.chat(chats, SamplingParams(temperature=temperature, max_tokens=job.max_tokens))
        counters = vllm_counters.difference(engine.totals(), before)
        written = sum(len(output.outputs[0].token_ids) for output in outputs)
        rows.append(
            Row(
                speculator=job.pair.speculator.name,
                num_speculative_tokens=job.num_speculative_tokens,
                temperature=temperature,
                num_prompts=len(chats),
                max_tokens=job.max_tokens,
                num_output_tokens=written,
                counters=counters,
            )
        )
    llm.llm_engine.engine_core.shutdown()  # this process could not end with the engine's beside it
    return rows


def judge(pair: bundled.Pair, count: int) -> str:
    """Return the table of what `tiny-llama4` answers, `count` questions of each kind."""
    from training.tiny_llama4 import evaluate

    llm = opened(pair, bundled.NUM_SPECULATIVE_TOKENS, seed=0)
    table = evaluate.figures(llm, str(pair.verifier), count)
    llm.llm_engine.engine_core.shutdown()
    return table


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown: counts, both denominators, and the mean acceptance length."""
    head = "| K | temperature | drafts | accepted | of all drafts | given the prefix | mean acceptance length |"
    lines = [head, "|---" * 7 + "|"]
    for row in rows:
        found = rates(row.counters)
        cells = [
            str(row.num_speculative_tokens),
            f"{row.temperature:g}",
            f"{found.num_drafts:,}",
            f"{found.num_accepted_tokens:,}",
            listed(found.rate_per_draft),
            listed(found.rate_given_prefix),
            listed([found.mean_acceptance_length]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def listed(values: Sequence[float | None]) -> str:
    """Return `values` to three decimals; a dash for one that has no denominator."""
    return " ".join("–" if value is None else f"{value:.3f}" for value in values)


def chats_of(args: argparse.Namespace) -> list[list[dict[str, Any]]]:
    """Return what is asked: the prompts of a file, or questions about pictures."""
    if args.prompts:
        return [[{"role": "user", "content": prompt}] for prompt, _ in read_prompts(args.prompts)][: args.limit]
    from training.tiny_llama4 import evaluate

    return [chat for _, chat in evaluate.held_out(None, args.limit or PICTURES)]


def jobs_of(args: argparse.Namespace) -> list[Job]:
    """Return one job for each K of the command line."""
    pair = bundled.get(args.model)
    pair = replace(pair, speculator=args.speculator or pair.speculator)
    chats = tuple(chats_of(args))
    return [
        Job(pair, k, tuple(args.temperatures), chats, args.max_tokens, args.seed) for k in args.num_speculative_tokens
    ]


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=Path, help="needed except for tiny-llama4")
    parser.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0])
    parser.add_argument("--speculator", type=Path, help="a head that is not bundled, for the model's verifier")
    parser.add_argument("-k", "--num-speculative-tokens", type=int, nargs="+", default=[3])
    parser.add_argument("-t", "--temperatures", type=float, nargs="+", default=[0.0])
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--limit", type=int, help="only the first prompts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(arguments)
    if not args.prompts and not bundled.SHIPPED[args.model].engine:
        parser.error(f"{args.model} needs --prompts")
    return args


def main() -> None:
    """Measure, print the table, and write the counts."""
    args = parsed()
    rows: list[Row] = []
    context: Any = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context, max_tasks_per_child=1) as pool:
        for found in pool.map(measure, jobs_of(args)):
            rows += found
            if args.out:
                args.out.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        print(table(rows))
        if not args.prompts:
            print(pool.submit(judge, bundled.get(args.model), args.limit or PICTURES).result())


if __name__ == "__main__":
    main()
