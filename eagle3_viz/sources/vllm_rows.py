"""From logits to the rows that the probe sends. Tensors in, plain lists out; knows nothing of vLLM."""

from collections.abc import Sequence

import torch

from eagle3_viz.sources.vllm_messages import JudgedRow, ProposedRow, TopRow

Tensor = torch.Tensor


class Drafting:
    """One call of `drafter.propose` under way: a row a request, collected position by position.

    Attributes:
        logits: [num_requests, vocab], raw, of the position being sampled.
    """

    def __init__(self) -> None:
        self.logits: Tensor | None = None
        self._ids: list[Tensor] = []
        self._logprobs: list[Tensor] = []
        self._tops: list[tuple[Tensor, Tensor]] = []

    def add(self, ids: Tensor, most: int) -> None:
        """Take the tokens that were sampled at this position, [num_requests], and `most` alternatives to them."""
        if self.logits is None:
            return
        logits = self.logits.float()
        lse = logits.logsumexp(1, keepdim=True)
        values, indices = logits.topk(most, dim=1)
        self._ids.append(ids)
        self._logprobs.append((logits.gather(1, ids.long().unsqueeze(1)) - lse).squeeze(1))
        self._tops.append((values - lse, indices))
        self.logits = None

    def proposals(self, request_ids: Sequence[str], tops: Sequence[int | None]) -> dict[str, ProposedRow]:
        """The proposal of each request that is traced, with as many alternatives as it wants."""
        if not self._ids:
            return {}
        ids = torch.stack(self._ids, 1).tolist()
        logprobs = torch.stack(self._logprobs, 1).tolist()
        values = torch.stack([value for value, _ in self._tops], 1).tolist()
        indices = torch.stack([index for _, index in self._tops], 1).tolist()
        return {
            request_id: ProposedRow(
                ids[i],
                logprobs[i],
                [pairs(row[:top], found[:top]) for row, found in zip(indices[i], values[i], strict=True)],
            )
            for i, (request_id, top) in enumerate(zip(request_ids, tops, strict=True))
            if top is not None
        }


def judged_row(
    logits: Tensor,
    request_id: str,
    output_start: int,
    proposed: ProposedRow,
    emitted: list[int],
    rule: str | None,
    accept_probabilities: list[float],
    top: int,
) -> JudgedRow:
    """One request's row; `logits` is [len(emitted), vocab], raw, float32."""
    logprobs = logits.log_softmax(1)
    judged = proposed.ids[: len(emitted)]
    values, indices = logprobs.topk(top, dim=1)
    positions = torch.arange(len(emitted))
    return JudgedRow(
        request_id,
        output_start,
        proposed,
        emitted,
        rule,
        [float(logprobs[i, token]) if token >= 0 else None for i, token in enumerate(judged)],
        logprobs[positions, emitted].tolist(),
        torch.special.entr(logprobs.exp()).sum(1).tolist(),
        accept_probabilities,
        [pairs(ids, row) for ids, row in zip(indices.tolist(), values.tolist(), strict=True)],
    )


def pairs(ids: list[int], logprobs: list[float]) -> TopRow:
    """Ids with their log-probabilities, those that the distribution cannot give (-inf) left out."""
    return [(token, logprob) for token, logprob in zip(ids, logprobs, strict=True) if logprob > float("-inf")]
