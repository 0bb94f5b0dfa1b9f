"""A head as vLLM reads it: what its config leaves out is filled in the way vLLM does."""

from dataclasses import dataclass
from typing import Any, Literal

from eagle3_viz.doctor.facts import Facts

FALLBACK_COUNT = 3
DEFAULT_THETA = 10_000.0


@dataclass(frozen=True)
class Layers:
    """Auxiliary layers. `source`: the config's top level, its `eagle_config`, or vLLM's fallback (then `ids` are None
    where the verifier's depth is not known)."""

    ids: tuple[int, ...] | None
    source: Literal["eagle_aux_hidden_state_layer_ids", "eagle_config", "fallback"]

    @property
    def fed(self) -> tuple[int, ...] | None:
        """The ids in the order in which vLLM feeds their states."""
        return None if self.ids is None else tuple(sorted(set(self.ids)))


def fallback_layers(depth: int) -> tuple[int, int, int]:
    """The layers that vLLM takes of a verifier with so many where a head names none."""
    return 2, depth // 2, depth - 3


def layers(facts: Facts) -> Layers:
    """The auxiliary layers that vLLM takes."""
    top = facts.head.get("eagle_aux_hidden_state_layer_ids")
    if top:
        return Layers(tuple(top), "eagle_aux_hidden_state_layer_ids")
    nested = facts.eagle_config.get("eagle_aux_hidden_state_layer_ids")
    if nested and not facts.speculators_format:
        return Layers(tuple(nested), "eagle_config")
    return Layers(None if facts.depth is None else fallback_layers(facts.depth), "fallback")


def number_of_states(facts: Facts) -> int:
    """How many states vLLM makes the head's `fc` wide for: not always as many as the config names layers."""
    if not facts.speculators_format:
        named = facts.head.get("num_aux_hidden_states")
        nested = facts.eagle_config.get("eagle_aux_hidden_state_layer_ids") or []
        if named or nested:
            return int(named or len(nested))
    return FALLBACK_COUNT


def norm_before_residual(facts: Facts) -> bool:
    """The setting with vLLM's default, which is True for Speculators format and False for every other."""
    return bool(facts.head.get("norm_before_residual", facts.speculators_format))


def norm_before_fc(facts: Facts) -> bool:
    """The setting, from the nested config first where the layout has one."""
    top = facts.head.get("norm_before_fc", False)
    return bool(top if facts.speculators_format else facts.eagle_config.get("norm_before_fc", top))


@dataclass(frozen=True)
class Rope:
    """Rotary embedding: type, base, and what else its type needs."""

    type: str
    theta: float | None
    rest: dict[str, Any]

    def parameters(self) -> dict[str, Any]:
        """As transformers takes it."""
        return {**self.rest, "rope_type": self.type, "rope_theta": self.theta or DEFAULT_THETA}


def rope(config: dict[str, Any]) -> Rope:
    """The rotary embedding of a layer's config, in either spelling of transformers."""
    parameters = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    kind = parameters.pop("rope_type", None) or parameters.pop("type", None) or "default"
    theta = parameters.pop("rope_theta", None) or config.get("rope_theta")
    return Rope(str(kind), None if theta is None else float(theta), parameters)
