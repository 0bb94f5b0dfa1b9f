"""Train a head on shards: first plain, then with training-time test; resumable, with its loss curve on disk.

Workers (`training.workers`) share each batch.
"""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from training import optimizers, workers
from training.heads import objective
from training.heads.shards import Sample, Shards

WINDOW = 64  # conversations that are sorted by length together, so that little of a batch is padding


@dataclass(frozen=True)
class Schedule:
    """Epochs without and with training-time test, and how a step is made."""

    plain_epochs: float = 2.0
    ttt_epochs: float = 1.0
    ttt_steps: int = 4
    decay: float = 0.8
    batch: int = 8
    learning_rate: float = 2e-3
    warmup: int = 50
    clip: float = 1.0
    seed: int = 0


def order(training: Sequence[int], lengths: Sequence[int], epoch: int, schedule: Schedule) -> list[list[int]]:
    """Return the batches of one epoch, indices out of `training`; the same for the same seed and epoch."""
    rng = random.Random(f"{schedule.seed}-{epoch}")
    indices = list(training)
    rng.shuffle(indices)
    windows = [indices[i : i + WINDOW] for i in range(0, len(indices), WINDOW)]
    near = [i for window in windows for i in sorted(window, key=lambda i: lengths[i])]
    batches = [near[i : i + schedule.batch] for i in range(0, len(near), schedule.batch)]
    rng.shuffle(batches)
    return batches


def learning_rate(step: int, total: int, schedule: Schedule) -> float:
    """Rise linearly over the warm-up, then fall along a cosine to a twentieth."""
    rise = min(1.0, (step + 1) / schedule.warmup)
    return schedule.learning_rate * rise * (0.525 + 0.475 * math.cos(math.pi * step / total))


class Trainer:
    """Owns the head, its optimizer and the run's folder: `checkpoint.pt` and `curve.jsonl`."""

    def __init__(self, draft: Any, shards: Shards, schedule: Schedule, folder: Path, end_token: int) -> None:
        self.draft, self.shards, self.schedule, self.folder, self.end_token = draft, shards, schedule, folder, end_token
        self.weights = [p for p in draft.parameters() if p.requires_grad]
        self.optimizer = optimizers.Both(draft)
        per_epoch = len(self.order(0))
        self.plain_steps = round(schedule.plain_epochs * per_epoch)
        self.total_steps = self.plain_steps + round(schedule.ttt_epochs * per_epoch)
        self.rank, self.count = workers.place()
        self.step = 0
        self.tokens = 0  # answer tokens seen, counted again in each epoch

    def order(self, epoch: int) -> list[list[int]]:
        """Return the batches of one epoch."""
        return order(self.shards.training, self.shards.lengths, epoch, self.schedule)

    def batches(self) -> Iterator[list[int]]:
        """Yield what is left of the schedule's batches."""
        epoch = step = 0
        while True:
            for indices in self.order(epoch):
                if step >= self.total_steps:
                    return
                if step >= self.step:
                    yield indices
                step += 1
            epoch += 1

    def train(self, save_every: int = 200, until: float = math.inf) -> None:
        """Run to the end of the schedule, or until `until` answer tokens, from the checkpoint if there is one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.resume()
        losses: list[float] = []
        with tqdm(total=self.total_steps, initial=self.step, unit="step", desc="train", disable=self.rank > 0) as bar:
            for indices in self.batches():
                if self.tokens >= until:
                    break
                mine = indices[self.rank :: self.count] or indices  # the last batch of an epoch may be a small one
                losses.append(self.one_step([self.shards[i] for i in mine]))
                bar.update()
                bar.set_postfix(loss=f"{losses[-1]:.2f}", tokens=self.tokens)
                if self.step % save_every == 0 or self.step == self.total_steps:
                    self.record(sum(losses) / len(losses))
                    if self.rank == 0:
                        self.save()
                    losses = []

    def one_step(self, samples: list[Sample]) -> float:
        """Take one optimizer step on all workers' `samples`, and return the mean of their losses, in nats per judged
        row, later steps weighted in."""
        steps = 1 if self.step < self.plain_steps else self.schedule.ttt_steps
        with torch.autocast("cpu", torch.bfloat16):
            batch = objective.batch_of(samples, self.draft, self.end_token)
            outcome = objective.run(self.draft, batch, steps, self.schedule.decay)
        self.optimizer.zero_grad()
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        workers.average_gradients(self.weights)
        torch.nn.utils.clip_grad_norm_(self.weights, self.schedule.clip)
        self.optimizer.step(learning_rate(self.step, self.total_steps, self.schedule))
        self.step += 1
        tokens = sum(len(sample.ids) - sample.answer for sample in samples)
        all_tokens, loss = workers.total([tokens, float(outcome.loss.detach())])
        self.tokens += int(all_tokens)
        return loss / self.count

    def record(self, loss: float) -> None:
        """Append one line to the curve: training loss, and agreement on the held-out conversations."""
        line = {"step": self.step, "answer_tokens": self.tokens, "loss": round(loss, 4), **held_out(self)}
        if self.rank > 0:
            return
        with (self.folder / "curve.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        tqdm.write(json.dumps(line))

    def save(self) -> None:
        """Write a checkpoint, replacing the last one only when complete."""
        partial = self.folder / "checkpoint.partial"
        torch.save(
            {
                "schedule": asdict(self.schedule),
                "step": self.step,
                "tokens": self.tokens,
                "weights": [weight.detach() for weight in self.weights],
                "optimizer": self.optimizer.state_dict(),
            },
            partial,
        )
        partial.rename(self.folder / "checkpoint.pt")

    def resume(self) -> None:
        """Take up the checkpoint of this folder, if it has one; ValueError if that is of another schedule."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        saved = torch.load(path, weights_only=True)
        if saved["schedule"] != asdict(self.schedule):
            raise ValueError(f"{path} was made with another schedule, {saved['schedule']}: choose another --out.")
        with torch.no_grad():
            for weight, value in zip(self.weights, saved["weights"], strict=True):
                weight.copy_(value)
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.tokens = saved["step"], saved["tokens"]


@torch.no_grad()
def held_out(trainer: Trainer) -> dict[str, Any]:
    """Judge the head on the held-out conversations: per step k, `agreement` (rows whose guess is the verifier's most
    likely token) and `rate_per_draft` (right at every step up to k), both over the rows judged at step k."""
    schedule = trainer.schedule
    totals = torch.zeros(3, schedule.ttt_steps)
    indices = sorted(trainer.shards.held_out, key=lambda i: trainer.shards.lengths[i])
    for start in range(trainer.rank * schedule.batch, len(indices), trainer.count * schedule.batch):
        samples = [trainer.shards[i] for i in indices[start : start + schedule.batch]]
        batch = objective.batch_of(samples, trainer.draft, trainer.end_token)
        outcome = objective.run(trainer.draft, batch, schedule.ttt_steps, schedule.decay)
        totals += torch.tensor([outcome.rows, outcome.right, outcome.chain])
    rows, right, chain = torch.tensor(workers.total(totals.flatten().tolist())).view_as(totals)
    return {
        "agreement": [round(x, 4) for x in (right / rows).tolist()],
        "rate_per_draft": [round(x, 4) for x in (chain / rows).tolist()],
    }
