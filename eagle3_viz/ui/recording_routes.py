"""HTTP routes for recordings: the list, one of them for the page, as a file, as a report; renaming and deleting."""

import asyncio
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse

from eagle3_viz.ui.answers import read_body, telling
from eagle3_viz.ui.library import MAX_DROPPED_BYTES, Library
from eagle3_viz.views import recordings, report
from eagle3_viz.views.report import Titled

MAX_TITLE_BYTES = 2000


def as_json(data: Any) -> Response:
    """A response that nobody keeps."""
    return Response(msgspec.json.encode(data), media_type="application/json", headers={"cache-control": "no-store"})


def as_file(data: bytes | str, name: str, media_type: str) -> Response:
    """A response that the browser saves under a name."""
    disposition = f"attachment; filename*=utf-8''{quote(name)}"
    return Response(data, media_type=media_type, headers={"content-disposition": disposition})


async def report_response(titled: Titled) -> Response:
    """A report as a file."""
    with telling(422):
        text = await asyncio.to_thread(report.report, [titled])
    return as_file(text, f"{titled.title}.html", "text/html")


def too_large(_: int) -> str:
    """What is said of a file that is not taken."""
    return f"The file has more than {MAX_DROPPED_BYTES // 2**20} MB: open it with `app.py --open` instead."


def too_long(_: int) -> str:
    """What is said of a title that is not taken."""
    return f"The title has more than {MAX_TITLE_BYTES:,} bytes: give a shorter one."


def add_recording_routes(routes: APIRouter, library: Library) -> None:
    """Everything about recordings."""
    add_reading_routes(routes, library)
    add_changing_routes(routes, library)


def add_reading_routes(routes: APIRouter, library: Library) -> None:
    """Looking at recordings."""

    @routes.get("/recordings")
    async def all_of_them(keys: str = "") -> Response:
        folder = library.folder
        listed = await library.list(frozenset(keys.split(",")))
        return as_json(
            {
                "recordings": listed,
                "writable": bool(folder and folder.writable),
                "keyed": bool(folder and folder.bounds),
                "folder": str(folder.path) if folder and not folder.bounds else None,
            }
        )

    @routes.get("/recordings/{name}")
    async def index(name: str) -> Response:
        with telling():
            titled = await library.get(name)
        return as_json(recordings.index(titled.trace, titled.title))

    @routes.get("/recordings/{name}/requests/{number}")
    async def one_request(name: str, number: int) -> Response:
        with telling():
            trace = (await library.get(name)).trace
        names = list(trace.requests)
        if not 0 <= number < len(names):
            raise HTTPException(404, "The recording has no such request.")
        return as_json(await asyncio.to_thread(recordings.request, trace, names[number]))

    @routes.get("/recordings/{name}/report.html")
    async def as_report(name: str) -> Response:
        with telling():
            titled = await library.get(name)
        return await report_response(titled)

    @routes.get("/recordings/{name}/trace")
    async def trace_file(name: str) -> FileResponse:
        with telling():
            path = library.path(name)
        return FileResponse(path, filename=path.name, media_type="application/octet-stream")


def add_changing_routes(routes: APIRouter, library: Library) -> None:
    """Taking in, renaming, deleting."""

    @routes.post("/recordings")
    async def add(request: Request, name: str = "trace.jsonl") -> Response:
        with telling(422):
            return as_json({"name": await library.add(await read_body(request, MAX_DROPPED_BYTES, too_large), name)})

    @routes.put("/recordings/{name}/title")
    async def rename(request: Request, name: str) -> Response:
        with telling(422):
            title = (await read_body(request, MAX_TITLE_BYTES, too_long)).decode(errors="replace")
            return as_json({"name": library.writable().rename(name, title)})

    @routes.delete("/recordings/{name}", status_code=204)
    async def delete(name: str) -> None:
        with telling(422):
            library.writable().delete(name)
