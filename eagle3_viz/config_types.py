"""What the config of a checkpoint may hold, as far as it is read here."""

from typing import Any

from eagle3_viz.errors import InputError

# What a config may hold under a name; null and absence are the same.
NUMBERS = (
    "vocab_size", "draft_vocab_size", "hidden_size", "target_hidden_size", "num_hidden_layers", "num_attention_heads",
    "head_dim", "max_position_embeddings", "num_aux_hidden_states",
)  # fmt: skip
OBJECTS = (
    "speculators_config", "transformer_layer_config", "eagle_config", "text_config", "rope_parameters", "rope_scaling",
    "verifier",
)  # fmt: skip
KINDS = {
    "eagle_aux_hidden_state_layer_ids": int,
    "aux_hidden_states_layer_ids": int,
    "architectures": str,
    "proposal_methods": dict,
}
WORDS = {int: "whole numbers", str: "names", dict: "objects"}


def check_types(config: dict[str, Any], place: str) -> None:
    """Check that what the checks read of a config is what it should be.

    Raises:
        InputError: it is not.
    """
    for name, value in config.items():
        if value is None:
            continue
        if name in NUMBERS and (not isinstance(value, int) or value < 1):
            raise InputError(f"{place}: {name} is {value!r}: it has to be a whole number from 1")
        kind = KINDS.get(name)
        if kind and not (isinstance(value, list) and all(type(one) is kind for one in value)):
            raise InputError(f"{place}: {name} is {value!r}: it has to be a list of {WORDS[kind]}")
        if name == "rope_theta" and not isinstance(value, int | float):
            raise InputError(f"{place}: {name} is {value!r}: it has to be a number")
        if name in OBJECTS:
            if not isinstance(value, dict):
                raise InputError(f"{place}: {name} is {value!r}: it has to be an object")
            check_types(value, place)
