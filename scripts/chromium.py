"""Finds a Chromium for Playwright, and starts it so that it stays offline by itself."""

import shutil
from pathlib import Path

from playwright.async_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
INSTALL = "`sudo apt-get install chromium`, or `.venv/bin/playwright install chromium`"


class NoBrowserError(RuntimeError):
    """There is no Chromium on this machine."""


def find(playwright: Playwright) -> str:
    """The path of an installed Chromium or Chrome, or of Playwright's own.

    Raises:
        NoBrowserError: there is none; the message says which line installs one.
    """
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    path = installed or playwright.chromium.executable_path
    if not Path(path).exists():
        raise NoBrowserError(f"no Chromium was found: run {INSTALL}")
    return path


async def launch(playwright: Playwright) -> Browser:
    """Start it, headless.

    Raises:
        NoBrowserError: there is none.
    """
    return await playwright.chromium.launch(executable_path=find(playwright), args=list(FLAGS))
