"""What a head is asked: at every step of training-time test, the verifier's distribution one token further on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eagle3_viz.heads.unrolled import Unrolled
from training.heads.model import SoftCrossEntropy, pad
from training.heads.shards import Sample


@dataclass(frozen=True)
class Outcome:
    """One batch. `loss`: weighted over steps, per judged row, with its gradient. Per step k: `rows[k]` judged rows,
    `right[k]` whose guess is the verifier's most likely token, `chain[k]` right at every step up to k."""

    loss: Tensor
    rows: list[int]
    right: list[int]
    chain: list[int]


@dataclass(frozen=True)
class Batch:
    """B conversations of T tokens: `ids` (B, T), `aux` (B, T, A * H), `probabilities` (P, V_draft) of the verifier at
    the P judged positions, and `place` (B, T), a judged position's row in them or -1."""

    ids: Tensor
    aux: Tensor
    probabilities: Tensor
    place: Tensor


def batch_of(samples: Sequence[Sample], draft: Any, end_token: int) -> Batch:
    """Collate samples. A position is judged when its next token belongs to the answer and a head was asked for it.

    That is from the first answer token on (the verifier writes that one before any head runs), up to the end token
    (nothing follows it), where the head is able to propose what came.
    """
    ids = pad([sample.ids for sample in samples])
    place = torch.full(ids.shape, -1)
    for row, sample in zip(place, samples, strict=True):
        row[sample.answer : len(sample.ids)] = 0
        coming = sample.ids[1:]
        if draft.t2d is not None:
            row[: len(coming)].masked_fill_(~draft.t2d[coming], -1)
    place[ids == end_token] = -1
    judged = place == 0
    place[judged] = torch.arange(int(judged.sum()))
    last = pad([sample.last for sample in samples])[judged].float()
    probabilities = torch.nn.functional.linear(last, draft.verifier_lm_head.weight).float().softmax(-1)
    return Batch(ids, pad([sample.aux for sample in samples]).float(), probabilities, place)


def run(draft: Any, batch: Batch, steps: int, decay: float) -> Outcome:
    """Unroll the head `steps` times over `batch`; the loss of step k weighs `decay ** k`.

    Every step is fed the tokens that really came, as in the verifier's own text, and the head's own states.
    """
    unrolled = Unrolled(draft, batch.aux)
    best = batch.probabilities.argmax(-1)
    alive = torch.ones_like(batch.ids, dtype=torch.bool)
    loss = torch.zeros(())
    rows, right, chain = [], [], []
    for k in range(steps):
        states = unrolled.step(shifted(batch.ids, k + 1, 0))
        place = shifted(batch.place, k + 1, -1)
        judged = place >= 0
        wanted = place[judged]
        step_loss, guesses = SoftCrossEntropy.apply(  # type: ignore[no-untyped-call]
            states[judged], draft.lm_head.weight, batch.probabilities[wanted]
        )
        loss = loss + step_loss * decay**k / max(1, len(wanted))
        hit = guesses == best[wanted]
        alive = alive.masked_scatter(judged, alive[judged] & hit) & judged
        rows.append(len(wanted))
        right.append(int(hit.sum()))
        chain.append(int(alive.sum()))
    return Outcome(loss, rows, right, chain)


def shifted(x: Tensor, by: int, fill: int) -> Tensor:
    """Move x (B, T) to the left by `by` columns and fill up on the right."""
    return torch.cat([x[:, by:], x.new_full((len(x), min(by, x.shape[1])), fill)], dim=1)
