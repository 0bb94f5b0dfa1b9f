"""Runs the demo inside a script or a test, on a port of its own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from eagle3_viz.ui.host import Host, Opener
from eagle3_viz.ui.runs import Runs
from eagle3_viz.ui.server import build_app, build_server


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    address: str
    host: Host
    runs: Runs


@contextlib.asynccontextmanager
async def serving(opener: Opener) -> AsyncIterator[Demo]:
    """The demo while it runs. It may be called at once: the port listens before the server does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        demo = Demo(f"http://127.0.0.1:{listener.getsockname()[1]}/", Host(opener), Runs())
        server = build_server(build_app(demo.host, demo.runs), "127.0.0.1", 0)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield demo
        finally:
            server.should_exit = True
            await task
