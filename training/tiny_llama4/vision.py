"""Stage 2: the vision tower learns to see before anything learns to speak.

    python -m training.tiny_llama4.vision [--steps 4000] [--out runs/tiny_llama4/vision]

Each image token says what has its centre there (shape or nothing, colour, column and row in the picture), and which
shape covers each of 7 x 7 points in it. The layer that says so is dropped afterwards.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from eagle3_viz import cpu
from training import optimizers, workers
from training.tiny_llama4 import pictures, settings

BATCH = 16  # pictures a step and worker
LEARNING_RATE = 1e-3
WARMUP = 100
EASY_STEPS = 1500  # with mostly plain pictures: forms are learnt late, and sooner without decoration
USES = 3  # how often a picture is shown: drawing one costs a third of learning from it


def learning_rate(step: int, steps: int, peak: float = LEARNING_RATE) -> float:
    """Rise linearly over the warm-up, then fall along a cosine to a hundredth."""
    return peak * min(1.0, (step + 1) / WARMUP) * (0.505 + 0.495 * math.cos(math.pi * step / steps))


def grid_loss(logits: Tensor, grid: Tensor, points: Tensor) -> tuple[Tensor, list[float]]:
    """logits (N, P, READ), grid (N, 4, P), points (N, P, FINE * FINE) -> the loss, and counts.

    Counted are things, and of them the number whose shape, colour, and everything is right; empty places, and those
    taken for one.
    """
    *parts, fine = torch.split(
        logits.float(), [*pictures.GRID_CLASSES, logits.shape[-1] - sum(pictures.GRID_CLASSES)], -1
    )
    emphasis = torch.ones(pictures.NOTHING + 1)
    emphasis[0] = 0.2
    drawn = fine.reshape(-1, pictures.NOTHING + 1)
    loss = functional.cross_entropy(drawn, points.flatten(), emphasis)
    right = []
    there = grid[:, 1] != pictures.IGNORED
    for number, part in enumerate(parts):
        wanted = grid[:, number]
        weight = torch.ones(part.shape[-1])
        if number == 0:
            weight[pictures.NOTHING] = 0.1
        loss = loss + functional.cross_entropy(
            part.flatten(0, 1), wanted.flatten(), weight, ignore_index=pictures.IGNORED
        )
        right.append((part.argmax(-1) == wanted) & there)
    false = (parts[0].argmax(-1) != pictures.NOTHING) & ~there
    every = right[0] & right[1] & right[2] & right[3]
    return loss, [float(x.sum()) for x in (there, right[0], right[1], every, ~there, false)]


def shuffled(source: Iterator[pictures.Picture], rng: random.Random, size: int = 512) -> Iterator[pictures.Picture]:
    """Yield each picture of `source` USES times, far apart."""
    held: list[pictures.Picture] = []
    for picture in source:
        held += [picture] * USES
        while len(held) > size:
            index = rng.randrange(len(held))
            held[index], held[-1] = held[-1], held[index]
            yield held.pop()


def batch_of(found: list[pictures.Picture]) -> tuple[Tensor, Tensor, Tensor]:
    """Collate: pixel values (N, 3, side, side), grids (N, 4, P) and points (N, P, FINE * FINE)."""
    frames, grids, points = (
        torch.from_numpy(np.stack([getattr(picture, name) for picture in found]))
        for name in ("frame", "grid", "points")
    )
    return pictures.pixel_values(frames), grids, points


def features(model: Any, pixel_values: Tensor) -> Tensor:
    """Return the image tokens' embeddings (N, P, H)."""
    seen: Tensor = model.multi_modal_projector(model.vision_model(pixel_values).last_hidden_state)
    return seen


def reader() -> torch.nn.Linear:
    """Return the layer that reads the grid and the points out of the image tokens."""
    return torch.nn.Linear(192, sum(pictures.GRID_CLASSES) + pictures.FINE**2 * (pictures.NOTHING + 1))


def train(rank: int, steps: int, out: Path) -> None:
    """Learn until `steps`, from the checkpoint if there is one."""
    cpu.prepare()
    from training.tiny_llama4 import architecture, quick

    torch.manual_seed(settings.SEED)
    model = architecture.build()
    quick.quicken(model)
    parts = torch.nn.ModuleDict(
        {"vision": model.vision_model, "projector": model.multi_modal_projector, "reader": reader()}
    )
    weights = list(parts.parameters())
    optimizer = optimizers.Both(parts)
    start = 0
    path = out / "checkpoint.pt"
    if path.exists():
        saved = torch.load(path, weights_only=True)
        parts.load_state_dict(saved["parts"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["step"]
    easy = int(max(0, EASY_STEPS - start) * BATCH / USES)
    source = shuffled(pictures.stream(f"vision-{rank}-{start}", easy), random.Random(rank))
    counts = [0.0] * 8
    for step in tqdm(range(start, steps), initial=start, total=steps, disable=rank > 0):
        pixel_values, grid, points = batch_of([next(source) for _ in range(BATCH)])
        with torch.autocast("cpu", torch.bfloat16):
            logits = parts["reader"](features(model, pixel_values))
        loss, found = grid_loss(logits, grid, points)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        workers.average_gradients(weights)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step(learning_rate(step, steps))
        counts = [a + b for a, b in zip(counts, [float(loss.detach()), *found, 1.0], strict=True)]
        if (step + 1) % 100 == 0 or step + 1 == steps:
            sums = workers.total(counts)
            counts = [0.0] * 8
            if rank == 0:
                line = {
                    "step": step + 1,
                    "loss": round(sums[0] / sums[7], 4),
                    "shape": round(sums[2] / sums[1], 4),
                    "colour": round(sums[3] / sums[1], 4),
                    "everything": round(sums[4] / sums[1], 4),
                    "false": round(sums[6] / sums[5], 5),
                }
                tqdm.write(json.dumps(line))
                with (out / "curve.jsonl").open("a") as curve:
                    curve.write(json.dumps(line) + "\n")
                torch.save({"parts": parts.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}, path)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=settings.RUNS / "vision")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    workers.run(train, (args.steps, args.out))


if __name__ == "__main__":
    main()
