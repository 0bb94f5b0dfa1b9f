"""Run by Python at start-up in every process of a CPU-only engine (`eagle3_viz.cpu` puts it on PYTHONPATH).

PyPI's torchvision is built for CUDA. Beside a CPU-only torch its compiled half does not load, and its Python half
then fails on import because two operators have no schema. vLLM imports it in each process it spawns, so the schemas
have to be there before any of our own code can run. A build that does load is left alone.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class TorchvisionSchemas(importlib.abc.MetaPathFinder):
    """Defines the two schemas at the moment that `torchvision` is first imported, and steps aside."""

    library: object = None

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            define_schemas()
        return None


def define_schemas() -> None:
    """Declare `torchvision::nms` and `torchvision::qnms` unless the compiled half of torchvision can load."""
    import torch

    spec = importlib.machinery.PathFinder.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return
    compiled = Path(spec.submodule_search_locations[0]) / "_C.so"
    try:
        torch.ops.load_library(str(compiled))  # type: ignore[no-untyped-call]
    except OSError:
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in SCHEMAS:
            library.define(schema)  # type: ignore[no-untyped-call]
        TorchvisionSchemas.library = library  # the definitions live as long as this object


def run_shadowed() -> None:
    """Run the sitecustomize that this one hides, if the environment has its own."""
    here = Path(__file__).resolve().parent
    others = [entry for entry in sys.path if Path(entry).resolve() != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if "torchvision" not in sys.modules and not any(type(f).__name__ == "TorchvisionSchemas" for f in sys.meta_path):
    sys.meta_path.insert(0, TorchvisionSchemas())
if __name__ == "sitecustomize":
    run_shadowed()
