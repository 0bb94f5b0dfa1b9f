"""What is kept of a distribution over the vocabulary, computed on the engine's device. Knows nothing of vLLM.

This runs inside the engine's step, so every pass over the vocabulary counts: one softmax, one dot product, one maximum.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch

from eagle3_viz.sources.vllm_messages import TopRow

Tensor = torch.Tensor

BLOCK = 128  # how many entries of a row compete for a place among the blocks that may hold its largest ones


class Facts(NamedTuple):
    """Of n distributions, all in float32.

    Attributes:
        logprobs: [n, m], log-probabilities of the m ids that were asked for; -inf where an id was negative.
        entropy: [n], in nats.
        top_logprobs: [n, k], largest first.
        top_ids: [n, k].
    """

    logprobs: Tensor
    entropy: Tensor
    top_logprobs: Tensor
    top_ids: Tensor


def facts(logits: Tensor, ids: Tensor, most: int) -> Facts:
    """Facts of [n, vocab] logits: of the ids [n, m], and of the `most` likeliest."""
    logits = logits.float()
    values, top_ids = largest(logits, most) if most else (logits.amax(1, keepdim=True), ids[:, :0])
    probabilities = logits.softmax(1)
    log_normalizer = values[:, :1] - probabilities.amax(1, keepdim=True).log()
    asked = logits.gather(1, ids.clamp(min=0)) - log_normalizer
    return Facts(
        logprobs=asked.masked_fill(ids < 0, float("-inf")),
        entropy=log_normalizer.squeeze(1) - expectation(probabilities, logits),
        top_logprobs=values[:, :most] - log_normalizer,
        top_ids=top_ids,
    )


def expectation(probabilities: Tensor, logits: Tensor) -> Tensor:
    """The mean of each row's logits, [n]; those that are -inf have no weight."""
    mean: Tensor = torch.linalg.vecdot(probabilities, logits)
    if not (mean.is_cpu and bool(mean.isfinite().all())):  # to look would make a GPU wait
        mean = torch.linalg.vecdot(probabilities, logits.clamp(min=torch.finfo(logits.dtype).min))
    return mean


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


def index_on(device: torch.device, values: Sequence[Any]) -> Tensor:
    """Indices on a device, without waiting for it."""
    host = torch.tensor(values, dtype=torch.int64, pin_memory=device.type == "cuda")
    return host.to(device, non_blocking=True)


def pairs(ids: Sequence[int], logprobs: Sequence[float]) -> TopRow:
    """Ids with their log-probabilities, largest first; those that the distribution cannot give (-inf) left out."""
    both = list(zip(ids, logprobs, strict=True))
    while both and both[-1][1] == float("-inf"):
        both.pop()
    return cast(TopRow, both)
