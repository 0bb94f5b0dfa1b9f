"""The server of `benchmarks.stream_view`, in a process of its own so that its CPU time is its own.

`python -m benchmarks.stream_server MODE TOKENS` prints its address; when its input closes it prints, as JSON, the CPU
seconds that serving took and when each step was made.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import gradio as gr
from fastapi import FastAPI

from eagle3_viz.events import Event, Pieces, Sampling, Step
from eagle3_viz.sources.base import Progress, Request, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.runs import Runs
from eagle3_viz.ui.server import build_app
from scripts.demo import address_of, running

STEPS_PER_SECOND = 60.0


class TimedSource(ScriptedSource):
    """Notes when each step was made, in seconds since the epoch, and how many tokens there were then."""

    def __init__(self, tokens: int) -> None:
        super().__init__(Script(num_tokens=tokens, steps_per_second=STEPS_PER_SECOND))
        self.made: list[tuple[float, int]] = []

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        """As the scripted source does."""
        async for event in super().record(requests, stop):
            if isinstance(event, Step):
                tokens = self.made[-1][1] if self.made else 0
                self.made.append((time.time(), tokens + len(event.emitted)))
            yield event


def page_app(source: TimedSource) -> FastAPI:
    """The demo's own page."""

    async def opener(progress: Progress) -> Source:
        return source

    return build_app(Host([Model("timed", opener)]), Runs(), Library(None))


def highlighted_app(source: TimedSource, tokens: int) -> FastAPI:
    """A page that a generator feeds, with Gradio's component for coloured text."""

    async def generate() -> AsyncIterator[list[tuple[str, str]]]:
        shown: list[tuple[str, str]] = []
        pieces: dict[int, Any] = {}
        request = Request(request_id="r", prompt="Tell me all.", sampling=Sampling(max_tokens=tokens))
        async for event in source.record([request]):
            if isinstance(event, Pieces):
                pieces |= event.pieces
            if isinstance(event, Step):
                verdicts = ["accepted"] * event.num_accepted + ["correction"]
                shown += [(str(pieces[i]), v) for i, v in zip(event.emitted, verdicts, strict=True)]
                yield list(shown)

    with gr.Blocks(analytics_enabled=False) as page:
        button = gr.Button("Generate", elem_id="e3-generate")
        text = gr.HighlightedText(elem_id="shown", show_legend=False)
        button.click(generate, None, text)
    app: FastAPI = gr.mount_gradio_app(FastAPI(), page, path="")
    return app


async def main() -> None:
    """Serve until the input closes."""
    mode, tokens = sys.argv[1], int(sys.argv[2])
    source = TimedSource(tokens)
    app = page_app(source) if mode == "page" else highlighted_app(source, tokens)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with running(app, listener):
            began = time.process_time()
            print(address_of(listener), flush=True)
            await asyncio.to_thread(sys.stdin.read)
            print(json.dumps({"cpu_s": time.process_time() - began, "made": source.made}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
