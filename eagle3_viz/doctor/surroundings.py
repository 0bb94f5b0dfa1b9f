"""Checks of what else the two models must share: positions, numbers, special tokens; and whether vLLM can pair them."""

from collections.abc import Iterator

from eagle3_viz.doctor import reading
from eagle3_viz.doctor.facts import Facts
from eagle3_viz.doctor.findings import Finding, fine, risk, unknown, wrong
from eagle3_viz.sources import vllm_support

CHAT_TEMPLATES = ("chat_template.jinja", "chat_template.json")


def check(facts: Facts) -> Iterator[Finding]:
    """All of these checks."""
    yield rope(facts)
    yield context(facts)
    yield dtype(facts)
    yield named_verifier(facts)
    yield support(facts)
    yield chat_template(facts)
    yield special_tokens(facts)


def rope(facts: Facts) -> Finding:
    """Whether the head counts positions as the verifier does."""
    ours, theirs = reading.rope(facts.layer), reading.rope(facts.target)
    field = "rope_parameters" if "rope_parameters" in facts.layer else "rope_theta"
    if ours.theta is None:
        return risk(
            "rope",
            field,
            f"Missing: vLLM takes {reading.DEFAULT_THETA:g}; the verifier's is {theirs.theta or 'not known'}.",
            "State the theta that the head was trained with.",
        )
    if theirs.theta is None:
        return unknown("rope", field, f"Type {ours.type}, theta {ours.theta:g}; the verifier's is not known.")
    if ours.theta != theirs.theta:
        return risk(
            "rope",
            field,
            f"Theta {ours.theta:g}, and the verifier's is {theirs.theta:g}. A head may have its own, but most are"
            " trained with the verifier's.",
            f"If the head was trained with {theirs.theta:g}, set it; `doctor --run` measures both.",
        )
    if ours.type != theirs.type:
        says = (
            f"Theta {ours.theta:g}, as the verifier's; type {ours.type}, of the head's own (verifier: {theirs.type})."
        )
        return fine("rope", field, says)
    return fine("rope", field, f"Type {ours.type}, theta {ours.theta:g}, as the verifier's.")


def context(facts: Facts) -> Finding:
    """Whether the head goes as far as the verifier."""
    ours, theirs = facts.layer.get("max_position_embeddings"), facts.target.get("max_position_embeddings")
    field = "max_position_embeddings"
    if ours is None or theirs is None:
        return unknown("context", field, f"The head's is {ours}, the verifier's {theirs}.")
    if ours < theirs:
        return risk(
            "context",
            field,
            f"The head's {ours} is less than the verifier's {theirs}: beyond it vLLM does not draft.",
            "Fine where requests are shorter.",
        )
    return fine("context", field, f"{ours}; the verifier's is {theirs}.")


def dtype(facts: Facts) -> Finding:
    """Whether the numbers are such as vLLM takes."""
    kinds = sorted({header.dtype for name, header in (facts.tensors or {}).items() if name not in ("d2t", "t2d")})
    if not kinds:
        return unknown("dtype", "*.safetensors", "Not known without the weights.")
    if len(kinds) > 1 or not {"F16", "BF16", "F32"}.issuperset(kinds):
        return risk(
            "dtype", "*.safetensors", f"Weights are {', '.join(kinds)}.", "Is the head quantized? Try it unquantized."
        )
    return fine("dtype", "*.safetensors", f"{kinds[0]}; vLLM casts a head to the engine's dtype.")


def named_verifier(facts: Facts) -> Finding:
    """Whether the head was trained for a verifier of this class."""
    field = "speculators_config.verifier.architectures"
    named = ((facts.head.get("speculators_config") or {}).get("verifier") or {}).get("architectures")
    theirs = (facts.verifier or {}).get("architectures")
    if not named or not theirs:
        return unknown("verifier", field, "The head does not name its verifier's class, or the verifier is not known.")
    if set(named).isdisjoint(theirs):
        return risk(
            "verifier", field, f"The head names {named[0]}, the verifier is {theirs[0]}.", "Is this its verifier?"
        )
    return fine("verifier", field, f"{theirs[0]}, as the head names it.")


def support(facts: Facts) -> Finding:
    """Whether vLLM can take hidden states out of the verifier's class."""
    names = (facts.verifier or {}).get("architectures") or []
    if not names:
        return unknown("support in vLLM", "architectures", "The verifier's class is not known.")
    found = vllm_support.takes_eagle3(names[0])
    if found is None:
        return unknown("support in vLLM", "architectures", f"{names[0]}: vLLM is not installed here.")
    if not found:
        return wrong(
            "support in vLLM",
            "architectures",
            f"vLLM {vllm_support.version()} hands out no auxiliary states of {names[0]}.",
            "Take another version of vLLM, or another verifier.",
        )
    return fine("support in vLLM", "architectures", f"vLLM {vllm_support.version()} supports EAGLE-3 with {names[0]}.")


def chat_template(facts: Facts) -> Finding:
    """Whether the verifier has the template that heads are trained with."""
    folder = facts.verifier_files
    if folder is None or not any(folder.glob("tokenizer*")):
        return unknown("chat template", "chat_template", "The verifier's tokenizer is not here.")
    settings = folder / "tokenizer_config.json"
    inline = settings.is_file() and '"chat_template"' in settings.read_text(encoding="utf-8", errors="replace")
    if inline or any((folder / name).is_file() for name in CHAT_TEMPLATES):
        return fine("chat template", "chat_template", "The verifier has one.")
    return risk(
        "chat template",
        "chat_template",
        "The verifier has none: chats cannot be sent, and a head trained on chats sees unknown text.",
        "Add the template that the head's training used.",
    )


def special_tokens(facts: Facts) -> Finding:
    """Whether both name the same begin and end."""
    if facts.verifier is None:
        return unknown("special tokens", "eos_token_id", "The verifier's config is not known.")
    differ = [
        f"{name} is {facts.layer[name]} here and {facts.target[name]} there"
        for name in ("bos_token_id", "eos_token_id")
        if facts.layer.get(name) is not None and facts.target.get(name) is not None
        if facts.layer[name] != facts.target[name]
    ]
    if differ:
        return risk(
            "special tokens",
            "eos_token_id",
            f"{'; '.join(differ)}. vLLM takes the verifier's; the head may have been trained with another template.",
            "Check the tokenizer and the template of the head's training.",
        )
    return fine("special tokens", "eos_token_id", "The head's config does not contradict the verifier's.")
