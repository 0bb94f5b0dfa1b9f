"""Draws pictures that no training has seen and asks something about each: the image prompts of the README's table.

python -m benchmarks.picture_prompts build/bench/pictures   # writes prompts.jsonl and the pictures beside it
"""

import argparse
import json
import random
from pathlib import Path

from training.tiny_llama4 import conversations, drawing, scenes

NUMBER = 60
SEED = "benchmark"  # training and its evaluation draw from other seeds


def write(folder: Path, number: int) -> Path:
    """Draw `number` pictures into a folder; returns the file of prompts about them."""
    rng = random.Random(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for place in range(number):
        scene = scenes.scene(rng)
        exchange = conversations.ask(rng, scene)
        name = f"{place:03d}.png"
        drawing.draw(rng, scene)[0].save(folder / name)
        lines.append(
            json.dumps({"id": f"{place:03d}", "category": exchange.kind, "prompt": exchange.question, "image": name})
        )
    prompts = folder / "prompts.jsonl"
    prompts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return prompts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--number", type=int, default=NUMBER)
    args = parser.parse_args()
    print(write(args.folder, args.number))
