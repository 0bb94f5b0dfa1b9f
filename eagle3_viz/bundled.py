"""The pairs of verifier and EAGLE-3 head that this project ships.

Heads are in the repository's `assets/` folder. The verifier of `smollm2-135m` is too big for that: it is fetched and
converted on first use (`eagle3_viz.gguf_verifier`). Importing this module needs neither torch nor vLLM.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eagle3_viz import cpu, gguf_verifier
from eagle3_viz.sources.base import Progress

ASSETS = Path(__file__).resolve().parents[1] / "assets"
NAMES = ("smollm2-135m",)
NUM_SPECULATIVE_TOKENS = 3


@dataclass(frozen=True)
class Pair:
    """A verifier and a draft head that belong together, both ready on disk."""

    name: str
    verifier: Path
    speculator: Path

    def engine_args(self) -> dict[str, Any]:
        """Keyword arguments for `vllm.LLM` or `vllm.AsyncEngineArgs`, sized for two CPU cores and 1 GiB of KV cache."""
        return {
            "model": str(self.verifier),
            "served_model_name": self.name,
            "speculative_config": {
                "method": "eagle3",
                "model": str(self.speculator),
                "num_speculative_tokens": NUM_SPECULATIVE_TOKENS,
            },
            "dtype": "float32",
            "max_model_len": 2048,
            "max_num_seqs": 16,
            "enforce_eager": True,
            "disable_log_stats": False,  # without statistics vLLM counts no drafts
        }


def prepare_cpu() -> None:
    """Apply what a CPU-only machine needs before vLLM is imported; does nothing elsewhere."""
    cpu.prepare()


def get(name: str = NAMES[0], progress: Progress | None = None) -> Pair:
    """Return the pair `name`, fetching and converting its verifier if that was not done yet.

    `progress` is called with a message and a fraction between 0 and 1 (None: unknown); without one, a terminal shows
    a bar. ValueError: no such pair. FileNotFoundError: the assets are missing. `gguf_verifier.PrepareError`: the
    verifier could not be made ready; the message says what to do.
    """
    if name not in NAMES:
        raise ValueError(f"There is no bundled pair {name!r}. Bundled pairs: {', '.join(NAMES)}.")
    speculator = ASSETS / name
    if not (speculator / "config.json").is_file():
        raise FileNotFoundError(
            f"The head of {name} is not at {speculator}. It is part of the repository: run from a checkout, or install "
            "the checkout with `pip install -e .`."
        )
    return Pair(name, verifier=gguf_verifier.ready(progress), speculator=speculator)
