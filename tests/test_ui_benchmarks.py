"""Benchmarks of visitors: one at a time, bounded, stopped when the model is replaced."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from eagle3_viz.bench.whole import Plan
from eagle3_viz.events import Sampling
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.benchmark_routes import benchmarks_router
from eagle3_viz.ui.benchmarks import MAX_HELD, PROMPTS, Benchmarks, Job, shipped
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.routes import PREFIX


async def opener(_: Progress) -> Source:
    return ScriptedSource(Script(num_tokens=20))


@pytest.fixture
async def benchmarks() -> AsyncIterator[Benchmarks]:
    found = Benchmarks()
    yield found
    await found.stop_all()
    found.forget_all()


@pytest.fixture
async def client(benchmarks: Benchmarks) -> AsyncIterator[httpx.AsyncClient]:
    host = Host([Model("fake", opener)])
    with host.news.listen() as news:
        host.start()
        while host.state.phase != "ready":
            await news.wait()
            news.clear()
    app = FastAPI()
    app.include_router(benchmarks_router(PREFIX, host, benchmarks, max_tokens=128))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://demo{PREFIX}/") as client:
        yield client
    await host.close()


async def ended(client: httpx.AsyncClient, query: str = "", content: bytes = b"") -> str:
    """Start one and wait for its end; its id."""
    answer = await client.post(f"benchmarks?{query}", content=content)
    assert answer.status_code == 200, answer.text
    job_id: str = answer.json()["id"]
    await client.get(f"benchmarks/{job_id}/events")
    return job_id


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("num_prompts=0", "prompts is 0: give 1 to 500"),
        ("concurrency=65", "at a time is 65: give 1 to 64"),
        ("tokens=129", "max tokens is 129: give 1 to 128"),
        ("dataset=other", "There is no dataset other"),
        ("dataset=mine.jsonl&sent=true", "mine.jsonl holds no prompt that can be measured"),
    ],
)
async def test_what_cannot_be_measured_is_told(client: httpx.AsyncClient, query: str, problem: str) -> None:
    answer = await client.post(f"benchmarks?{query}", content=b"")
    assert answer.status_code == 422
    assert problem in answer.json()["detail"]


async def test_another_sites_page_starts_nothing(client: httpx.AsyncClient, benchmarks: Benchmarks) -> None:
    answer = await client.post("benchmarks", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert benchmarks.running == []


async def test_one_at_a_time_and_it_can_be_stopped(client: httpx.AsyncClient, benchmarks: Benchmarks) -> None:
    first = (await client.post("benchmarks?tokens=100")).json()["id"]
    second = await client.post("benchmarks")
    assert second.status_code == 422
    assert "A benchmark is running" in second.json()["detail"]
    assert (await client.get(f"benchmarks/{first}/report")).status_code == 404
    known = (await client.get(f"benchmarks/{first}")).json()
    assert known == {"id": first, "title": "fake, Short prompts", "ended": False, "problem": None}
    assert (await client.post(f"benchmarks/{first}/stop")).status_code == 204
    await benchmarks.stop_all()
    assert benchmarks.running == []
    assert benchmarks.get(first).ended


async def test_the_report_tells_of_every_answer_and_hands_out_its_trace(client: httpx.AsyncClient) -> None:
    job = await ended(client, "num_prompts=4&tokens=12&concurrency=2")
    report = (await client.get(f"benchmarks/{job}/report")).json()
    assert report["summary"]["total_num_output_tokens"] == 4 * 12
    assert sum(answer["num_drafts"] for answer in report["answers"]) == report["summary"]["num_drafts"]
    assert [run["agrees"] for run in report["published"][:2]] == [False, True]
    request = (await client.get(f"benchmarks/{job}/answers/2")).json()
    assert request["events"][0]["messages"][0]["content"] == report["answers"][2]["prompt"]
    for number in (-1, 4):
        assert (await client.get(f"benchmarks/{job}/answers/{number}")).status_code == 404
    assert (await client.get("benchmarks/nobody/report")).status_code == 404


async def test_pictures_are_measured_too(client: httpx.AsyncClient) -> None:
    report = (await client.get(f"benchmarks/{await ended(client, 'dataset=Pictures&tokens=9')}/report")).json()
    assert [answer["input"] for answer in report["answers"]] == ["image"] * 3


async def test_what_came_from_elsewhere_names_no_file_here(client: httpx.AsyncClient) -> None:
    job = await ended(client, "num_prompts=1&tokens=12")
    data = json.loads((await client.get(f"benchmarks/{job}/bench.json")).content)
    data["answers"][0]["trace"] = "/etc/passwd"
    opened = (await client.post("benchmarks/open?name=x.json", content=json.dumps(data))).json()["id"]
    assert (await client.get(f"benchmarks/{opened}/answers/0")).status_code == 404
    compared = (await client.get(f"benchmarks/{job}/against/{opened}")).json()
    assert compared["pooled"]["difference"] == 0
    refused = await client.post("benchmarks/open?name=x.json", content=b"{}")
    assert "x.json is no benchmark's JSON" in refused.json()["detail"]


async def test_the_oldest_are_forgotten_with_their_traces(client: httpx.AsyncClient, benchmarks: Benchmarks) -> None:
    first = await ended(client, "num_prompts=1&tokens=5")
    folder = benchmarks.get(first).folder
    for _ in range(MAX_HELD):
        await ended(client, "num_prompts=1&tokens=5")
    assert (await client.get(f"benchmarks/{first}/report")).status_code == 404
    assert not folder.exists()


async def test_one_that_nobody_ever_looked_at_is_stopped() -> None:
    async def never(_: float) -> None:
        await asyncio.Event().wait()

    job = Job("never seen", abandoned_s=0)
    plan = Plan(dataset=shipped(PROMPTS, 1), sampling=Sampling(max_tokens=5), pair="fake", k=3)
    await asyncio.wait_for(job.run(ScriptedSource(sleep=never), plan), 10)
    assert job.stop.is_set()
    job.forget()


async def test_one_that_nobody_looks_at_is_stopped() -> None:
    job = Job("left", abandoned_s=0)
    with job.follow():
        pass
    await asyncio.wait_for(job.stop.wait(), 10)
    looked_at = Job("seen", abandoned_s=0)
    with looked_at.follow():
        with looked_at.follow():
            pass
        await asyncio.sleep(0)
        assert not looked_at.stop.is_set()
    for each in (job, looked_at):
        each.forget()
