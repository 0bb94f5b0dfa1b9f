"""What only a CPU-only machine needs, applied before vLLM is imported.

Every line here works around something (docs/design.md tells what was measured) and can go when its reason does:

- the mended modules (`cpu_site/sitecustomize.py` names each and its reason);
- the thread binding: when vLLM stops keeping a core for itself on small machines, and chooses by the model's size;
- the pinned model runner: when Triton has a CPU backend and vLLM's V2 runner is tested on CPU.
"""

import importlib
import os
from importlib import metadata
from pathlib import Path

SITE = Path(__file__).with_name("cpu_site")
ours: dict[str, str] = {}  # what this module has put into the environment


def is_cpu_only() -> bool:
    """Whether the installed torch is a CPU build; False where there is no torch."""
    try:
        return metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False


def prepare(num_cores: int | None = None) -> None:
    """Set this process and its children up for vLLM on CPU; does nothing where torch can use a GPU.

    Values that the user has set in the environment win.

    Args:
        num_cores: how many of the machine's cores the model of the next engine works on; None: all.
    """
    if not is_cpu_only():
        return
    cores = sorted(os.sched_getaffinity(0))[:num_cores]
    defaults = {
        "VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, cores)),  # by default vLLM leaves one core idle
        "VLLM_CPU_KVCACHE_SPACE": "1",  # whole GiB
        "VLLM_USE_V2_MODEL_RUNNER": "0",
    }
    for name, value in defaults.items():
        if os.environ.get(name) in (None, ours.get(name)):
            os.environ[name] = ours[name] = value
    path = os.environ.get("PYTHONPATH", "")
    if str(SITE) not in path.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SITE), path]))
        importlib.import_module("eagle3_viz.cpu_site.sitecustomize")
