"""The host: start-up, failure, trying again; and our routes."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import ScriptedSource
from eagle3_viz.ui import assets, stream
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.routes import PREFIX, router
from eagle3_viz.ui.runs import Runs


async def until(host: Host, phase: str) -> None:
    with host.news.listen() as news:
        while host.state.phase != phase:
            news.clear()
            await news.wait()


async def test_progress_from_another_thread_is_told_with_the_time_it_took() -> None:
    now = 100.0
    go_on = asyncio.Event()

    async def opener(progress: Progress) -> Source:
        await asyncio.to_thread(progress, "Loading the weights", 0.5)
        await go_on.wait()
        return ScriptedSource()

    host = Host(opener, clock=lambda: now)
    host.start()
    with host.news.listen() as news:
        while host.state.message != "Loading the weights":
            news.clear()
            await news.wait()
    now = 107.0
    assert (host.state.phase, host.state.fraction, host.state.elapsed_s) == ("loading", 0.5, 7.0)
    with pytest.raises(InputError, match="wait until it is ready"):
        _ = host.source
    go_on.set()
    await until(host, "ready")
    assert host.state.engine == host.source.engine
    await host.close()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("no such head: check the path"), "no such head: check the path"),
        (OSError("disk full"), "OSError: disk full. The terminal shows the details."),
    ],
)
async def test_a_failure_is_told_and_can_be_tried_again(error: Exception, message: str) -> None:
    outcomes: list[Exception | None] = [error, None]

    async def opener(_: Progress) -> Source:
        if outcome := outcomes.pop(0):
            raise outcome
        return ScriptedSource()

    host = Host(opener)
    host.start()
    await until(host, "failed")
    assert host.state.message == message
    with pytest.raises(InputError, match="Try again"):
        _ = host.source
    host.start()
    await until(host, "ready")
    await host.close()


async def test_closing_while_the_engine_starts_ends_the_start() -> None:
    cancelled = asyncio.Event()

    async def opener(_: Progress) -> Source:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ScriptedSource()

    host = Host(opener)
    host.start()
    await asyncio.sleep(0)
    await host.close()
    assert cancelled.is_set()


async def test_the_engine_stream_begins_with_the_state_now() -> None:
    async def opener(_: Progress) -> Source:
        return ScriptedSource()

    host = Host(opener)
    host.start()
    await until(host, "ready")
    messages = stream.engine_messages(host)
    assert await anext(messages) == stream.RETRY
    told = json.loads((await anext(messages)).removeprefix(b"data: "))
    assert told["state"]["phase"] == "ready"
    assert "K = 3" in told["facts"]
    await messages.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async def opener(_: Progress) -> Source:
        return ScriptedSource()

    app = FastAPI()
    app.include_router(router(Host(opener), Runs()))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://demo{PREFIX}/") as client:
        yield client


@pytest.mark.parametrize("path", ["runs/unknown/events", "runs/unknown/trace.jsonl", "assets/secret.css"])
async def test_what_is_not_known_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("name", ["page.js", "lanes.js", "lanes.css", assets.plotly_name()])
async def test_what_the_page_loads_comes_from_here(client: httpx.AsyncClient, name: str) -> None:
    path = name if name.startswith("plotly") else f"assets/{name}"
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] in assets.MEDIA_TYPES.values()
    assert len(answer.content) > 500
