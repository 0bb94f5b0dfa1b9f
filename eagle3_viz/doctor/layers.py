"""Checks of the auxiliary layers: which states of the verifier the head is fed."""

from collections.abc import Iterator

from eagle3_viz.doctor import reading
from eagle3_viz.doctor.facts import Facts
from eagle3_viz.doctor.findings import Finding, fine, risk, unknown, wrong

FIELD = "eagle_aux_hidden_state_layer_ids"


def check(facts: Facts) -> Iterator[Finding]:
    """All checks of the auxiliary layers."""
    taken = reading.layers(facts)
    yield named(facts, taken)
    if taken.source == "fallback":
        return
    yield in_range(facts, taken)
    yield order(taken)
    yield convention(facts, taken)


def named(facts: Facts, taken: reading.Layers) -> Finding:
    """Whether the config names the layers where vLLM looks."""
    nested = facts.eagle_config.get(FIELD)
    guess = f"vLLM takes {list(taken.ids)}" if taken.ids else "vLLM takes 2, n // 2, n - 3 of the verifier's n layers"
    if facts.head.get("use_aux_hidden_state") is False or facts.eagle_config.get("use_aux_hidden_state") is False:
        return risk(
            "auxiliary layers",
            "use_aux_hidden_state",
            "It is false: the head is fed the last hidden state only, as in the first EAGLE.",
            "Remove it if the head has an fc over several layers.",
        )
    if taken.source == "fallback" and nested:
        return wrong(
            "auxiliary layers",
            f"eagle_config.{FIELD}",
            f"The head names {nested} inside eagle_config, which vLLM does not read in Speculators format: {guess}.",
            f'Move it to the top level: "{FIELD}": {nested}.',
        )
    if taken.source == "fallback":
        return risk(
            "auxiliary layers",
            FIELD,
            f"The config names none: {guess}, and says nothing if the head was trained on others.",
            "Name the layers that the head was trained on, even if they are these.",
        )
    return fine("auxiliary layers", taken.source, f"The head is fed from layers {list(taken.fed or ())}.")


def in_range(facts: Facts, taken: reading.Layers) -> Finding:
    """Whether the verifier has these layers."""
    ids = taken.ids or ()
    if facts.depth is None:
        return unknown("layers of the verifier", FIELD, f"Whether it has layers {list(ids)}: its config is not known.")
    outside = [i for i in ids if not 0 <= i <= facts.depth]
    if outside:
        return wrong(
            "layers of the verifier",
            FIELD,
            f"{outside} are not among 0 (embeddings) to {facts.depth} (behind the last layer): vLLM captures no state"
            " there and stops at the head's fc, which gets too few.",
            "Name the layers that the head was trained on; is this its verifier?",
        )
    return fine("layers of the verifier", FIELD, f"All are among 0 to {facts.depth}.")


def order(taken: reading.Layers) -> Finding:
    """Whether vLLM's order is the config's."""
    ids = taken.ids or ()
    if ids != taken.fed:
        return wrong(
            "order of layers",
            FIELD,
            f"{list(ids)} is fed as {list(taken.fed or ())}: vLLM sorts the ids and leaves out repeated ones, so states"
            " meet columns of fc that were trained on others.",
            "Name different layers in ascending order, and reorder the columns of fc with them.",
        )
    return fine("order of layers", FIELD, "Ascending, as vLLM feeds them.")


def convention(facts: Facts, taken: reading.Layers) -> Finding:
    """Whether the list may mean outputs where vLLM takes inputs."""
    ids = list(taken.ids or ())
    later = [i + 1 for i in ids]
    own = facts.head.get("aux_hidden_states_layer_ids")  # AngelSlim's own list, in the other convention
    if own and ids == list(own):
        return wrong(
            "input or output of a layer",
            FIELD,
            f"It repeats aux_hidden_states_layer_ids {own}, which counts outputs; vLLM counts inputs and feeds the head"
            " from one layer early.",
            f"Set {FIELD} to {later}.",
        )
    guess = None if facts.depth is None else reading.fallback_layers(facts.depth)
    if ids and (ids[0] == 1 or tuple(later) == guess):
        match = (
            f" One more than each, {later}, is vLLM's own choice for {facts.depth} layers."
            if guess == tuple(later)
            else ""
        )
        return risk(
            "input or output of a layer",
            FIELD,
            f"{ids}: there are two conventions. vLLM reads an id as the state that enters that layer, other tools"
            " (SGLang, exports of NVIDIA and SpecForge) as the state that leaves it. The usual first layer, 2 as an"
            f" input, is 1 as an output, so a list that starts with 1 looks like outputs.{match} If it means outputs,"
            " vLLM feeds this head from one layer early, and only acceptance shows it.",
            f"If it was trained on outputs, set {later}; `doctor --run` measures both.",
        )
    return fine("input or output of a layer", FIELD, "Nothing suggests that ids count outputs; vLLM counts inputs.")
