"""Faster ways for a verifier in training to compute what it computes anyway."""

from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def quicken(model: Any) -> None:
    """Replace, in this one `Llama4ForConditionalGeneration`, how patches are cut and how experts are reached."""
    model.set_attn_implementation("eager")  # the fused kernel's backward pass takes four times as long
    embedding = model.vision_model.patch_embedding
    embedding.forward = MethodType(embed_patches, embedding)
    for layer in model.language_model.model.layers:
        if layer.is_moe_layer:
            layer.feed_forward.forward = MethodType(mix, layer.feed_forward)


def embed_patches(self: Any, pixel_values: Tensor) -> Tensor:
    """Cut (N, C, side, side) into patches by a view instead of `Unfold`, which takes a sixth of the tower's time."""
    size = self.unfold.kernel_size[0]
    count, channels, side, _ = pixel_values.shape
    grid = side // size
    patches = pixel_values.view(count, channels, grid, size, grid, size).permute(0, 2, 4, 1, 3, 5)
    embedded: Tensor = self.linear(patches.reshape(count, grid * grid, -1))
    return embedded


def mix(self: Any, hidden_states: Tensor) -> tuple[Tensor, Tensor]:
    """Give each token (T, H) to its own expert only, where the library's forward gives every token to every expert.

    Leaves how unevenly the experts are used in `imbalance`.
    """
    flat = hidden_states.reshape(-1, self.hidden_dim)
    logits = self.router(flat)[1]
    best, chosen = logits.max(dim=-1)
    scaled = flat * torch.sigmoid(best.float()).to(flat.dtype)[:, None]
    order = chosen.argsort(stable=True)
    load = chosen.bincount(minlength=self.num_experts)
    # 1 where all experts get as much as each other, up to the number of experts where one gets everything.
    self.imbalance = self.num_experts * (load / len(flat) * logits.float().softmax(-1).mean(0)).sum()
    counts = load.tolist()
    parts = [
        experts_output(self.experts, number, part)
        for number, part in enumerate(torch.split(scaled[order], counts))
        if len(part)
    ]
    routed = torch.cat(parts)[order.argsort()]
    return self.shared_expert(flat) + routed, logits


def experts_output(experts: Any, number: int, part: Tensor) -> Tensor:
    """Return what one expert makes of its tokens (T, H)."""
    gate, up = functional.linear(part, experts.gate_up_proj[number].T).chunk(2, dim=-1)
    return functional.linear(up * experts.act_fn(gate), experts.down_proj[number].T)
