"""Stage 5: the head, of the reference's shape: one Llama 3 layer over three auxiliary states, the whole vocabulary.

    python -m training.tiny_llama4.head [--features runs/tiny_llama4/features] [--out runs/tiny_llama4/head]

Trained with training-time test on the verifier's own answers. The run's folder holds `checkpoint.pt` and `curve.jsonl`.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from eagle3_viz import cpu
from training import workers
from training.heads import model, trainer
from training.heads.export import export
from training.heads.shards import Shards
from training.tiny_llama4 import settings
from training.tiny_llama4.architecture import ROPE_THETA

SHAPE = model.HeadShape(
    settings.AUX_LAYERS,
    intermediate_size=384,
    norm_before_residual=False,
    fc_norm=False,
    rope_parameters={
        "rope_type": "llama3",
        "rope_theta": ROPE_THETA,
        "factor": 2.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": settings.CONTEXT // 2,
    },
    architecture="Llama4ForConditionalGeneration",
)


def build(verifier: Any) -> Any:
    """Return an untrained head for the `Llama4ForConditionalGeneration` verifier."""
    return model.build(verifier.language_model, settings.NAME, torch.arange(settings.VOCAB_SIZE), SHAPE)


def train(rank: int, args: argparse.Namespace) -> None:
    """Train as one of the workers; the first one writes the head."""
    cpu.prepare()
    from transformers import Llama4ForConditionalGeneration

    torch.manual_seed(settings.SEED)
    draft = build(Llama4ForConditionalGeneration.from_pretrained(args.verifier, dtype=torch.float32))
    schedule = trainer.Schedule(
        plain_epochs=args.plain_epochs, ttt_epochs=args.ttt_epochs, batch=args.batch, seed=settings.SEED
    )
    trainer.Trainer(draft, Shards(args.features), schedule, args.out, settings.END_OF_TURN).train(save_every=100)
    if rank == 0:
        export(draft, args.ship)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verifier", type=Path, default=settings.START)
    parser.add_argument("--features", type=Path, default=settings.RUNS / "features")
    parser.add_argument("--out", type=Path, default=settings.RUNS / "head")
    parser.add_argument(
        "--ship", type=Path, default=settings.ASSETS / "speculator", help="where the finished head goes"
    )
    parser.add_argument("--plain-epochs", type=float, default=0.5)
    parser.add_argument("--ttt-epochs", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=32, help="conversations a step")
    workers.run(train, (parser.parse_args(),))


if __name__ == "__main__":
    main()
