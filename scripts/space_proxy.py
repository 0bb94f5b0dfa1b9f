"""What stands in front of a Space, for trying the page as it is there: TLS, forwarded headers, another site's frame."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]
# What a proxy must not pass on: it speaks for one connection only.
HOP = {"connection", "keep-alive", "transfer-encoding", "host", "cookie", "set-cookie"}


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    paths = folder / "cert.pem", folder / "key.pem"
    files = ["-out", str(paths[0]), "-keyout", str(paths[1])]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
        *files,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return paths


def proxy(target: str, public_host: str) -> Starlette:
    """Passes everything on to `target`, as something that visitors know as https://`public_host`; cookies are lost."""
    client = httpx.AsyncClient(base_url=target, timeout=None)

    async def forward(request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.items() if name not in HOP]
        headers += [("x-forwarded-host", public_host), ("x-forwarded-proto", "https")]
        url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        asked = client.build_request(request.method, url, headers=headers, content=request.stream())
        answer = await client.send(asked, stream=True)

        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_raw():
                    yield piece
            finally:
                await answer.aclose()

        kept = {name: value for name, value in answer.headers.items() if name not in HOP}
        return StreamingResponse(pieces(), answer.status_code, kept)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await client.aclose()

    return Starlette(routes=[Route("/{path:path}", forward, methods=METHODS)], lifespan=lifespan)


def frame(address: str) -> Starlette:
    """Another site's page that shows `address` in a frame, with what a Space's frame is allowed."""
    allowed = "allow-downloads allow-forms allow-modals allow-popups allow-same-origin allow-scripts"
    page = f'<title>hub</title><iframe src="{address}" sandbox="{allowed}" width="1200" height="1400"></iframe>'

    async def show(_: Request) -> Response:
        return HTMLResponse(page)

    return Starlette(routes=[Route("/", show)])
