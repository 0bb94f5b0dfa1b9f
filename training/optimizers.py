"""Muon for the matrices between layers, AdamW for everything else: half the steps of AdamW alone."""

from typing import Any

import torch

ENDS = ("embed_tokens", "lm_head", "reader", "router", "positional_embedding", "patch_embedding")
MUON_RATE = 10.0  # of AdamW's learning rate
SETTINGS: dict[str, Any] = {"weight_decay": 0.01}


class Both:
    """Two optimizers over the weights of `module`; `slow` names parts that learn at a share of the rate."""

    def __init__(self, module: torch.nn.Module, slow: tuple[str, ...] = (), share: float = 1.0) -> None:
        groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
        for name, weight in module.named_parameters():
            if not weight.requires_grad:
                continue
            inner = weight.ndim == 2 and not any(end in name for end in ENDS)
            groups.setdefault((inner, share if name.startswith(slow) and slow else 1.0), []).append(weight)
        muon, adam = (
            [{"params": weights, "share": rate} for (inner, rate), weights in groups.items() if inner == wanted]
            for wanted in (True, False)
        )
        self.muon = torch.optim.Muon(muon, lr=1e-3, momentum=0.95, **SETTINGS)
        self.adam = torch.optim.AdamW(adam, lr=1e-3, betas=(0.9, 0.98), **SETTINGS)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self.muon.zero_grad()
        self.adam.zero_grad()

    def step(self, rate: float) -> None:
        """Take a step at AdamW's learning rate `rate`."""
        for optimizer, factor in ((self.muon, MUON_RATE), (self.adam, 1.0)):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor * group["share"]
            optimizer.step()  # type: ignore[no-untyped-call]

    def state_dict(self) -> dict[str, Any]:
        """Return the state of both."""
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the state of both."""
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
