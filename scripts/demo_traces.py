"""Records the demo traces anew: the same prompts with the bundled head, and with that head fed from wrong layers.

python -m scripts.demo_traces            # starts the real engine twice; then read the difference before keeping it
"""

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
SAMPLING = Sampling(max_tokens=120)
GOOD, BAD = "text-good-head", "text-wrong-layers"


def requests() -> list[Request]:
    """The prompts."""
    return [
        Request(request_id=name, messages=[{"role": "user", "content": prompt}], sampling=SAMPLING, top_logprobs=5)
        for name, prompt in PROMPTS.items()
    ]


async def record_with(pair: bundled.Pair, name: str) -> None:
    """Start the pair's engine, record, and write the trace and its statistics."""
    from eagle3_viz.sources.vllm_engine import VllmSource

    source = await VllmSource.open(bundled_config(pair, None))
    try:
        trace = await record(source, requests())
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


def main() -> None:
    """Record both."""
    bundled.prepare_cpu()
    pair = bundled.get("smollm2-135m")
    OUT.mkdir(parents=True, exist_ok=True)
    asyncio.run(record_with(pair, GOOD))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(record_with(replace(pair, speculator=wrong_layers(pair.speculator, Path(folder))), BAD))


if __name__ == "__main__":
    main()
