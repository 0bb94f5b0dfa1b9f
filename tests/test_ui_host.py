"""The host: start-up, failure, trying again; and our routes."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from eagle3_viz import web
from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import ScriptedSource
from eagle3_viz.ui import stream
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.models import Model, cost
from eagle3_viz.ui.routes import PREFIX, recordings_router, router
from eagle3_viz.ui.runs import Runs
from eagle3_viz.ui.uploads import Uploads


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

    host = Host([Model("a", opener)], clock=lambda: now)
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

    host = Host([Model("a", opener)])
    host.start()
    await until(host, "failed")
    assert host.state.message == f"The engine could not be started. {message}"
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

    host = Host([Model("a", opener)])
    host.start()
    await asyncio.sleep(0)
    await host.close()
    assert cancelled.is_set()


def noting(told: list[str], name: str) -> Model:
    """A model whose opening and closing are noted."""

    class Noting(ScriptedSource):
        async def close(self) -> None:
            told.append(f"close {name}")

    async def opener(_: Progress) -> Source:
        told.append(f"open {name}")
        return Noting()

    return Model(name, opener)


async def test_another_model_is_opened_after_runs_and_engine_have_ended() -> None:
    told: list[str] = []
    go_on = asyncio.Event()

    async def stop_runs() -> None:
        told.append("stop runs")
        await go_on.wait()

    host = Host([noting(told, "a"), noting(told, "b")])
    host.start()
    await until(host, "ready")
    host.switch("b", stop_runs)
    assert (host.state.phase, host.state.model) == ("loading", "b")
    with pytest.raises(InputError, match="wait until it is ready"):
        _ = host.source
    with pytest.raises(InputError, match="being loaded"):
        host.switch("a", stop_runs)
    go_on.set()
    await until(host, "ready")
    assert told == ["open a", "stop runs", "close a", "open b"]
    assert host.took_s.keys() == {"a", "b"}
    host.switch("b", stop_runs)  # it is there already
    assert host.state.phase == "ready"
    await host.close()
    assert told[-1] == "close b"


async def test_an_unknown_model_is_refused_and_nothing_is_lost() -> None:
    host = Host([noting([], "a")])
    host.start()
    await until(host, "ready")
    with pytest.raises(InputError, match="choose one of a"):
        host.switch("c", Runs().stop_all)
    assert host.source
    await host.close()


async def test_after_a_model_that_cannot_be_opened_another_can() -> None:
    async def broken(_: Progress) -> Source:
        raise InputError("no such head")

    host = Host([noting([], "a"), Model("broken", broken)])
    host.start()
    await until(host, "ready")
    host.switch("broken", Runs().stop_all)
    await until(host, "failed")
    assert host.state.message.endswith("no such head")
    host.switch("a", Runs().stop_all)
    await until(host, "ready")
    await host.close()


async def test_an_engine_that_does_not_close_in_order_does_not_block_the_next() -> None:
    class Stubborn(ScriptedSource):
        async def close(self) -> None:
            raise OSError("still here")

    async def opener(_: Progress) -> Source:
        return Stubborn()

    host = Host([Model("stubborn", opener), noting([], "b")])
    host.start()
    await until(host, "ready")
    host.switch("b", Runs().stop_all)
    await until(host, "ready")
    assert host.state.model == "b"
    await host.close()


async def test_leaving_while_models_change_closes_the_old_one() -> None:
    told: list[str] = []
    host = Host([noting(told, "a"), noting(told, "b")])
    host.start()
    await until(host, "ready")
    host.switch("b", asyncio.Event().wait)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await host.close()
    assert told == ["open a", "close a"]


@pytest.mark.parametrize(
    ("running", "benchmarks", "took_s", "said"),
    [
        (0, 0, None, "about half a minute"),
        (0, 0, 24.4, "about 24 s"),
        (0, 0, 0.1, "No run is under way. What"),
        (1, 0, None, "One run is under way: it will be stopped. What"),
        (3, 1, None, "3 runs are under way, other visitors' too: they will be stopped. A benchmark is under way"),
    ],
)
def test_the_cost_of_loading_is_told(running: int, benchmarks: int, took_s: float | None, said: str) -> None:
    assert said in cost("b", running, benchmarks, took_s)


async def test_the_engine_stream_begins_with_the_state_now() -> None:
    async def opener(_: Progress) -> Source:
        return ScriptedSource()

    host = Host([Model("a", opener)])
    host.start()
    await until(host, "ready")
    messages = stream.engine_messages(host)
    assert await anext(messages) == stream.RETRY
    told = json.loads((await anext(messages)).removeprefix(b"data: "))
    assert told["state"]["phase"] == "ready"
    assert "K = 3" in told["facts"]
    assert told["models"] == [{"name": "a", "label": "a"}]
    await messages.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async def opener(_: Progress) -> Source:
        return ScriptedSource()

    app = FastAPI()
    app.include_router(
        router(Host([Model("a", opener)]), Runs(), Uploads(), lambda name: cost(name, 0, 1, None), Runs().stop_all)
    )
    app.include_router(recordings_router(Library(None)))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://demo{PREFIX}/") as client:
        yield client


SITES = ("cross-site", "same-origin")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "engine/retry"),
        ("POST", "engine/models/a"),
        ("POST", "images"),
        ("POST", "recordings"),
        ("PUT", "recordings/a/title"),
        ("DELETE", "recordings/a"),
    ],
)
async def test_another_sites_page_changes_nothing(client: httpx.AsyncClient, method: str, path: str) -> None:
    answers = [await client.request(method, path, headers={"sec-fetch-site": site}) for site in SITES]
    assert [answer.status_code == 403 for answer in answers] == [True, False]


@pytest.mark.parametrize("path", ["runs/unknown/events", "runs/unknown/trace.jsonl", "assets/secret.css"])
async def test_what_is_not_known_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_models_are_priced_and_loaded_by_name(client: httpx.AsyncClient) -> None:
    assert "Loading a takes" in (await client.get("engine/models/a")).json()["cost"]
    answer = await client.post("engine/models/some%2Fother")
    assert (answer.status_code, answer.json()["detail"]) == (409, "There is no model some/other: choose one of a.")


@pytest.mark.parametrize(
    "name", ["page.js", "added.js", "pictures.js", "models.js", "lanes.js", "lanes.css", web.plotly_name()]
)
async def test_what_the_page_loads_comes_from_here(client: httpx.AsyncClient, name: str) -> None:
    path = name if name.startswith("plotly") else f"assets/{name}"
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] in web.MEDIA_TYPES.values()
    assert len(answer.content) > 500


class Mortal(ScriptedSource):
    """A source that ends when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.death: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed = False

    async def ended(self) -> str:
        return await self.death

    async def close(self) -> None:
        self.closed = True


async def test_an_engine_that_dies_is_told_and_can_be_started_again() -> None:
    opened: list[Mortal] = []

    async def opener(_: Progress) -> Source:
        opened.append(Mortal())
        return opened[-1]

    host = Host([Model("a", opener)])
    host.start()
    await until(host, "ready")
    opened[0].death.set_result("vLLM stopped")
    await until(host, "failed")
    assert (host.state.message, opened[0].closed) == ("vLLM stopped", True)
    with pytest.raises(InputError, match="press “Try again”"):
        _ = host.source
    host.start()
    await until(host, "ready")
    assert host.source is opened[1]
    await host.close()
    assert opened[1].closed
