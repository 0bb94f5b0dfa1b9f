"""The page as it is on a Space: a process of its own in a clean folder, behind a proxy, in another site's frame."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.async_api import Browser, FrameLocator, expect
from starlette.applications import Starlette

from eagle3_viz import bundled, gguf_verifier
from eagle3_viz.trace import Trace
from scripts import space_proxy

pytestmark = [pytest.mark.browser, pytest.mark.engine]

ROOT = Path(__file__).parents[2]
PUBLIC = "localhost"  # for a browser another site than 127.0.0.1, where the frame's page is


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def clean_folder(tmp_path: Path) -> Path:
    """What git has, and nothing else."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "app" / name)
    return tmp_path / "app"


@pytest.fixture
def port(clean_folder: Path, tmp_path: Path, pair: bundled.Pair) -> Iterator[int]:
    """The app as a Space starts it, with the real engine; only the verifier is here already."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "EAGLE3_VIZ_CACHE": str(gguf_verifier.cache_folder()),
        "SPACE_ID": "somebody/eagle3",
        "SYSTEM": "spaces",
        "GRADIO_SSR_MODE": "True",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "EAGLE3_RUNS": str(tmp_path / "runs"),
        "EAGLE3_MAX_TOKENS": "1500",
    }
    with subprocess.Popen([sys.executable, "app.py"], cwd=clean_folder, env=environment) as process:
        yield port
        process.terminate()


@asynccontextmanager
async def served(app: Starlette, port: int, keys: tuple[Path, Path]) -> AsyncIterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=port, log_level="warning", ssl_certfile=keys[0], ssl_keyfile=keys[1], timeout_graceful_shutdown=1
        )
    )
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def hub(port: int, tmp_path: Path) -> AsyncIterator[str]:
    """The address of the page around the Space."""
    keys = await asyncio.to_thread(space_proxy.certificate, tmp_path)
    front, outside = free_port(), free_port()
    public = f"{PUBLIC}:{front}"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served(space_proxy.proxy(f"http://127.0.0.1:{port}", public), front, keys))
        await stack.enter_async_context(served(space_proxy.frame(f"https://{public}/"), outside, keys))
        await until_up(f"http://127.0.0.1:{port}/gradio_api/eagle3/recordings")
        yield f"https://127.0.0.1:{outside}/"


async def until_up(address: str) -> None:
    """Return when the address answers: the app has to import Gradio first."""
    transport = httpx.AsyncHTTPTransport(retries=10)  # each pause is twice the last, from half a second on
    async with httpx.AsyncClient(transport=transport) as client:
        (await client.get(address, timeout=60)).raise_for_status()


async def start(space: FrameLocator, max_tokens: int) -> None:
    await expect(space.locator(".e3-bar")).to_have_attribute("data-phase", "ready", timeout=180_000)
    await space.get_by_role("textbox", name="Prompt").fill("Write a long story about a lighthouse keeper and a whale.")
    await space.get_by_label("Max tokens").fill(str(max_tokens))
    await space.locator("#e3-generate").click()


async def test_a_live_run_streams_and_stops_inside_a_frame(browser: Browser, hub: str, tmp_path: Path) -> None:
    context = await browser.new_context(ignore_https_errors=True, viewport={"width": 1300, "height": 1500})
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    insecure: list[str] = []
    page.on("request", lambda asked: insecure.append(asked.url) if asked.url.startswith("http:") else None)
    await page.goto(hub)
    space = page.frame_locator("iframe")
    await start(space, max_tokens=1501)
    await expect(space.locator(".e3-problem")).to_contain_text(
        "max tokens is 1,501: this page gives up to 1,500", timeout=30_000
    )

    await start(space, max_tokens=1500)
    await expect(space.locator(".e3-lane .e3-step").nth(3)).to_be_visible(timeout=30_000)
    await space.locator("#e3-stop").click()
    await expect(space.locator(".e3-state")).to_contain_text("Stopped", timeout=30_000)

    await space.get_by_text("Saved runs (1)").click()
    await expect(space.get_by_text("Only this browser knows of these runs.")).to_be_visible()
    assert await space.get_by_role("button", name="rename").count() == 0
    [run] = saved(tmp_path / "runs")
    assert run.header.engine.draft == "smollm2-135m"
    assert (errors, insecure) == ([], [])
    await context.close()


def saved(folder: Path) -> list[Trace]:
    return [Trace.load(path) for path in folder.iterdir()]
