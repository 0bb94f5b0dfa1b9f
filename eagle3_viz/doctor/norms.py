"""Checks of the norms that a head may or may not have, and that libraries guess differently."""

from collections.abc import Iterator

from eagle3_viz.doctor import reading
from eagle3_viz.doctor.facts import Facts
from eagle3_viz.doctor.findings import Finding, fine, risk, unknown, wrong


def check(facts: Facts) -> Iterator[Finding]:
    """All checks of the norms."""
    yield residual(facts)
    yield fc_norm(facts)
    yield before_fc(facts)
    yield output(facts)


def residual(facts: Facts) -> Finding:
    """Whether the config says which state goes round the attention."""
    field = "norm_before_residual"
    if field in facts.head:
        return fine(
            "norm before residual",
            field,
            f"Stated: {str(bool(facts.head[field])).lower()} (no file tells if it is right).",
        )
    taken = str(reading.norm_before_residual(facts)).lower()
    return risk(
        "norm before residual",
        field,
        f"Missing. vLLM takes {taken} here (true in Speculators format, false in every other); the speculators library"
        " takes false. The wrong one costs little at the first position and more at each later one.",
        "State what the head was trained with; `doctor --run` measures both.",
    )


def fc_norm(facts: Facts) -> Finding:
    """Whether the norms of the single states are there exactly if they are switched on."""
    on = bool(facts.head.get("fc_norm", False))
    if facts.tensors is None:
        return unknown("fc_norm", "fc_norm", f"It is {str(on).lower()}; whether its weights are there is not known.")
    there = sorted(name for name in facts.tensors if name.startswith("fc_norm."))
    if on and not there:
        return wrong(
            "fc_norm",
            "fc_norm",
            "It is true and there are no fc_norm weights: vLLM says nothing and norms with ones what the head never saw"
            " normed.",
            'Set "fc_norm": false, or export the weights.',
        )
    if there and not on:
        return wrong(
            "fc_norm",
            "fc_norm",
            f"{len(there)} fc_norm weights are there and it is not true: the head was trained on normed states, and"
            " vLLM stops on loading, for it has no place for the weights.",
            'Set "fc_norm": true.',
        )
    return fine("fc_norm", "fc_norm", f"{str(on).lower()}, and {len(there) or 'no'} weights.")


def before_fc(facts: Facts) -> Finding:
    """Whether the norm of all states together is there exactly if it is switched on."""
    on = reading.norm_before_fc(facts)
    if on and facts.head.get("fc_norm"):
        return wrong(
            "norm_before_fc", "norm_before_fc", "Both it and fc_norm are true: states are normed twice.", "Keep one."
        )
    if facts.tensors is None:
        return unknown("norm_before_fc", "norm_before_fc", f"It is {str(on).lower()}; its weight is not known.")
    there = "input_norm.weight" in facts.tensors
    if on and not there:
        return wrong(
            "norm_before_fc",
            "norm_before_fc",
            "It is true and there is no input_norm.weight: vLLM norms with ones.",
            'Set "norm_before_fc": false, or export the weight.',
        )
    if there and not on:
        return wrong(
            "norm_before_fc",
            "norm_before_fc",
            "input_norm.weight is there and it is not true: vLLM leaves the norm out and says nothing.",
            'Set "norm_before_fc": true.',
        )
    return fine("norm_before_fc", "norm_before_fc", f"{str(on).lower()}, and {'its' if there else 'no'} weight.")


def output(facts: Facts) -> Finding:
    """Whether the state that goes on to the next position is normed."""
    nested = facts.eagle_config.get("norm_output")
    if nested is not None and "norm_output" not in facts.head:
        return wrong(
            "norm_output",
            "eagle_config.norm_output",
            f"It is {str(bool(nested)).lower()} inside eagle_config, where vLLM does not look.",
            f'Move it to the top level: "norm_output": {str(bool(nested)).lower()}.',
        )
    on = bool(facts.head.get("norm_output", False))
    return fine(
        "norm_output",
        "norm_output",
        f"{str(on).lower()}: later positions start from the {'' if on else 'un'}normed state.",
    )
