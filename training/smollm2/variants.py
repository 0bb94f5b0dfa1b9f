"""Stage 4: worse heads to look at beside the good one. What does not differ from it is linked, not copied.

    python -m training.smollm2.train --until 150000 --out runs/smollm2/undertrained
    python -m training.smollm2.variants [--good assets/smollm2-135m] [--out assets]

`smollm2-135m-wrong-aux` is the good head, fed from auxiliary layers far from its own. `smollm2-135m-small-vocab` knows
an eighth of the good draft vocabulary: the output matrix is the verifier's own, so leaving out rows is all it takes.
`smollm2-135m-undertrained` is the same recipe, stopped early.
"""

import argparse
import filecmp
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from eagle3_viz.bundled import ASSETS
from training.heads.shards import Shards
from training.smollm2 import settings
from training.smollm2.train import draft_vocabulary

WRONG_AUX_LAYERS = (1, 10, 16)
INDEX = "model.safetensors.index.json"
SMALL = "small-vocab.safetensors"


def link(good: Path, folder: Path, names: set[str]) -> None:
    """Point to the files `names` of `good` from `folder`, with relative links."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(Path("..") / good.name / name)


def write_config(good: Path, folder: Path, changes: dict[str, Any]) -> None:
    """Write the good head's config with `changes`."""
    config = json.loads((good / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def wrong_aux(good: Path, folder: Path) -> None:
    """Make the head that is fed from the wrong layers."""
    folder.mkdir(exist_ok=True)
    link(good, folder, {INDEX, *(path.name for path in good.glob("*.safetensors"))})
    write_config(good, folder, {"eagle_aux_hidden_state_layer_ids": list(WRONG_AUX_LAYERS)})


def small_vocabulary(good: Path, folder: Path, chosen: torch.Tensor) -> None:
    """Make the head that can only propose the verifier ids `chosen` (ascending, all in the good head's vocabulary)."""
    folder.mkdir(exist_ok=True)
    index = json.loads((good / INDEX).read_text())
    files = index["weight_map"]
    d2t = load_file(good / files["d2t"])["d2t"]
    kept = torch.isin(d2t + torch.arange(len(d2t)), chosen)
    own = {
        "d2t": chosen - torch.arange(len(chosen)),
        "t2d": torch.zeros(settings.VOCAB_SIZE, dtype=torch.bool).index_fill(0, chosen, True),
        "lm_head.weight": load_file(good / files["lm_head.weight"])["lm_head.weight"][kept],
    }
    save_file(own, folder / SMALL, metadata={"format": "pt"})
    index["weight_map"] = files | dict.fromkeys(own, SMALL)
    link(good, folder, set(index["weight_map"].values()) - {SMALL})
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    write_config(good, folder, {"draft_vocab_size": len(chosen)})


def undertrained(good: Path, run: Path, folder: Path) -> None:
    """Make the head that a run which stopped early exported to `run`; its files are cut as the good head's are."""
    folder.mkdir(exist_ok=True)
    same = {path.name for path in run.iterdir() if filecmp.cmp(path, good / path.name, shallow=False)}
    link(good, folder, same)
    for path in run.iterdir():
        if path.name not in same:
            shutil.copy(path, folder)


def main() -> None:
    """Read the command line and make all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--good", type=Path, default=ASSETS / "smollm2-135m")
    parser.add_argument("--features", type=Path, default=settings.RUNS / "features")
    parser.add_argument("--stopped", type=Path, default=settings.RUNS / "undertrained/speculator")
    parser.add_argument("--out", type=Path, default=ASSETS)
    args = parser.parse_args()
    wrong_aux(args.good, args.out / f"{args.good.name}-wrong-aux")
    undertrained(args.good, args.stopped, args.out / f"{args.good.name}-undertrained")
    size = json.loads((args.good / "config.json").read_text())["draft_vocab_size"] // 8
    small_vocabulary(
        args.good, args.out / f"{args.good.name}-small-vocab", draft_vocabulary(Shards(args.features), size)
    )


if __name__ == "__main__":
    main()
