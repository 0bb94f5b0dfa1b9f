"""Other settings that a head may have been trained for: those that files suggest, and the usual suspects."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from eagle3_viz.doctor import reading
from eagle3_viz.doctor.facts import Facts
from eagle3_viz.heads.module import Settings

AUX = "eagle_aux_hidden_state_layer_ids"


@dataclass(frozen=True)
class Alternative:
    """Something to try. `setting`: what to write where the config says otherwise."""

    name: str
    field: str
    setting: str
    settings: Settings


def alternatives(facts: Facts, settings: Settings, depth: int) -> list[Alternative]:
    """What is worth trying for a head whose verifier has `depth` layers; never what is configured already."""
    return [
        *of_layers(facts, settings, depth),
        *of_norms(facts, settings),
        *of_rope(facts, settings),
        *of_map(facts, settings),
    ]


def with_layers(name: str, settings: Settings, ids: tuple[int, ...]) -> Alternative:
    """Other auxiliary layers."""
    return Alternative(name, AUX, f'"{AUX}": {list(ids)}', replace(settings, aux_layers=ids))


def of_layers(facts: Facts, settings: Settings, depth: int) -> Iterator[Alternative]:
    """Layers shifted by one either way, and those that another field or vLLM's fallback names."""
    ids = settings.aux_layers
    nested = tuple(facts.eagle_config.get(AUX) or ())
    outputs = tuple(layer + 1 for layer in facts.head.get("aux_hidden_states_layer_ids") or ())
    tried = {ids}
    for name, other in (
        ("layers one later", tuple(layer + 1 for layer in ids)),
        ("layers one earlier", tuple(layer - 1 for layer in ids)),
        ("vLLM's fallback layers", reading.fallback_layers(depth)),
        ("layers named in eagle_config", nested),
        ("layers named as outputs", outputs),
    ):
        if other not in tried and len(other) == len(ids) and all(0 <= layer <= depth for layer in other):
            tried.add(other)
            yield with_layers(name, settings, other)


def of_norms(facts: Facts, settings: Settings) -> Iterator[Alternative]:
    """The norms the other way round, where the weights allow it."""
    names = ["norm_before_residual", "norm_output"]
    tensors = facts.tensors or {}
    if any(name.startswith("fc_norm.") for name in tensors) != settings.fc_norm:
        names.append("fc_norm")
    if ("input_norm.weight" in tensors) != settings.norm_before_fc:
        names.append("norm_before_fc")
    for name in names:
        other = not getattr(settings, name)
        yield switched(f"{name} {'on' if other else 'off'}", name, settings, other)


def switched(title: str, name: str, settings: Settings, value: bool) -> Alternative:
    """One switch the other way."""
    change: dict[str, Any] = {name: value}
    return Alternative(title, name, f'"{name}": {json.dumps(value)}', replace(settings, **change))


def of_rope(facts: Facts, settings: Settings) -> Iterator[Alternative]:
    """The verifier's positions, where the head has others."""
    theirs = reading.rope(facts.target)
    if theirs.theta is not None and theirs.theta != settings.rope["rope_theta"]:
        rope = {**settings.rope, "rope_theta": theirs.theta}
        yield Alternative(
            "the verifier's rope theta", "rope_theta", f'"rope_theta": {theirs.theta:g}', replace(settings, rope=rope)
        )


def of_map(facts: Facts, settings: Settings) -> Iterator[Alternative]:
    """The draft vocabulary as t2d marks it, where d2t leads elsewhere."""
    t2d, ids = facts.maps.get("t2d"), settings.draft_ids
    if t2d is None or ids is None:
        return
    marked = torch.from_numpy((t2d != 0).nonzero()[0])
    if len(marked) == len(ids) and not torch.equal(marked, ids):
        yield Alternative(
            "d2t made from t2d",
            "d2t",
            "d2t = (the ids that t2d marks) - (0, 1, 2, …)",
            replace(settings, draft_ids=marked),
        )
