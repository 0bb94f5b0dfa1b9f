"""The draft head's logits at each position of a proposal, and the facts made of them. Knows no model runner."""

from collections.abc import Sequence
from typing import Any

import torch

from eagle3_viz.sources.vllm_capture import Found, on_their_way
from eagle3_viz.sources.vllm_hooks import Hooks
from eagle3_viz.sources.vllm_rows import facts, index_on, scratch

Tensor = torch.Tensor


def target_ids(model: Any) -> Tensor | None:
    """The ids that a draft model can propose, [draft_vocab], in the verifier's vocabulary.

    None where it has the verifier's vocabulary, or is no EAGLE-3 head.
    """
    offsets = getattr(unwrapped(model), "draft_id_to_target_id", None)
    if offsets is None or not hasattr(unwrapped(model), "logits_processor"):
        return None
    ids: Tensor = torch.arange(len(offsets), device=offsets.device) + offsets.data
    return ids


def unwrapped(model: Any) -> Any:
    """A model without vLLM's wrapper for CUDA graphs."""
    return model.unwrap() if hasattr(model, "unwrap") else model


class DraftLogits:
    """Collects what an EAGLE-3 head computes while it proposes.

    A head with a vocabulary of its own is read before vLLM spreads its logits over the verifier's, many times as wide.

    Args:
        model: vLLM's draft model.
        in_place: whether sampling may change the logits.
    """

    def __init__(self, model: Any, *, in_place: bool) -> None:
        self.model = unwrapped(model)
        self.in_place = in_place
        self.targets = target_ids(self.model)  # [draft_vocab]: ids in the verifier's vocabulary
        self.locals: Tensor | None = None  # [vocab]: ids in the draft's vocabulary, -1 where it has none
        self._collected: list[Tensor] | None = None
        if self.targets is not None:
            own = torch.arange(len(self.targets), device=self.targets.device)
            self.locals = own.new_full((self.model.config.vocab_size,), -1)
            self.locals[self.targets] = own

    def listen(self, hooks: Hooks) -> None:
        """Hook into the model."""
        if self.targets is None:
            hooks.wrap(self.model, "compute_logits", self._compute_logits)
        else:  # a hook of torch's would take the module's slow path
            hooks.wrap(self.model.logits_processor, "forward", self._compute_logits)

    def collect(self) -> list[Tensor]:
        """Keep the logits that come from now on, in the list that is returned, until the next call or `rest`."""
        self._collected = []
        return self._collected

    def rest(self) -> None:
        """Keep none of those that come from now on."""
        self._collected = None

    def found(self, watched: Sequence[int], ids: Tensor, collected: list[Tensor], most: int) -> Found:
        """What was proposed to the requests that are watched.

        Args:
            watched: their indices in the batch.
            ids: [num_requests, K], in the verifier's vocabulary.
            collected: the logits that they were chosen from, K times [num_requests, draft_vocab].
            most: how many alternatives are wanted.
        """
        if len(watched) < len(ids):
            rows = index_on(ids.device, watched)
            ids, collected = ids[rows], [logits[rows] for logits in collected]
        if not collected:
            return on_their_way(ids, None)
        k, (n, length) = len(collected), collected[0].shape
        together = scratch("draft", n * k, length, collected[0])
        logits = torch.stack(collected, 1, out=together.view(n, k, length)).flatten(0, 1)
        asked = ids if self.locals is None else self.locals[ids]
        found = facts(logits, asked.reshape(-1, 1).long(), most)
        if self.targets is not None:
            found = found._replace(top_ids=self.targets[found.top_ids])
        return on_their_way(ids, found)

    def _compute_logits(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        logits = original(*args, **kwargs)
        if self._collected is not None:
            self._collected.append(logits.clone() if self.in_place else logits)
        return logits
