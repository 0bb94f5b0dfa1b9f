"""Finds the files that a browser loads: ours, and plotly.js out of the installed plotly package."""

import gzip
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from eagle3_viz.errors import InputError

MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}


@cache
def folder() -> Path:
    """The folder of our own web assets: in the package once installed, beside it in a checkout."""
    packaged = Path(str(files("eagle3_viz"))) / "assets"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / "assets"


def read(name: str) -> str:
    """The text of one of our assets."""
    return (folder() / name).read_text(encoding="utf-8")


def servable() -> dict[str, Path]:
    """The assets that a browser may ask for, by name."""
    return {path.name: path for path in folder().iterdir() if path.suffix in MEDIA_TYPES}


def plotly_name() -> str:
    """The name under which plotly.js is served: it changes with the version, so that it may be cached for good."""
    return f"plotly-{version('plotly')}.min.js"


@cache
def plotly_gzipped(compresslevel: int = 6) -> bytes:
    """plotly.js, compressed; 4.8 MB become 1.5.

    Raises:
        InputError: plotly is not installed.
    """
    spec = find_spec("plotly")  # found, not imported: nothing of its Python is needed
    if spec is None or spec.origin is None:
        raise InputError("plotly is not installed: run `pip install plotly`")
    plotly = (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_bytes()
    return gzip.compress(plotly, compresslevel=compresslevel, mtime=0)
