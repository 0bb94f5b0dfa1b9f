"""Runs the demo inside a script or a test, on a port of its own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import FastAPI

from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.runs import Runs
from eagle3_viz.ui.server import build_app, build_server


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    address: str
    host: Host
    runs: Runs


@contextlib.asynccontextmanager
async def serving(*models: Model, folder: RunsFolder | None = None, runs: Runs | None = None) -> AsyncIterator[Demo]:
    """The demo while it runs, with these runs or its own.

    It may be called at once: the port listens before the server does.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        demo = Demo(address_of(listener), Host(models), runs or Runs(folder=folder))
        async with running(build_app(demo.host, demo.runs, Library(folder)), listener):
            yield demo


def address_of(listener: socket.socket) -> str:
    """The address that a browser asks for."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@contextlib.asynccontextmanager
async def running(app: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    """The application while it listens there."""
    server = build_server(app, "127.0.0.1", 0)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
