"""The page's process is killed in the middle of a run: what a visitor had seen is on the disk."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from eagle3_viz.events import Step
from eagle3_viz.reading import CUT_SHORT
from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.trace import Trace
from tests.browser.test_space import free_port, until_up

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
STEPS_LOST_AT_MOST = 12  # a second of the fake engine: twice the time between two flushes


@pytest.fixture
def page_process(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """The process id of a running page, and its address."""
    port = free_port()
    command = [sys.executable, "app.py", "--fake", "--runs", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        yield process.pid, f"http://127.0.0.1:{port}/"
        process.kill()


async def test_what_was_seen_is_saved(browser: Browser, page_process: tuple[int, str], tmp_path: Path) -> None:
    pid, address = page_process
    await until_up(f"{address}gradio_api/eagle3/recordings")
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(address)
    await expect(page.locator("#e3-generate")).to_be_enabled(timeout=60_000)
    await page.get_by_role("textbox", name="Prompt").fill("Tell me about the river.")
    await page.locator("#e3-generate").click()
    await expect(page.locator(".e3-lane .e3-step").nth(35)).to_be_attached(timeout=60_000)
    os.kill(pid, signal.SIGKILL)
    seen = await page.locator(".e3-lane .e3-step").count()
    await context.close()

    (run,) = RunsFolder(tmp_path).list()
    trace = Trace.load(RunsFolder(tmp_path).find(run.name))
    assert trace.warnings == [CUT_SHORT]
    assert sum(isinstance(event, Step) for event in trace.events) >= seen - STEPS_LOST_AT_MOST
