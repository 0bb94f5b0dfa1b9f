"""Our HTTP routes beside Gradio's: streams, stop, a run's trace file, and assets.

They live under `/gradio_api`, the prefix that reaches Python where a Node server stands in front of the port.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from functools import partial

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from eagle3_viz import web
from eagle3_viz.config import MAX_IMAGE_BYTES, image_too_large
from eagle3_viz.ui import stream
from eagle3_viz.ui.answers import read_body, same_site, telling
from eagle3_viz.ui.branch import branch
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.models import Price
from eagle3_viz.ui.recording_routes import add_recording_routes, report_response
from eagle3_viz.ui.runs import Run, Runs
from eagle3_viz.ui.uploads import Uploads
from eagle3_viz.views.report import Titled

StopAll = Callable[[], Awaitable[None]]

PREFIX = "/gradio_api/eagle3"
MAX_NAME_CHARACTERS = 200
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
FOREVER = {"cache-control": "public, max-age=31536000, immutable"}


def event_stream(messages: AsyncIterator[bytes]) -> StreamingResponse:
    """A response of server-sent events that nothing on the way may hold back."""
    return StreamingResponse(messages, media_type="text/event-stream", headers=STREAM_HEADERS)


def next_event(request: Request, start: int) -> int:
    """Where a stream begins: where a browser that comes back says it was, else `start`."""
    last = request.headers.get("last-event-id", "")
    return int(last) if last.isascii() and last.isdigit() else max(0, start)


def router(host: Host, runs: Runs, uploads: Uploads, price: Price, stop_all: StopAll) -> APIRouter:
    """The routes to an engine, its runs and the images of their prompts; `stop_all` stops whatever uses the engine."""
    routes = APIRouter(prefix=PREFIX, dependencies=[Depends(same_site)])
    add_engine_routes(routes, host, price, stop_all)
    add_upload_route(routes, uploads)
    add_run_routes(routes, runs)
    add_branch_route(routes, host, runs)
    return routes


def recordings_router(library: Library) -> APIRouter:
    """The routes to recordings, and to what every page needs."""
    routes = APIRouter(prefix=PREFIX, dependencies=[Depends(same_site)])
    add_recording_routes(routes, library)
    add_asset_routes(routes)
    return routes


def add_engine_routes(routes: APIRouter, host: Host, price: Price, stop_all: StopAll) -> None:
    """The engine's state, what the doctor says of its models, trying again, and loading others."""

    @routes.get("/engine")
    async def engine() -> StreamingResponse:
        return event_stream(stream.engine_messages(host))

    @routes.post("/engine/retry", status_code=204)
    async def retry() -> None:
        host.start()

    @routes.get("/engine/doctor")
    async def doctor() -> list[dict[str, str]]:
        checkup = host.model.checkup
        with telling(409):
            return [asdict(finding) for finding in await asyncio.to_thread(checkup)] if checkup else []

    @routes.get("/engine/models/{name:path}")
    async def price_of(name: str) -> dict[str, str]:
        return {"cost": price(name)}

    @routes.post("/engine/models/{name:path}", status_code=204)
    async def load(name: str) -> None:
        with telling(409):
            host.switch(name, stop_all)


def add_upload_route(routes: APIRouter, uploads: Uploads) -> None:
    """Taking an image in: the file itself is the body, so that nothing on the way encodes it anew."""

    @routes.post("/images")
    async def add(request: Request, name: str = "the image") -> Response:
        with telling(422):
            data = await read_body(request, MAX_IMAGE_BYTES, lambda size: image_too_large(size, name))
            upload = await uploads.add(data, name[:MAX_NAME_CHARACTERS])
        return Response(msgspec.json.encode(upload), media_type="application/json")


def known_run(runs: Runs, run_id: str) -> Run:
    """The run of that id, or the answer 404."""
    run = runs.get(run_id)
    if run is None:
        raise HTTPException(404, "This run is not known here any more: generate it again.")
    return run


def add_branch_route(routes: APIRouter, host: Host, runs: Runs) -> None:
    """Continuing a run from one of its positions, with another token."""

    @routes.post("/runs/{run_id}/branch")
    async def continue_from(run_id: str, position: int, token: int) -> dict[str, str]:
        run = known_run(runs, run_id)
        with telling(409):
            source = host.source
            return {"run": runs.start(source, branch(run, position, token, source.engine)).run_id}


def add_run_routes(routes: APIRouter, runs: Runs) -> None:
    """Following, stopping and saving a run."""
    known = partial(known_run, runs)

    @routes.get("/runs/{run_id}/events")
    async def events(request: Request, run_id: str, start: int = 0) -> StreamingResponse:
        return event_stream(stream.run_messages(known(run_id), next_event(request, start), lambda: len(runs.running)))

    @routes.post("/runs/{run_id}/stop", status_code=204)
    async def stop(run_id: str) -> None:
        known(run_id).stop()

    @routes.get("/runs/{run_id}/trace.jsonl")
    async def trace(run_id: str) -> Response:
        lines = b"".join(known(run_id).trace.lines())
        headers = {"content-disposition": 'attachment; filename="eagle3-trace.jsonl"'}
        return Response(lines, media_type="application/x-ndjson", headers=headers)

    @routes.get("/runs/{run_id}/report.html")
    async def as_report(run_id: str) -> Response:
        return await report_response(Titled("eagle3-report", known(run_id).trace))


def add_asset_routes(routes: APIRouter) -> None:
    """Scripts and styles."""
    ours = web.servable()

    @routes.get("/assets/{name}")
    async def asset(name: str) -> FileResponse:
        if name not in ours:
            raise HTTPException(404)
        return FileResponse(
            ours[name], media_type=web.MEDIA_TYPES[ours[name].suffix], headers={"cache-control": "no-cache"}
        )

    @routes.get("/" + web.plotly_name())
    async def plotly() -> Response:
        packed = await asyncio.to_thread(web.plotly_gzipped)
        return Response(packed, media_type="text/javascript", headers={**FOREVER, "content-encoding": "gzip"})
