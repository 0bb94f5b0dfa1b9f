"""One process, one event loop: our routes, Gradio's page, and the engine that starts behind both."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported

import gradio as gr
import uvicorn
from fastapi import FastAPI

from eagle3_viz import web
from eagle3_viz.ui import layout
from eagle3_viz.ui.benchmark_routes import benchmarks_router
from eagle3_viz.ui.benchmarks import Benchmarks
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.models import cost
from eagle3_viz.ui.routes import PREFIX, recordings_router, router
from eagle3_viz.ui.runs import Runs
from eagle3_viz.ui.uploads import Uploads

QUEUE_LOOK_S = 1.0  # Gradio looks into its queue every millisecond; nothing of this page is queued


def build_app(host: Host, runs: Runs, library: Library) -> FastAPI:
    """The whole web application. The engine starts with it and is given back with it."""

    uploads, benchmarks = Uploads(), Benchmarks()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        host.start()
        yield
        await stop_all(runs, benchmarks)
        await host.close()
        benchmarks.forget_all()

    def price(name: str) -> str:
        return cost(name, len(runs.running), len(benchmarks.running), host.took_s.get(name))

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.include_router(router(host, runs, uploads, price, partial(stop_all, runs, benchmarks)))
    app.include_router(benchmarks_router(PREFIX, host, benchmarks, runs.max_tokens))
    return with_page(app, library, layout.build(host, runs, uploads, price))


async def stop_all(runs: Runs, benchmarks: Benchmarks) -> None:
    """Stop whatever uses the engine, in order."""
    await asyncio.gather(runs.stop_all(), benchmarks.stop_all())


def build_replay_app(library: Library) -> FastAPI:
    """The application without an engine: recordings only."""
    return with_page(FastAPI(openapi_url=None), library, layout.build_replay())


def with_page(app: FastAPI, library: Library, page: gr.Blocks) -> FastAPI:
    """The application with its recordings and its page."""
    app.include_router(recordings_router(library))  # before Gradio, which takes every other path
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=layout.theme(),
        head=layout.head(),
        favicon_path=str(web.folder() / "favicon.png"),
        footer_links=[],
        run_history=False,
        max_file_size="1kb",  # files come by our own routes, which look at them
        ssr_mode=False,
    )
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = QUEUE_LOOK_S
    return mounted


class Server(uvicorn.Server):
    """A server that ends although pages are open: their streams never end by themselves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up, then shut down as usual."""
        for connection in tuple(self.server_state.connections):
            if connection.transport:
                connection.transport.close()
        await super().shutdown(sockets)


def build_server(app: FastAPI, host: str, port: int) -> Server:
    """The server."""
    return Server(uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=5))
