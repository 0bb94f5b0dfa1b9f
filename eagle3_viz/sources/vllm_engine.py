"""A real vLLM engine as a source: start it, attach the probe, run requests, and let the scheduler judge the witness."""

import asyncio
import gc
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from eagle3_viz.config import EngineConfig, Pair, resolve
from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo, Event
from eagle3_viz.sources.base import Progress, Request
from eagle3_viz.sources.pieces import Vocabulary
from eagle3_viz.sources.vllm_counters import EngineCounters
from eagle3_viz.sources.vllm_endings import STOPPED
from eagle3_viz.sources.vllm_inbox import Inbox
from eagle3_viz.sources.vllm_messages import EngineStep, front_end_id
from eagle3_viz.sources.vllm_request import RequestSteps
from eagle3_viz.sources.vllm_start import describe, start_engine

if TYPE_CHECKING:
    from eagle3_viz.sources.vllm_recording import Recording

MAX_SOCKET_PATH = 100  # characters that a socket's address takes at most, and some to spare


class VllmSource:
    """One engine. Use `await VllmSource.open(...)`, from the event loop that will use it."""

    def __init__(self, engine: Any, info: EngineInfo, inbox: Inbox, running: dict[str, RequestSteps]) -> None:
        self.llm = engine
        self.engine = info
        self.inbox = inbox
        self.running = running
        self.counters = EngineCounters(info.num_speculative_tokens)
        self.vocabulary = Vocabulary(engine.get_tokenizer())
        self.recordings: set[Recording] = set()
        self.attached = True
        self.closed = False

    @classmethod
    async def open(cls, config: EngineConfig, progress: Progress = lambda message, fraction: None) -> Self:
        """Start the engine, attach the probe, and warm both up.

        Raises:
            InputError: the pair cannot run, or the probe does not fit.
        """
        progress("Reading the configs", None)
        pair = await asyncio.to_thread(resolve, config)
        progress("Starting vLLM: importing it takes a while", None)
        started: list[Any] = []  # a result returned from the thread would be held by it for good
        await asyncio.to_thread(lambda: started.append(start_engine(config, pair, progress)))
        engine = started.pop()
        try:
            return await cls._attach(engine, pair, progress)
        except BaseException:
            engine.shutdown()
            raise

    @classmethod
    async def _attach(cls, engine: Any, pair: Pair, progress: Progress) -> Self:
        running: dict[str, RequestSteps] = {}
        inbox = Inbox(socket_path(), lambda step: hand_out(step, running))
        try:
            source = cls(engine, describe(engine, pair, **await attach_probe(engine, inbox.path)), inbox, running)
            progress("Warming up", None)
            await source._warm_up()
            # What is imported by now stays: the collector would look through all of it every few hundred events.
            gc.collect()
            gc.freeze()
        except BaseException:
            inbox.close()
            raise
        progress("Ready", 1.0)
        return source

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        """Run `requests` concurrently; see `sources.base.Source`.

        Raises:
            InputError: not one of the requests can be run, the probe is detached, or the engine is closed.
        """
        from eagle3_viz.sources.vllm_recording import Recording  # imports vLLM, which `open` has prepared

        if self.closed:
            raise InputError("the engine has ended: start it again")
        if not self.attached:
            raise InputError("the probe is detached: attach it to record")
        async for event in Recording(self, requests).run(stop or asyncio.Event()):
            yield event

    async def detach(self) -> None:
        """Take the probe off; the engine serves others as if it had never been there."""
        await self.llm.collective_rpc("eagle3_viz_detach")
        self.attached = False

    async def attach(self) -> None:
        """Put it on again."""
        await attach_probe(self.llm, self.inbox.path)
        self.attached = True

    async def ended(self) -> str:
        """Wait until the engine has stopped by itself; why."""
        await asyncio.wait([self.llm.output_handler])
        return STOPPED

    async def close(self) -> None:
        """Shut the engine down."""
        self.closed = True
        if self.llm.output_handler:
            self.llm.output_handler.cancel()  # it would take the engine's end for a crash
        await asyncio.to_thread(self.llm.shutdown)
        # vLLM cleans up once more when the object goes; at the interpreter's end that would fail, with a traceback.
        del self.llm
        gc.unfreeze()
        gc.collect()
        self.inbox.close()

    async def watch(self, engine_id: str, top_logprobs: int) -> None:
        """Let the worker tell of a request that is about to start, with this many alternatives at each position."""
        await self._call("eagle3_viz_watch", {engine_id: top_logprobs})

    async def drain(self, engine_id: str) -> int:
        """How many steps the worker made of a request that has ended. When this returns there will be no more."""
        return sum(await self._call("eagle3_viz_drain", engine_id))

    async def _call(self, method: str, *args: Any) -> list[Any]:
        """Call every worker; vLLM itself would wait for the answer of an engine that is gone.

        Raises:
            RuntimeError: it has stopped.
        """
        call = asyncio.ensure_future(self.llm.collective_rpc(method, args=args))
        try:
            await asyncio.wait([call, self.llm.output_handler], return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                raise RuntimeError(STOPPED)
            return list(call.result())
        finally:
            call.cancel()

    async def _warm_up(self) -> None:
        """Run the first, slow steps before anyone watches."""
        from vllm import SamplingParams

        for temperature in (0.0, 0.8):
            params = SamplingParams(temperature=temperature, max_tokens=8, ignore_eos=True)
            prompt = {"prompt_token_ids": [self.vocabulary.tokenizer.encode("a")[0]] * 4}
            async for _ in self.llm.generate(prompt, params, f"warm-up-{temperature}"):
                pass


def socket_path() -> Path:
    """A path for a socket, that is not there yet; in /tmp where that of the temporary folder would be too long."""
    name = f"eagle3_viz-{os.getpid()}-{secrets.token_hex(4)}"
    path = Path(tempfile.gettempdir(), name)
    return path if len(str(path)) <= MAX_SOCKET_PATH else Path("/tmp", name)


def hand_out(step: EngineStep, running: Mapping[str, RequestSteps]) -> None:
    """Give each running request its row of an engine step, and tell it how many were lost before."""
    for name, count in step.lost.items():
        if steps := running.get(front_end_id(name)):
            steps.lose(count, step.time)
    for row in step.rows:
        if steps := running.get(front_end_id(row.request_id)):
            steps.witness(step, row)


async def attach_probe(engine: Any, path: Path) -> dict[str, Any]:
    """Attach the probe to a running engine; it pushes to the socket at `path`.

    Returns:
        `model_runner` and `draft_vocabulary`, as the worker found them.

    Raises:
        InputError: it does not fit this engine.
    """
    attached: dict[str, Any] = (await engine.collective_rpc("eagle3_viz_attach", args=(str(path),)))[0]
    if problem := attached.pop("problem"):
        raise InputError(problem)
    return attached
