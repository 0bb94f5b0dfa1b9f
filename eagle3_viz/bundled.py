"""The pairs of verifier and EAGLE-3 head that this project ships.

Heads, and the verifier of `tiny-llama4`, are in the repository's `assets/` folder. SmolLM2 is too big for that: it is
fetched and converted on first use (`eagle3_viz.gguf_verifier`). Importing this module needs neither torch nor vLLM.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eagle3_viz import cpu, gguf_verifier
from eagle3_viz.sources.base import Progress

ASSETS = Path(__file__).resolve().parents[1] / "assets"
NUM_SPECULATIVE_TOKENS = 3


@dataclass(frozen=True)
class Shipped:
    """Where a pair's parts are, as folders in `assets/`, and what its engine needs beyond every pair's arguments."""

    speculator: str
    verifier: str | None = None  # None: SmolLM2-135M-Instruct, fetched
    cpu_cores: int | None = None  # see `EngineConfig`
    engine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sees_images(self) -> bool:
        """Whether the verifier takes images."""
        return "limit_mm_per_prompt" in self.engine


SHIPPED = {
    "smollm2-135m": Shipped("smollm2-135m"),
    "tiny-llama4": Shipped(
        "tiny-llama4/speculator",
        verifier="tiny-llama4/verifier",
        cpu_cores=1,  # a second one helps it less than the processes around it
        engine={"limit_mm_per_prompt": {"image": 1}},
    ),
    # The good head made worse, each in one way: to see what that looks like.
    "smollm2-135m-small-vocab": Shipped("smollm2-135m-small-vocab"),
    "smollm2-135m-undertrained": Shipped("smollm2-135m-undertrained"),
    "smollm2-135m-wrong-aux": Shipped("smollm2-135m-wrong-aux"),
}
NAMES = tuple(SHIPPED)
GOOD = NAMES[:2]  # the pairs with a head as good as its recipe makes it


@dataclass(frozen=True)
class Pair:
    """A verifier and a draft head that belong together, both ready on disk."""

    name: str
    verifier: Path
    speculator: Path
    cpu_cores: int | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sees_images(self) -> bool:
        """Whether the verifier takes images."""
        return "limit_mm_per_prompt" in self.engine

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
            "kv_cache_memory_bytes": 2**30,
            "gpu_memory_utilization": 0.1,  # has to be free on a GPU, where others may be at work too
            "enforce_eager": cpu.is_cpu_only(),
            "disable_log_stats": False,  # without statistics vLLM counts no drafts
            **self.engine,
        }


def prepare_cpu(name: str = NAMES[0]) -> None:
    """Apply what a CPU-only machine needs for the pair `name` before vLLM is imported; does nothing elsewhere."""
    cpu.prepare(SHIPPED[name].cpu_cores)


def head(name: str) -> Path:
    """The folder of a pair's draft head."""
    return ASSETS / SHIPPED[name].speculator


def get(name: str = NAMES[0], progress: Progress | None = None) -> Pair:
    """Return the pair `name`, fetching and converting its verifier if that was not done yet.

    `progress` is called with a message and a fraction between 0 and 1 (None: unknown); without one, a terminal shows
    a bar. ValueError: no such pair. FileNotFoundError: the assets are missing. `gguf_verifier.PrepareError`: the
    verifier could not be made ready; the message says what to do.
    """
    if name not in SHIPPED:
        raise ValueError(f"There is no bundled pair {name!r}. Bundled pairs: {', '.join(NAMES)}.")
    shipped = SHIPPED[name]
    for part in filter(None, (shipped.speculator, shipped.verifier)):
        if not (ASSETS / part / "config.json").is_file():
            raise FileNotFoundError(
                f"A part of {name} is not at {ASSETS / part}. It belongs to the repository: run from a checkout, or "
                "install the checkout with `pip install -e .`."
            )
    verifier = ASSETS / shipped.verifier if shipped.verifier else gguf_verifier.ready(progress)
    return Pair(name, verifier, ASSETS / shipped.speculator, shipped.cpu_cores, shipped.engine)
