"""Heads broken on purpose, from a good one; and what the doctor says of each.

    python -m tests.broken_heads [--good assets/smollm2-135m] [--undertrained FOLDER] [--max-tokens 96]

prints the table of docs/debugging.md: what each break costs on the same texts, and the doctor's verdict.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from eagle3_viz import bundled, cpu
from eagle3_viz.doctor.diagnose import diagnose
from eagle3_viz.doctor.facts import gather
from eagle3_viz.doctor.findings import Finding

Config = dict[str, Any]
Tensors = dict[str, torch.Tensor]
FAR = (1, 10, 16)
AUX = "eagle_aux_hidden_state_layer_ids"


def far_layers(config: Config, tensors: Tensors) -> None:
    config[AUX] = list(FAR)


def no_layers(config: Config, tensors: Tensors) -> None:
    del config[AUX]


def layers_one_later(config: Config, tensors: Tensors) -> None:
    config[AUX] = [layer + 1 for layer in config[AUX]]


def layers_one_earlier(config: Config, tensors: Tensors) -> None:
    config[AUX] = [layer - 1 for layer in config[AUX]]


def zeroed_d2t(config: Config, tensors: Tensors) -> None:
    tensors["d2t"] = torch.zeros_like(tensors["d2t"])


def d2t_off_by_one(config: Config, tensors: Tensors) -> None:
    tensors["d2t"] = tensors["d2t"] + 1


def residual_flipped(config: Config, tensors: Tensors) -> None:
    config["norm_before_residual"] = not config["norm_before_residual"]


def fc_norm_flipped(config: Config, tensors: Tensors) -> None:
    config["fc_norm"] = not config["fc_norm"]


def wrong_theta(config: Config, tensors: Tensors) -> None:
    rope = config["transformer_layer_config"]["rope_parameters"]
    rope["rope_theta"] = rope["rope_theta"] / 100


BREAKS: dict[str, Callable[[Config, Tensors], None]] = {
    "auxiliary ids far from the trained ones": far_layers,
    "auxiliary ids removed": no_layers,
    "auxiliary ids one later": layers_one_later,
    "auxiliary ids one earlier": layers_one_earlier,
    "d2t zeroed": zeroed_d2t,
    "d2t off by one": d2t_off_by_one,
    "norm_before_residual flipped": residual_flipped,
    "fc_norm flipped": fc_norm_flipped,
    "rope theta a hundredth": wrong_theta,
}


def broken(good: Path, name: str, folder: Path) -> Path:
    """Write the good head with one break into `folder`."""
    from safetensors.torch import load_file, save_file

    config = json.loads((good / "config.json").read_text())
    tensors = {name: value for path in sorted(good.glob("*.safetensors")) for name, value in load_file(path).items()}
    BREAKS[name](config, tensors)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    return folder


def verdict(findings: Sequence[Finding], best: str) -> str:
    """What the doctor says, in a cell of a table; `best`: the alternative that came nearest to being better."""
    named = {finding.field: finding.fix for finding in findings if finding.verdict == "wrong"}
    if named:
        return "wrong: " + "; ".join(f"`{field}`. {fix}" for field, fix in named.items())
    risks = "".join(f"; {each.check.removeprefix('measured: ')}: risk" for each in findings if each.verdict == "risk")
    (nearest,) = [each for each in findings if each.check == f"measured: {best}"]
    return f"nothing wrong{risks}. {best}: {nearest.consequence}"


def main() -> None:
    """Measure every break and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--good", type=Path, default=bundled.ASSETS / "smollm2-135m")
    parser.add_argument("--undertrained", type=Path, default=bundled.ASSETS / "smollm2-135m-undertrained")
    parser.add_argument("--max-tokens", type=int, default=96)
    args = parser.parse_args()
    cpu.prepare()
    from eagle3_viz.doctor.prompts import PROMPTS
    from eagle3_viz.doctor.trial import Trial
    from eagle3_viz.heads.verifier import Verifier

    pair = bundled.get()
    verifier = Verifier(str(pair.verifier))
    trial = Trial(verifier, list(verifier.write(PROMPTS, args.max_tokens)), bundled.NUM_SPECULATIVE_TOKENS)
    print(
        "| head | mean acceptance length | cost (99 %) | best instead (99 %) | the doctor says |\n|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as scratch:
        heads = {"as it ships": args.good}
        if args.undertrained.is_dir():
            heads["undertrained"] = args.undertrained
        heads |= {name: broken(args.good, name, Path(scratch) / str(n)) for n, name in enumerate(BREAKS)}
        reference = guessed(trial, args.good, str(pair.verifier))
        for name, folder in heads.items():
            print(row(trial, name, folder, reference, str(pair.verifier)), flush=True)


def guessed(trial: Any, folder: Path, verifier: str) -> Any:
    """What a head guesses over all texts, as configured."""
    from eagle3_viz.heads import module

    facts = gather(str(folder), verifier)
    checkpoint = module.load(folder, facts, trial.verifier.model)
    return trial.guesses(checkpoint, module.as_configured(facts), trial.texts)


def row(trial: Any, name: str, folder: Path, reference: Any, verifier: str) -> str:
    """One head's line of the table."""
    from eagle3_viz.doctor.verdicts import judge
    from eagle3_viz.heads import comparison

    facts = gather(str(folder), verifier)
    static = diagnose(facts)
    measured = trial.measure(folder, facts)
    cost = comparison.gain(guessed(trial, folder, verifier), reference)
    best = measured.tried[0]
    says = verdict([*static, *judge(measured, static)], best.name)
    return f"| {name} | {measured.length.value:.3f} | {cost} | {best.name} {best.gain} | {says} |"


if __name__ == "__main__":
    main()
