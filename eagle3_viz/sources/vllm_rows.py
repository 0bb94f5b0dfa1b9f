"""What is kept of a distribution over the vocabulary, computed on the engine's device. Knows nothing of vLLM.

This runs inside the engine's step, so every pass over the vocabulary counts: one softmax, one dot product, one maximum.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

Tensor = torch.Tensor

NARROW = 16_384  # entries of a row up to which the number of operations counts, not that of passes
LEAST = -1e30  # stands in for -inf, which has no weight
KEPT: dict[tuple[Any, ...], Tensor] = {}
BLOCK = 128  # how many entries of a row compete for a place among the blocks that may hold its largest ones


class Facts(NamedTuple):
    """Of n distributions, all in float32.

    Attributes:
        logprobs: [n, m], log-probabilities of the m ids that were asked for.
        entropy: [n], in nats.
        top_logprobs: [n, k], largest first.
        top_ids: [n, k].
    """

    logprobs: Tensor
    entropy: Tensor
    top_logprobs: Tensor
    top_ids: Tensor


def facts(logits: Tensor, ids: Tensor, most: int) -> Facts:
    """Facts of [n, vocab] logits: of the ids [n, m], which are tokens, and of the `most` likeliest."""
    logits = logits.float()
    return few(logits, ids, most) if logits.shape[1] <= NARROW else many(logits, ids, most)


def few(logits: Tensor, ids: Tensor, most: int) -> Facts:
    """Of short rows: as few operations as there can be, for each costs more than its arithmetic."""
    logprobs = logits.log_softmax(1)
    values, top_ids = logprobs.topk(most, dim=1)
    mean = torch.linalg.vecdot(logprobs.exp(), logprobs.clamp(min=LEAST))
    return Facts(logprobs.gather(1, ids), -mean, values, top_ids)


def many(logits: Tensor, ids: Tensor, most: int) -> Facts:
    """Of long rows: as few passes as there can be."""
    values, top_ids = largest(logits, max(most, 1))
    probabilities = torch.softmax(logits, 1, out=scratch("softmax", logits.shape[0], logits.shape[1], logits))
    log_normalizer = values[:, :1] - probabilities.gather(1, top_ids[:, :1]).log()
    mean = torch.linalg.vecdot(probabilities, logits)
    if not (mean.is_cpu and bool(mean.isfinite().all())):  # to look would make a GPU wait
        mean = torch.linalg.vecdot(probabilities, logits.clamp(min=LEAST))
    return Facts(
        logprobs=logits.gather(1, ids) - log_normalizer,
        entropy=log_normalizer.squeeze(1) - mean,
        top_logprobs=values[:, :most] - log_normalizer,
        top_ids=top_ids[:, :most],
    )


def scratch(use: str, rows: int, length: int, like: Tensor) -> Tensor:
    """Memory for [rows, length] of the type and device of `like`, the same for each use every time.

    A fresh piece of this size costs the kernel more, page by page, than the arithmetic that it is for.
    """
    key = use, length, like.dtype, like.device
    held = KEPT.get(key)
    if held is None or len(held) < rows:
        held = KEPT[key] = like.new_empty(rows, length)
    return held[:rows]


def largest(rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`rows.topk(k)`, several times as fast on a CPU where rows are long.

    The k largest entries are in the k blocks with the largest maxima.
    """
    n, length = rows.shape
    blocks, rest = divmod(length, BLOCK)
    if rest or blocks <= 2 * k:
        return rows.topk(k, dim=1)
    maxima = rows.view(n, BLOCK, blocks).amax(1)  # a block is every `blocks`-th entry
    best = maxima.topk(k, dim=1, sorted=False).indices
    entries = torch.arange(0, length, blocks, device=rows.device).view(1, BLOCK, 1) + best.unsqueeze(1)
    candidates = entries.flatten(1)
    values, found = rows.gather(1, candidates).topk(k, dim=1)
    return values, candidates.gather(1, found)


def rows_of(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    """Some rows of [n, vocab], at least one: a view of neighbours, else a copy that the next call overwrites."""
    first = rows[0]
    if list(rows) == list(range(first, first + len(rows))):
        return tensor[first : first + len(rows)]
    kept = scratch("verifier", len(rows), tensor.shape[1], tensor)
    return torch.index_select(tensor, 0, index_on(tensor.device, rows), out=kept)


def index_on(device: torch.device, values: Sequence[Any]) -> Tensor:
    """Indices on a device, without waiting for it."""
    host = torch.tensor(values, dtype=torch.int64, pin_memory=device.type == "cuda")
    return host.to(device, non_blocking=True)
