"""An EAGLE-3 head's forward pass at every position of a text at once, some steps deep; made for a CPU, runs anywhere.

Batches texts, and keeps the attention to the head's own earlier guesses as one number a row. Works on any module with
the names of speculators' `Eagle3DraftModel`. `tests/test_training_heads.py` compares it with what vLLM computes.
"""

from typing import Any

import torch
from torch import Tensor


class Unrolled:
    """A head unrolled over a batch: each `step()` guesses one token further, from the head's own last states.

    B conversations of T rows, hidden size H. Row t starts from the verifier's state at position t and the token at
    t + 1, so after k steps its output guesses the token at t + 1 + k.
    """

    def __init__(self, draft: Any, aux: Tensor) -> None:
        """`aux` (B, T, A * H): the auxiliary states, padded on the right."""
        self.draft = draft
        if getattr(draft, "input_norm", None) is not None:
            aux = draft.input_norm(aux)
        if draft.fc_norm is not None:
            chunks = aux.chunk(len(draft.fc_norm), dim=-1)
            aux = torch.cat([norm(chunk) for norm, chunk in zip(draft.fc_norm, chunks, strict=True)], dim=-1)
        self.state = draft.fc(aux)
        length = aux.shape[1]
        self.blocked = torch.ones(length, length, dtype=torch.bool, device=aux.device).triu(1)
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def step(self, ids: Tensor) -> Tensor:
        """Feed token `ids` (B, T) and return the states (B, T, H) whose norm goes into the output matrix."""
        layer = self.draft.layers[0]
        hidden = layer.hidden_norm(self.state)
        residual = hidden if layer.norm_before_residual else self.state
        both = torch.cat([layer.input_layernorm(self.draft.embed_tokens(ids)), hidden], dim=-1)
        hidden = residual + layer.self_attn.o_proj(self._attend(layer.self_attn, both))
        self.state = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        normed: Tensor = self.draft.norm(self.state)
        if self.draft.config.norm_output:
            self.state = normed
        return normed

    def _attend(self, attention: Any, both: Tensor) -> Tensor:
        """Attend to the rows up to one's own of the first step, and to one's own row of each later step."""
        batch, length, _ = both.shape
        query, key, value = (
            project(both).view(batch, length, -1, attention.head_dim).transpose(1, 2)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        if getattr(attention, "q_norm", None) is not None:  # layers of Qwen 3
            query, key = attention.q_norm(query), attention.k_norm(key)
        positions = torch.arange(length, device=both.device)[None] + len(self.keys)
        cos, sin = self.draft.rotary_emb(both, positions)
        groups = attention.num_key_value_groups
        query = rotate(query, cos, sin) * attention.scaling
        self.keys.append(rotate(key, cos, sin).repeat_interleave(groups, 1))
        self.values.append(value.repeat_interleave(groups, 1))
        scores = (query @ self.keys[0].transpose(2, 3)).masked_fill(self.blocked, -torch.inf)
        own = [(query * key).sum(-1, keepdim=True) for key in self.keys[1:]]
        weights = torch.cat([scores, *own], dim=-1).softmax(dim=-1)
        mixed = weights[..., :length] @ self.values[0]
        for number, later in enumerate(self.values[1:]):
            mixed = mixed + weights[..., length + number, None] * later
        return mixed.transpose(1, 2).reshape(batch, length, -1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate x (B, heads, T, D) by its positions; cos and sin are (1, T, D)."""
    first, second = x.chunk(2, dim=-1)
    return x * cos[:, None] + torch.cat([-second, first], dim=-1) * sin[:, None]
