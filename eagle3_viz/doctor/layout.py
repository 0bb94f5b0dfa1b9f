"""Which maker's layout a head is in, and what that means."""

from collections.abc import Iterator

from eagle3_viz.doctor.facts import Facts
from eagle3_viz.doctor.findings import Finding, fine, risk, unknown, wrong

# What only this maker's export writes into `eagle_config`.
NVIDIA = ("use_input_layernorm_in_first_layer", "use_last_layernorm", "use_mtp_layernorm", "parallel_draft_step")
READ_BY_VLLM = "LlamaForCausalLMEagle3"


def layout(facts: Facts) -> str:
    """The layout's name."""
    if facts.speculators_format:
        return "Speculators"
    if any(name in facts.eagle_config for name in NVIDIA):
        return "NVIDIA"
    if "aux_hidden_states_layer_ids" in facts.head or "modal_type" in facts.head:
        return "AngelSlim"
    if "eagle_config" in facts.head:
        return "SpecForge"
    return "EAGLE"


def check(facts: Facts) -> Iterator[Finding]:
    """All checks of the format."""
    yield speculators(facts) if facts.speculators_format else unconverted(facts, layout(facts))
    yield files(facts)
    if facts.speculators_format:
        yield model_type(facts)


def speculators(facts: Facts) -> Finding:
    """Whether what vLLM needs of the format is there."""
    kind = facts.head.get("speculators_model_type")
    if kind != "eagle3":
        return wrong(
            "format", "speculators_model_type", f"It is {kind!r}, which is no EAGLE-3 head.", "Give an eagle3 head."
        )
    details = facts.head.get("speculators_config") or {}
    first = next(iter(details.get("proposal_methods") or ()), None)
    tokens = first.get("speculative_tokens") if isinstance(first, dict) else None
    missing = [
        name
        for name, value in (
            ("speculators_config.proposal_methods[0].speculative_tokens", tokens),
            ("speculators_config.verifier.name_or_path", (details.get("verifier") or {}).get("name_or_path")),
            ("transformer_layer_config", facts.head.get("transformer_layer_config")),
        )
        if value is None
    ]
    if missing:
        return wrong("format", missing[0], f"Missing: {', '.join(missing)}. vLLM refuses the head.", "Add them.")
    return fine("format", "speculators_model_type", "Speculators format, with all that vLLM needs of it.")


def unconverted(facts: Facts, name: str) -> Finding:
    """Whether vLLM can read a layout that was not converted, and what it then assumes."""
    architectures = facts.head.get("architectures") or []
    if not any("eagle3" in str(each).lower() for each in architectures):
        return wrong(
            "format",
            "architectures",
            f"{name} layout with architectures {architectures}: vLLM takes it for a whole language model.",
            f'Set "architectures": ["{READ_BY_VLLM}"], or convert the head to Speculators format.',
        )
    return risk(
        "format",
        "architectures",
        f"{name} layout, not converted. vLLM reads it where the method is given (--speculative-config), with other"
        " defaults: norm_before_residual is false, and layers that are not named are guessed.",
        "Convert it with the speculators library and state every field, or check each risk below.",
    )


def model_type(facts: Facts) -> Finding:
    """Whether vLLM has a draft for this kind of layer."""
    kind = facts.layer.get("model_type", "llama")
    if kind in ("llama", "qwen3"):
        return fine("layer type", "transformer_layer_config.model_type", f"{kind}, for which vLLM has a draft.")
    return wrong(
        "layer type",
        "transformer_layer_config.model_type",
        f"It is {kind!r}; vLLM has EAGLE-3 drafts of llama and qwen3 layers and refuses others.",
        "Train a head with one of these layers; the verifier may be of any type.",
    )


def files(facts: Facts) -> Finding:
    """Whether the weights can be looked at."""
    if facts.tensors is None:
        return unknown(
            "weights",
            "*.safetensors",
            "No safetensors here: what follows is from the config alone (a .bin is not read).",
        )
    return fine("weights", "*.safetensors", f"{len(facts.tensors)} tensors; their headers were read, not the weights.")
