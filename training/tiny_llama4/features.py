"""Stage 4: the verifier's own answers and its hidden states over them, which the head learns from.

    python -m training.tiny_llama4.features [--shards 24] [--out runs/tiny_llama4/features]

A third of the answers are the most likely ones, the others are sampled. Each shard depends on its number and the seed
alone, so an interrupted run is taken up by the same command.
"""

import argparse
import random
from pathlib import Path

import torch
from tqdm import tqdm

from eagle3_viz import cpu
from training.heads import shards
from training.heads.shards import Sample
from training.tiny_llama4 import conversations, pictures, settings, talk
from training.tiny_llama4.generation import Answerer, Asked

BATCHES = 8  # of a shard
BATCH = 48
TALKING = 0.15  # share of prompts without a picture
TEMPERATURES = (0.0, 0.8, 1.0)


def asked(rng: random.Random) -> Asked:
    """Return a question by lot."""
    if rng.random() < TALKING:
        return Asked(talk.prompt(rng), None)
    picture = pictures.drawn(rng)
    return Asked(conversations.ask(rng, picture.scene).question, picture)


def shard(answerer: Answerer, number: int) -> list[Sample]:
    """Return the samples of shard `number`; answers that did not end are left out."""
    rng = random.Random(f"head-{settings.SEED}-{number}")
    torch.manual_seed(settings.SEED + number)
    found = []
    for index in range(BATCHES):
        batch = [asked(rng) for _ in range(BATCH)]
        answers = answerer.answers(batch, TEMPERATURES[index % len(TEMPERATURES)])
        ended = [i for i, answer in enumerate(answers) if answer[-1] == settings.END_OF_TURN]
        found += answerer.samples([batch[i] for i in ended], [answers[i] for i in ended])
    return found


def main() -> None:
    """Read the command line and write the shards that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--verifier", type=Path, default=settings.START)
    parser.add_argument("--out", type=Path, default=settings.RUNS / "features")
    args = parser.parse_args()
    cpu.prepare()
    from transformers import Llama4ForConditionalGeneration

    model = Llama4ForConditionalGeneration.from_pretrained(args.verifier, dtype=torch.float32)
    answerer = Answerer(model, args.verifier)
    args.out.mkdir(parents=True, exist_ok=True)
    for number in tqdm(range(args.shards), unit="shard"):
        path = args.out / f"own-{number:03}.safetensors"
        if not path.exists():
            shards.write(path, shard(answerer, number))


if __name__ == "__main__":
    main()
