"""Which of the verifier's layers a head was likely trained on: those from which it finds the verifier's tokens best."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from eagle3_viz.heads.guesses import ahead
from eagle3_viz.heads.module import Checkpoint, Settings
from eagle3_viz.heads.unrolled import Unrolled
from eagle3_viz.heads.verifier import Seen

SWEEPS = 2
AT_FIRST = 8  # layers tried of a slot before the neighbours of the best one
ENOUGH = 600  # positions: layers that are worth finding differ by more than chance over so many


def likely_layers(checkpoint: Checkpoint, settings: Settings, seen: Sequence[Seen], depth: int) -> tuple[int, ...]:
    """The ascending layers that suit the head best over the texts in `seen`, which has the states of all layers.

    One slot after the other, the last first, since it weighs most; two sweeps.
    """
    scores: dict[tuple[int, ...], float] = {}
    few = enough(seen)

    def score(ids: tuple[int, ...]) -> float:
        if ids not in scores:
            scores[ids] = logprob(checkpoint, replace(settings, aux_layers=ids), few)
        return scores[ids]

    best = settings.aux_layers
    for _ in range(SWEEPS):
        before = best
        for slot in reversed(range(len(best))):
            best = better_in(best, slot, depth, score)
        if best == before:
            break
    return best


def enough(seen: Sequence[Seen]) -> list[Seen]:
    """The first batches that have enough positions together."""
    taken, number = [], 0
    for batch in seen:
        if number < ENOUGH:
            taken.append(batch)
            number += sum(end - start for start, end in zip(batch.starts, batch.lengths, strict=True))
    return taken


def better_in(
    ids: tuple[int, ...], slot: int, depth: int, score: Callable[[tuple[int, ...]], float]
) -> tuple[int, ...]:
    """The ids with the best layer in a slot between its neighbours: a coarse look, then a fine one."""
    low = ids[slot - 1] + 1 if slot else 0
    high = ids[slot + 1] - 1 if slot + 1 < len(ids) else depth
    stride = max(1, (high - low + 1) // AT_FIRST)

    def put(layer: int) -> tuple[int, ...]:
        return (*ids[:slot], layer, *ids[slot + 1 :])

    best = max({ids[slot], *range(low, high + 1, stride)}, key=lambda layer: score(put(layer)))
    near = range(max(low, best - stride + 1), min(high, best + stride - 1) + 1)
    return put(max({best, *near}, key=lambda layer: score(put(layer))))


@torch.inference_mode()
def logprob(checkpoint: Checkpoint, settings: Settings, seen: Sequence[Seen]) -> float:
    """Mean log-probability that the head gives the verifier's next token but one, from the truth alone."""
    head = checkpoint.module(settings)
    total, number = 0.0, 0
    for batch in seen:
        aux = torch.cat([batch.states[layer] for layer in settings.aux_layers], dim=-1)
        states = Unrolled(head, aux).step(ahead(batch.ids, 1))
        wanted = ahead(batch.best, 1)
        for place, (start, end) in enumerate(zip(batch.starts, batch.lengths, strict=True)):
            rows = slice(start - 1, end - 2)
            own = to_draft(wanted[place, rows], settings)
            logs = head.lm_head(states[place, rows][own >= 0]).float().log_softmax(-1)
            total += float(logs.gather(1, own[own >= 0][:, None]).sum())
            number += len(logs)
    return total / max(1, number)


def to_draft(ids: torch.Tensor, settings: Settings) -> torch.Tensor:
    """The verifier's ids as draft ids; -1 for those that the head cannot propose."""
    if settings.draft_ids is None:
        return ids
    own = settings.draft_ids.to(ids.device)
    place = torch.searchsorted(own, ids).clamp(max=len(own) - 1)
    return torch.where(own[place] == ids, place, -1)
