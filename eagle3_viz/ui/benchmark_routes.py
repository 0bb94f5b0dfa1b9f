"""HTTP routes of the tab “Benchmark”: start, follow, stop, the report, its files, comparing two."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from eagle3_viz.analysis import results
from eagle3_viz.analysis.paired import paired
from eagle3_viz.bench import datasets
from eagle3_viz.bench.whole import Plan
from eagle3_viz.config import check_sampling
from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling
from eagle3_viz.ui.answers import read_body, same_site, telling
from eagle3_viz.ui.benchmarks import (
    MAX_CONCURRENCY,
    MAX_FILE_BYTES,
    MAX_PROMPTS,
    PROMPTS,
    Benchmarks,
    Job,
    shipped,
)
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.news import wait_at_most
from eagle3_viz.ui.recording_routes import as_file, as_json
from eagle3_viz.ui.stream import KEEPALIVE, KEEPALIVE_S, RETRY, message
from eagle3_viz.views import benchmark_page, recordings

MAX_MOVED = 20
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


def benchmarks_router(prefix: str, host: Host, benchmarks: Benchmarks, max_tokens: int | None) -> APIRouter:
    """The routes; `max_tokens` is the most that the owner of the page gives for one answer."""
    routes = APIRouter(prefix=f"{prefix}/benchmarks", dependencies=[Depends(same_site)])
    add_starting_routes(routes, host, benchmarks, max_tokens)
    add_following_routes(routes, benchmarks)
    add_report_routes(routes, benchmarks)
    return routes


def too_large(_: int) -> str:
    """What is said of a file that is not taken."""
    return f"The file has more than {MAX_FILE_BYTES // 2**20} MB: run `python -m eagle3_viz bench` on it instead."


def within(name: str, value: int, most: int) -> int:
    """The value.

    Raises:
        InputError: it is not 1 to `most`.
    """
    if not 1 <= value <= most:
        raise InputError(f"{name} is {value:,}: give 1 to {most:,}")
    return value


def add_starting_routes(routes: APIRouter, host: Host, benchmarks: Benchmarks, max_tokens: int | None) -> None:
    """Measuring, and taking in what was measured elsewhere."""

    @routes.post("")
    async def start(
        request: Request,
        dataset: str = PROMPTS,
        sent: bool = False,
        num_prompts: int = 20,
        tokens: int = 128,
        concurrency: int = 1,
    ) -> Response:
        with telling(422):
            _ = host.source  # refuses at once where there is none
            limit = within("prompts", num_prompts, MAX_PROMPTS)
            sampling = Sampling(max_tokens=within("max tokens", tokens, max_tokens or 10**6))
            check_sampling(sampling, 0)
            body = await read_body(request, MAX_FILE_BYTES, too_large) if sent else b""
            found = await asyncio.to_thread(
                lambda: datasets.read_sent(body, dataset[:80], limit) if sent else shipped(dataset, limit)
            )
            source = host.source  # which may have been replaced while the file was on its way
            plan = Plan(
                dataset=found,
                sampling=sampling,
                pair=host.state.model,
                concurrency=within("at a time", concurrency, MAX_CONCURRENCY),
                k=source.engine.num_speculative_tokens,
            )
            job = benchmarks.start(source, plan)
        return as_json({"id": job.job_id, "title": job.title})

    @routes.post("/open")
    async def take_in(request: Request, name: str = "bench.json") -> Response:
        with telling(422):
            body = await read_body(request, MAX_FILE_BYTES, too_large)
            found = await asyncio.to_thread(results.decode, body, name[:80])
            job = benchmarks.open(found, name[:80])
        return as_json({"id": job.job_id, "title": job.title})


def add_following_routes(routes: APIRouter, benchmarks: Benchmarks) -> None:
    """How far one is, and stopping it."""

    @routes.get("/{job_id}")
    async def one(job_id: str) -> Response:
        with telling():
            job = benchmarks.get(job_id)
        return as_json({"id": job.job_id, "title": job.title, "ended": job.ended, "problem": job.problem})

    @routes.get("/{job_id}/events")
    async def events(job_id: str) -> StreamingResponse:
        with telling():
            job = benchmarks.get(job_id)
        return StreamingResponse(progress(job), media_type="text/event-stream", headers=STREAM_HEADERS)

    @routes.post("/{job_id}/stop", status_code=204)
    async def stop(job_id: str) -> None:
        with telling():
            benchmarks.get(job_id).stop.set()


async def progress(job: Job) -> AsyncIterator[bytes]:
    """Messages about a benchmark, to its end."""
    yield RETRY
    with job.follow() as news:
        while not job.ended:
            news.clear()
            told = {"message": job.message, "fraction": job.fraction, "summary": job.so_far()}
            yield message(msgspec.json.encode(told))
            await wait_at_most(news, KEEPALIVE_S)
            if not news.is_set():
                yield KEEPALIVE
    yield message(msgspec.json.encode({"problem": job.problem}), event="end")


def result_of(benchmarks: Benchmarks, job_id: str) -> results.Benchmark:
    """What a benchmark came to.

    Raises:
        InputError: it is not known, or has not ended.
    """
    found = benchmarks.get(job_id).result
    if found is None:
        raise InputError("This benchmark has not ended yet.")
    return found


def add_report_routes(routes: APIRouter, benchmarks: Benchmarks) -> None:
    """The report, its files, one of its answers, and two reports beside each other."""

    @routes.get("/{job_id}/report")
    async def report(job_id: str) -> Response:
        with telling():
            return as_json(benchmark_page.page(result_of(benchmarks, job_id)))

    @routes.get("/{job_id}/bench.json")
    async def json_file(job_id: str) -> Response:
        with telling():
            return as_file(results.encode(result_of(benchmarks, job_id)), "bench.json", "application/json")

    @routes.get("/{job_id}/bench.csv")
    async def csv_file(job_id: str) -> Response:
        with telling():
            return as_file(benchmark_page.as_csv(result_of(benchmarks, job_id)), "bench.csv", "text/csv")

    @routes.get("/{job_id}/answers/{number}")
    async def answer(job_id: str, number: int) -> Response:
        with telling():
            trace = await asyncio.to_thread(benchmarks.get(job_id).trace, number)
        return as_json(recordings.request(trace, next(iter(trace.requests))))

    @routes.get("/{job_id}/against/{other_id}")
    async def compare(job_id: str, other_id: str) -> Response:
        with telling():
            a, b = result_of(benchmarks, job_id), result_of(benchmarks, other_id)
            found = await asyncio.to_thread(comparison, a, b)
        return as_json(found)


def comparison(a: results.Benchmark, b: results.Benchmark) -> dict[str, Any]:
    """Two benchmarks beside each other, with as much of it as a page can show.

    Raises:
        InputError: they have no prompt in common.
    """
    greedy = not a.settings["temperature"] and not b.settings["temperature"] and a.engine.verifier == b.engine.verifier
    found = paired(a.answers, b.answers, greedy=greedy)
    if not found.num_pairs:
        raise InputError("These two have no prompt in common: there is nothing to compare.")
    data: dict[str, Any] = msgspec.to_builtins(found)
    data["prompts"] = data["prompts"][:MAX_MOVED]
    if found.greedy:
        data["greedy"]["spots"] = data["greedy"]["spots"][:MAX_MOVED]
    return data
