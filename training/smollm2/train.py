"""Stage 3: train the head.

    python -m training.smollm2.train [--plain-epochs 2] [--ttt-epochs 1] [--ttt-steps 4] [--out runs/smollm2/head]

First without training-time test, then with it. The run's folder holds `checkpoint.pt` and `curve.jsonl`; the same
command takes an interrupted run up again.
`--until 150000 --out runs/smollm2/undertrained` makes the undertrained head.
"""

import argparse
import json
import math
from collections import Counter
from pathlib import Path

import torch

from eagle3_viz import cpu, gguf_verifier
from training import workers
from training.heads import model, trainer
from training.heads.export import export
from training.heads.shards import Shards
from training.smollm2 import settings


def draft_vocabulary(shards: Shards, size: int) -> torch.Tensor:
    """Return the `size` most frequent ids of all training answers, ascending; prints the share of answers they cover.

    Ids are counted in answers alone, held-out conversations left out, since a head never proposes prompt tokens.
    """
    counts: Counter[int] = Counter()
    for index in shards.training:
        sample = shards[index]
        counts.update(sample.ids[sample.answer :].tolist())
    chosen = [token for token, _ in counts.most_common(size)]
    chosen += [token for token in range(settings.VOCAB_SIZE) if token not in counts][: size - len(chosen)]
    covered = sum(counts[token] for token in chosen) / counts.total()
    if workers.place()[0] == 0:
        print(json.dumps({"draft_vocab_size": size, "coverage": round(covered, 4), "answer_tokens": counts.total()}))
    return torch.tensor(sorted(chosen))


def train(rank: int, args: argparse.Namespace) -> None:
    """Train as one of the workers; the first one writes the head."""
    cpu.prepare()
    from transformers import LlamaForCausalLM

    torch.manual_seed(settings.SEED)
    shards = Shards(args.features)
    verifier = LlamaForCausalLM.from_pretrained(gguf_verifier.ready())
    shape = model.HeadShape(settings.AUX_LAYERS, args.intermediate_size)
    draft = model.build(verifier, settings.VERIFIER_ID, draft_vocabulary(shards, args.draft_vocab_size), shape)
    schedule = trainer.Schedule(
        plain_epochs=args.plain_epochs,
        ttt_epochs=args.ttt_epochs,
        ttt_steps=args.ttt_steps,
        learning_rate=args.learning_rate,
        batch=args.batch,
        seed=settings.SEED,
    )
    trainer.Trainer(draft, shards, schedule, args.out, settings.END_TOKEN).train(until=args.until or math.inf)
    if rank == 0:
        export(draft, args.out / "speculator")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, default=settings.RUNS / "features")
    parser.add_argument("--out", type=Path, default=settings.RUNS / "head")
    parser.add_argument("--draft-vocab-size", type=int, default=8192)
    parser.add_argument("--intermediate-size", type=int, default=1536)
    parser.add_argument("--plain-epochs", type=float, default=1.0)
    parser.add_argument("--ttt-epochs", type=float, default=1.0)
    parser.add_argument("--ttt-steps", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=8, help="conversations a step")
    parser.add_argument("--until", type=int, help="stop early, after so many answer tokens")
    workers.run(train, (parser.parse_args(),))


if __name__ == "__main__":
    main()
