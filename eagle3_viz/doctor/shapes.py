"""Checks of sizes: the head's tensors against its config, and its config against the verifier."""

from collections.abc import Iterator

from eagle3_viz.doctor import reading
from eagle3_viz.doctor.facts import Facts
from eagle3_viz.doctor.findings import Finding, fine, risk, unknown, wrong

NEEDED = (
    "fc.weight", "norm.weight",
    "layers.0.input_layernorm.weight", "layers.0.hidden_norm.weight", "layers.0.post_attention_layernorm.weight",
    *(f"layers.0.self_attn.{name}_proj.weight" for name in "qkvo"),
    *(f"layers.0.mlp.{name}_proj.weight" for name in ("gate", "up", "down")),
)  # fmt: skip


def check(facts: Facts) -> Iterator[Finding]:
    """All checks of sizes."""
    yield hidden_size(facts)
    yield fc_width(facts)
    yield heads(facts)
    if facts.tensors is not None:
        yield complete(facts)
        yield projections(facts)


def name_of(facts: Facts, name: str) -> str:
    """A tensor's name in this checkpoint: some call the layer `midlayer`."""
    other = name.replace("layers.0.", "midlayer.")
    return other if facts.tensors and other in facts.tensors else name


def hidden_size(facts: Facts) -> Finding:
    """Whether the head takes states as wide as the verifier's."""
    theirs = facts.target.get("hidden_size")
    taken = facts.head.get("target_hidden_size") or facts.hidden
    field = "target_hidden_size" if facts.head.get("target_hidden_size") else "hidden_size"
    if theirs is None or taken is None:
        return unknown("hidden size", field, f"The head takes states of {taken}; the verifier's config is not known.")
    if theirs != taken:
        return wrong(
            "hidden size",
            field,
            f"The head takes states of {taken}, the verifier makes {theirs}: it belongs to another verifier.",
            "Give the verifier that the head was trained for.",
        )
    return fine("hidden size", field, f"{taken}, as the verifier's.")


def fc_width(facts: Facts) -> Finding:
    """Whether fc is as wide as the states that vLLM hands it."""
    shape = facts.shape("fc.weight")
    state = facts.head.get("target_hidden_size") or facts.hidden
    taken, count = reading.layers(facts), reading.number_of_states(facts)
    fed = count if taken.source == "fallback" or taken.fed is None else len(taken.fed)
    if fed != count:
        return wrong(
            "number of layers",
            "eagle_aux_hidden_state_layer_ids",
            f"The config names {fed} layers, and vLLM makes fc for {count} states: it fails on loading or on the first"
            " token.",
            "vLLM takes another number than 3 only in the unconverted layout, with `num_aux_hidden_states`.",
        )
    if shape is None or state is None:
        return unknown("number of layers", "fc.weight", f"{fed} layers are named; fc's width is not known.")
    if shape[1] != fed * state:
        return wrong(
            "number of layers",
            "fc.weight",
            f"fc takes {shape[1]} numbers = {shape[1] / state:g} states of {state}, and vLLM feeds {fed}.",
            f"Name {shape[1] // state} layers: those that the head was trained on.",
        )
    return fine("number of layers", "fc.weight", f"fc takes {fed} states of {state}, as many as vLLM feeds.")


def head_size(facts: Facts) -> int | None:
    """The size of an attention head, by config."""
    size, hidden, number = (facts.layer.get(n) for n in ("head_dim", "hidden_size", "num_attention_heads"))
    return size or (hidden // number if hidden and number else None)


def heads(facts: Facts) -> Finding:
    """Whether the attention's sizes agree with each other and with the weights."""
    number, size = facts.layer.get("num_attention_heads"), head_size(facts)
    field = "head_dim" if facts.layer.get("head_dim") else "num_attention_heads"
    shape = facts.shape(name_of(facts, "layers.0.self_attn.q_proj.weight"))
    if not number or not size:
        return unknown("head size", field, "The config does not say.")
    if shape is None:
        return fine("head size", field, f"{number} heads of {size}, by the config.")
    if shape[0] != number * size:
        return wrong(
            "head size",
            field,
            f"q_proj makes {shape[0]} numbers, and the config says {number} heads of {size} = {number * size}.",
            f'Set "head_dim": {shape[0] // number}.' if shape[0] % number == 0 else "Mend num_attention_heads.",
        )
    return fine("head size", field, f"{number} heads of {size}, as in q_proj.")


def complete(facts: Facts) -> Finding:
    """Whether all that a head consists of is there, under names that vLLM knows."""
    tensors = facts.tensors or {}
    missing = [name for name in NEEDED if name_of(facts, name) not in tensors]
    if not missing:
        return fine("tensors", "*.safetensors", "All that a head of one layer consists of.")
    norms = [name for name in missing if "norm" in name]
    if norms == missing:
        return wrong(
            "tensors",
            missing[0],
            f"Missing: {', '.join(missing)}. vLLM says nothing and multiplies by one in their place.",
            "Export the head again with its norms.",
        )
    return wrong("tensors", missing[0], f"Missing: {', '.join(missing)}.", "Export the head again, whole.")


def projections(facts: Facts) -> Finding:
    """Whether the layer takes the embedding and the state side by side."""
    name = name_of(facts, "layers.0.self_attn.q_proj.weight")
    shape = facts.shape(name)
    if shape is None or facts.hidden is None:
        return unknown("attention input", name, "There is no q_proj to look at.")
    if shape[1] == facts.hidden:
        return wrong(
            "attention input",
            name,
            f"It takes {shape[1]} numbers, not twice the hidden size: this is a head of the first EAGLE, not EAGLE-3.",
            "Serve it with the method `eagle`.",
        )
    if shape[1] != 2 * facts.hidden:
        return risk(
            "attention input", name, f"It takes {shape[1]} numbers, not 2 x {facts.hidden}.", "Mend hidden_size."
        )
    return fine("attention input", name, f"Embedding and state side by side, 2 x {facts.hidden}.")
