"""Who may import what."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "eagle3_viz"
FILES = sorted([*PACKAGE.rglob("*.py"), ROOT / "app.py"])
HEAVY = ("vllm", "torch", "gradio", "transformers", "numpy", "plotly", "PIL", "rich")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or later."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(module: str, files: list[Path] = FILES) -> set[str]:
    """The files that import a module or one below it, relative to the repository."""
    return {
        str(path.relative_to(ROOT))
        for path in files
        if any(name == module or name.startswith(f"{module}.") for name in imports(path))
    }


def test_only_the_engine_source_knows_vllm() -> None:
    others = {name for name in importers("vllm") if not name.startswith("eagle3_viz/sources/vllm_")}
    assert others == set()


def test_only_the_page_knows_gradio() -> None:
    others = {name for name in importers("gradio") if name != "app.py" and not name.startswith("eagle3_viz/ui/")}
    assert others == set()


@pytest.mark.parametrize(
    ("layer", "forbidden"),
    [
        ("analysis", ("sources", "bench", "views", "ui", "cli")),
        ("views", ("sources", "bench", "ui", "cli")),
        ("sources", ("analysis", "bench", "views", "ui", "cli")),
        ("bench", ("views", "ui", "cli")),
        ("cli", ("ui",)),
        ("doctor", ("views", "ui", "cli")),
        ("heads", ("sources", "views", "ui", "cli")),
    ],
)
def test_explanations_do_not_know_where_facts_come_from(layer: str, forbidden: tuple[str, ...]) -> None:
    files = sorted((PACKAGE / layer).rglob("*.py"))
    assert files
    for other in forbidden:
        assert importers(f"eagle3_viz.{other}", files) == set(), f"{layer} imports {other}"


def test_the_seam_stands_on_nothing_above_it() -> None:
    names = ("events", "codec", "counting", "records", "invariants", "ledger", "unpacking", "reading", "trace")
    seam = [PACKAGE / f"{name}.py" for name in names]
    for layer in ("sources", "analysis", "bench", "views", "ui", "cli"):
        assert importers(f"eagle3_viz.{layer}", seam) == set()


def test_rates_are_computed_in_one_place_only() -> None:
    """Outside of it, nobody divides what was accepted."""
    for path in FILES:
        if path != PACKAGE / "analysis" / "acceptance.py":
            divisions = [
                ast.unparse(node)
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and "accepted" in ast.unparse(node)
            ]
            assert divisions == [], path


def test_importing_the_package_is_light() -> None:
    code = f"import sys, eagle3_viz; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
