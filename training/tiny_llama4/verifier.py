"""Stage 3: the verifier learns to answer; the vision tower goes on learning with it.

    python -m training.tiny_llama4.verifier [--steps 9700] [--out runs/tiny_llama4/verifier]

Each step and worker: pictures with a conversation of three exchanges each, and talk without a picture. The same command
takes an interrupted run up again, with other pictures. The run's folder holds `checkpoint.pt` and `curve.jsonl`.
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from eagle3_viz import cpu
from training import optimizers, workers
from training.tiny_llama4 import conversations, encoding, pictures, settings, vision

SEEING = 10  # conversations about a picture, a step and worker
TALKING = 2  # conversations without one
TURNS = 3
LEARNING_RATE = 1e-3
EYES = ("model.vision_model", "model.multi_modal_projector", "reader")
TOWER_RATE = 0.6  # share of it for the vision tower, which has learnt already
GRID_WEIGHT = 0.3
BALANCE_WEIGHT = 0.01
EVERY = 100  # steps between lines of the curve


def loss_of(model: Any, grid_reader: torch.nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, list[float]]:
    """Return the loss of a batch, and sums to record: answer tokens, their loss, of them the right first choices, and
    the grid's things, of them everything right."""
    seen = vision.features(model, batch["pixel_values"])
    embeddings = model.language_model.model.embed_tokens(batch["ids"])
    embeddings = embeddings.masked_scatter((batch["ids"] == settings.PATCH)[..., None], seen.to(embeddings.dtype))
    hidden = model.language_model.model(inputs_embeds=embeddings, use_cache=False).last_hidden_state
    asked = batch["labels"] >= 0
    logits = model.language_model.lm_head(hidden[asked]).float()
    wanted = batch["labels"][asked]
    said = functional.cross_entropy(logits, wanted)
    grid, counts = vision.grid_loss(grid_reader(seen), batch["grid"], batch["points"])
    balance = sum(layer.feed_forward.imbalance for layer in model.language_model.model.layers if layer.is_moe_layer)
    right = float((logits.argmax(-1) == wanted).sum())
    sums = [float(len(wanted)), float(said.detach()) * len(wanted), right, counts[0], counts[3]]
    return said + GRID_WEIGHT * grid + BALANCE_WEIGHT * balance, sums


class Source:
    """An endless stream of batches."""

    def __init__(self, seed: str) -> None:
        from tokenizers import Tokenizer

        self.rng = random.Random(seed)
        self.pictures: Iterator[pictures.Picture] = vision.shuffled(pictures.stream(seed), self.rng, 128)
        self.tokenizer = Tokenizer.from_file(str(settings.START / "tokenizer.json"))

    def batch(self) -> dict[str, Tensor]:
        """Return pixel values and grids of the pictures, ids and labels of all conversations, pictures' first."""
        found = [next(self.pictures) for _ in range(SEEING)]
        talks = [conversations.about(self.rng, picture.scene, TURNS, conversations.EMPHASIS) for picture in found]
        talks += [conversations.without(self.rng) for _ in range(TALKING)]
        ids, labels = encoding.collate([encoding.encode(self.tokenizer, talk, self.rng) for talk in talks])
        pixel_values, grid, points = vision.batch_of(found)
        return {"pixel_values": pixel_values, "grid": grid, "points": points, "ids": ids, "labels": labels}


class Training:
    """The verifier, its optimizer and the run's folder."""

    def __init__(self, tower: Path, out: Path) -> None:
        from training.tiny_llama4 import architecture, quick

        torch.manual_seed(settings.SEED)
        self.out = out
        self.model = architecture.build()
        quick.quicken(self.model)
        self.reader = vision.reader()
        whole = torch.nn.ModuleDict({"model": self.model, "reader": self.reader})
        self.weights = list(whole.parameters())
        self.optimizer = optimizers.Both(whole, EYES, TOWER_RATE)
        self.step = 0
        path = out / "checkpoint.pt"
        if path.exists():
            saved = torch.load(path, weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.reader.load_state_dict(saved["reader"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step = saved["step"]
        else:
            parts = torch.nn.ModuleDict(
                {
                    "vision": self.model.vision_model,
                    "projector": self.model.multi_modal_projector,
                    "reader": self.reader,
                }
            )
            parts.load_state_dict(torch.load(tower / "checkpoint.pt", weights_only=True)["parts"])

    def learn(self, batch: dict[str, Tensor], rate: float) -> list[float]:
        """Take one step at learning rate `rate`; return `loss_of`'s sums."""
        with torch.autocast("cpu", torch.bfloat16):
            loss, sums = loss_of(self.model, self.reader, batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        workers.average_gradients(self.weights)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step(rate)
        self.step += 1
        return sums

    def record(self, sums: list[float]) -> None:
        """Append a line to the curve and write a checkpoint, replacing the last one only when complete."""
        tokens, loss, right, things, found = sums
        line = {
            "step": self.step,
            "loss": round(loss / tokens, 4),
            "first_choice": round(right / tokens, 4),
            "grid": round(found / things, 4),
            "answer_tokens_a_step": round(tokens / EVERY),
        }
        tqdm.write(json.dumps(line))
        with (self.out / "curve.jsonl").open("a") as curve:
            curve.write(json.dumps(line) + "\n")
        partial = self.out / "checkpoint.partial"
        state = {
            "model": self.model.state_dict(),
            "reader": self.reader.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        torch.save(state, partial)
        partial.rename(self.out / "checkpoint.pt")


def train(rank: int, steps: int, tower: Path, out: Path) -> None:
    """Learn until `steps`, from the checkpoint if there is one."""
    cpu.prepare()
    training = Training(tower, out)
    source = Source(f"verifier-{rank}-{training.step}")
    sums = [0.0] * 5
    for step in tqdm(range(training.step, steps), initial=training.step, total=steps, disable=rank > 0):
        found = training.learn(source.batch(), vision.learning_rate(step, steps, LEARNING_RATE))
        sums = [a + b for a, b in zip(sums, found, strict=True)]
        if training.step % EVERY == 0 or training.step == steps:
            sums = workers.total(sums)
            if rank == 0:
                training.record(sums)
            sums = [0.0] * 5


def ship(run: Path, folder: Path) -> None:
    """Write the verifier of a run's checkpoint into `folder`, which has the tokenizer already."""
    cpu.prepare()
    from training.tiny_llama4 import architecture

    model = architecture.build()
    model.load_state_dict(torch.load(run / "checkpoint.pt", weights_only=True)["model"])
    architecture.save(model, folder)


def main() -> None:
    """Read the command line, train, and write the verifier where it ships."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=9700)
    parser.add_argument("--vision", type=Path, default=settings.RUNS / "vision")
    parser.add_argument("--out", type=Path, default=settings.RUNS / "verifier")
    parser.add_argument("--ship", type=Path, default=settings.START, help="where the finished verifier goes")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    workers.run(train, (args.steps, args.vision, args.out))
    ship(args.out, args.ship)


if __name__ == "__main__":
    main()
