"""Records the demo traces anew, each on a real engine: read the difference before keeping it.

python -m scripts.demo_traces [NAME ...]     # text-good-head text-wrong-layers image; without names, all of them
"""

import argparse
import asyncio
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from eagle3_viz import bundled
from eagle3_viz.analysis.statistics import statistics_of_file
from eagle3_viz.cli.stats import as_json
from eagle3_viz.events import Sampling
from eagle3_viz.sources.base import Request, record
from eagle3_viz.sources.opening import bundled_config

OUT = Path("assets/traces")
PROMPTS = {
    "sky": "Why is the sky blue? Explain it to a child in a few sentences.",
    "palindrome": "Write a Python function that checks whether a word is a palindrome, with a docstring.",
    "poem": "Write a short, strange poem about a lighthouse that is afraid of the dark.",
}
IMAGES = Path("assets/images")
ABOUT_AN_IMAGE = "What is in this picture?"
SAMPLING = Sampling(max_tokens=120)
GOOD, BAD, IMAGE = "text-good-head", "text-wrong-layers", "image"


def about_text() -> list[Request]:
    """The prompts, without images."""
    return [
        Request(request_id=name, messages=[{"role": "user", "content": prompt}], sampling=SAMPLING, top_logprobs=5)
        for name, prompt in PROMPTS.items()
    ]


def about_images() -> list[Request]:
    """The same question about each of the example images."""
    return [
        Request(
            request_id=path.stem,
            messages=[{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": ABOUT_AN_IMAGE}]}],
            images=(path.read_bytes(),),
            sampling=SAMPLING,
            top_logprobs=5,
        )
        for path in sorted(IMAGES.glob("*.png"))
    ]


async def record_with(pair: bundled.Pair, name: str, requests: list[Request]) -> None:
    """Start the pair's engine, record, and write the trace and its statistics."""
    from eagle3_viz.sources.vllm_engine import VllmSource

    source = await VllmSource.open(bundled_config(pair, None))
    try:
        trace = await record(source, requests)
    finally:
        await source.close()
    path = OUT / f"{name}.jsonl.gz"
    trace.save(path)
    figures = json.dumps(as_json(statistics_of_file(path)), indent=2)
    (OUT / f"{name}.stats.json").write_text(figures + "\n", encoding="utf-8")
    print(f"{path}: mean acceptance length {statistics_of_file(path).rates.mean_acceptance_length:.2f}")


def wrong_layers(good: Path, folder: Path) -> Path:
    """The head `good` fed from wrong layers, in `folder`."""
    from training.smollm2 import variants

    (folder / good.name).symlink_to(good)
    bad = folder / f"{good.name}-wrong-aux"
    variants.wrong_aux(folder / good.name, bad)
    return bad


def main(names: list[str]) -> None:
    """Record those."""
    bundled.prepare_cpu()
    OUT.mkdir(parents=True, exist_ok=True)
    if IMAGE in names:
        asyncio.run(record_with(bundled.get("tiny-llama4"), IMAGE, about_images()))
    pair = bundled.get("smollm2-135m")
    if GOOD in names:
        asyncio.run(record_with(pair, GOOD, about_text()))
    if BAD in names:
        with tempfile.TemporaryDirectory() as folder:
            bad = replace(pair, speculator=wrong_layers(pair.speculator, Path(folder)))
            asyncio.run(record_with(bad, BAD, about_text()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Record the demo traces anew.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {GOOD}, {BAD} and {IMAGE}; default: all")
    main(parser.parse_args().names or [GOOD, BAD, IMAGE])
