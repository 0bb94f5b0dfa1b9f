"""Stage 1: conversations that the verifier invents and answers itself; no corpus is needed.

    python -m training.smollm2.data [--answer-tokens 1500000] [--out training/smollm2/conversations]

Given the chat template up to the user's header and a few first words (`openers.txt`), the verifier writes a user's
prompt; then it answers it, half of the times greedily. About 400 answer tokens a second on two cores with bfloat16
instructions. Each shard is written when it is complete and depends on its number and the seed alone, so an interrupted
run is taken up by the same command, and a larger --answer-tokens appends shards.
"""

import argparse
import gzip
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eagle3_viz import cpu, gguf_verifier
from training.heads import conversations
from training.smollm2 import settings

SHARD = 768  # prompts asked for; most of them end in time and are answered


def write(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write one shard, under its final name only when complete, with the same bytes for the same records."""
    partial = path.with_suffix(".partial")
    lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    partial.write_bytes(gzip.compress(lines.encode(), mtime=0))
    partial.rename(path)


def answer_tokens(path: Path) -> int:
    """Count the answer tokens of one shard."""
    return sum(len(conversation.output) for conversation in conversations.read([path]))


def main() -> None:
    """Read the command line and write shards until they hold enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answer-tokens", type=int, default=1_500_000, help="how many all shards shall hold together")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("conversations"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    have, number, inventor = 0, 0, None
    while have < args.answer_tokens:
        path = args.out / f"invented-{number:03}.jsonl.gz"
        if not path.exists():
            inventor = inventor or opened()
            write(path, invent(inventor, number))
        have += answer_tokens(path)
        number += 1
        print(f"{path.name}: {have:,} of {args.answer_tokens:,} answer tokens", flush=True)


def opened() -> Any:
    """Start the verifier; only when a shard is missing."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the engine in this process: its seed is ours to set
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "3")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    cpu.prepare()
    from training.smollm2.generation import Inventor

    return Inventor(gguf_verifier.ready())


def invent(inventor: Any, number: int) -> list[dict[str, Any]]:
    """Return the conversations of shard `number`."""
    import torch

    torch.manual_seed(settings.SEED + number)
    rng = random.Random(f"{settings.SEED}-{number}")
    return list(inventor.answers(inventor.prompts(SHARD, rng), rng))


if __name__ == "__main__":
    main()
