"""One recording on a vLLM engine: its requests run concurrently, and their events come out in order.

For each request the engine's output is the judge of the worker's account (`vllm_request`); how much of the output a
stop took away, and whether all counts agree, is known when the request has finished.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain, combinations
from typing import Any, Protocol

from vllm import SamplingParams

from eagle3_viz.codec import SCHEMA
from eagle3_viz.counting import Tally
from eagle3_viz.errors import InputError
from eagle3_viz.events import (
    Counters,
    EngineInfo,
    Event,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Step,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.sources import vllm_counters
from eagle3_viz.sources.base import Request
from eagle3_viz.sources.pieces import Vocabulary
from eagle3_viz.sources.vllm_endings import ORDERLY, aborted_on, answer_text, disorder, problem
from eagle3_viz.sources.vllm_inbox import Inbox
from eagle3_viz.sources.vllm_prompt import Prompt, check, render, written_text
from eagle3_viz.sources.vllm_request import PieceBook, RequestSteps
from eagle3_viz.sources.vllm_sampling import sampling_params

MAX_DOUBTFUL = 12
PAUSE = 0.002  # seconds between two looks
MOMENT = 0.05  # seconds that the account of a step usually takes
WITNESS_TIMEOUT = 5.0  # seconds that the worker's account may lag behind the engine's output


class Engine(Protocol):
    """What a recording needs of `VllmSource`."""

    llm: Any
    engine: EngineInfo
    vocabulary: Vocabulary
    counters: vllm_counters.EngineCounters
    inbox: Inbox
    running: dict[str, RequestSteps]
    recordings: set["Recording"]

    async def watch(self, engine_id: str, top_logprobs: int) -> None:
        """Watch a request that is about to start."""

    async def drain(self, engine_id: str) -> int:
        """How many steps the worker made of a request that has ended; it is watched no longer."""


class Recording:
    """One call of `record`: the requests in it, and their events on the way to the caller."""

    def __init__(self, source: Engine, requests: Sequence[Request]) -> None:
        self.source = source
        self.k = source.engine.num_speculative_tokens
        self.requests = requests
        self.started = time.monotonic()
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()
        self.book = PieceBook(source.vocabulary.piece)
        self.alone = True  # no other recording has used the engine meanwhile
        self.tally = Tally()
        self.given: list[Counters | None] = []  # what the engine gave for each request that ended
        self.aborted: list[tuple[RequestSteps, Callable[[], None]]] = []  # each with the call that finishes it

    async def run(self, stop: asyncio.Event) -> AsyncIterator[Event]:
        """Yield the recording's events."""
        self.started = time.monotonic()
        runs = [partial(self._run, *accepted, stop) for accepted in await self._accept()]
        self.alone = not self.source.recordings
        for other in self.source.recordings:
            other.alone = False
        self.source.recordings.add(self)
        self.before = self.source.counters.totals()
        task = asyncio.create_task(self._run_all(runs))
        try:
            while (event := await self.events.get()) is not None:
                yield event
            yield TraceFinished(t_ms=self._now(), num_requests=len(self.requests), engine_totals=self._totals())
        finally:
            task.cancel()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            finally:
                self.source.recordings.remove(self)  # the engine counts its requests until here

    def _emit(self, event: Event) -> None:
        if isinstance(event, Step):
            self.tally.add(event)
        self.events.put_nowait(event)

    def _totals(self) -> Counters | None:
        """What vLLM counted since the recording began.

        Where others used the engine too, the sum of what it gave for each request; None where it gave some none.
        """
        if self.alone:
            return vllm_counters.difference(self.source.counters.totals(), self.before)
        given = [counters for counters in self.given if counters]
        return vllm_counters.total(given, self.k) if len(given) == len(self.given) else None

    def _now(self) -> float:
        return (time.monotonic() - self.started) * 1e3

    async def _accept(self) -> list[tuple[Request, Prompt, SamplingParams]]:
        """Render all prompts and queue the first events; a request that cannot run has failed already."""
        created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        rendered = [await self._render(request) for request in self.requests]
        errors = [found for found in rendered if isinstance(found, InputError)]
        if errors and len(errors) == len(rendered):
            raise errors[0]
        self.events.put_nowait(
            TraceStarted(schema=SCHEMA, trace_id=secrets.token_hex(8), created=created, engine=self.source.engine)
        )
        accepted = []
        for request, found in zip(self.requests, rendered, strict=True):
            if isinstance(found, InputError):
                self._start(request, Prompt(text=written_text(request)[:1000], token_ids=[], engine_input={}))
                self._fail(request, str(found))
            else:
                self._start(request, found[0])
                accepted.append((request, *found))
        return accepted

    async def _render(self, request: Request) -> tuple[Prompt, SamplingParams] | InputError:
        try:
            check(request)
            params = sampling_params(request.sampling, self.source.llm)
            return await render(request, self.source.llm, self.source.vocabulary.tokenizer), params
        except InputError as error:
            return error

    def _start(self, request: Request, prompt: Prompt) -> None:
        if pieces := self.book.news(prompt.token_ids):
            self.events.put_nowait(pieces)
        self.events.put_nowait(
            RequestStarted(
                request_id=request.request_id,
                t_ms=self._now(),
                messages=request.messages,
                text=prompt.text,
                token_ids=prompt.token_ids,
                images=prompt.images,
                sampling=request.sampling,
                parent=request.parent,
            )
        )

    def _fail(self, request: Request, error: str) -> None:
        self.events.put_nowait(RequestFailed(request_id=request.request_id, t_ms=self._now(), error=error))

    async def _run_all(self, runs: Sequence[Callable[[], Any]]) -> None:
        try:
            await asyncio.gather(*(run() for run in runs))
            self._finish_aborted()
        finally:
            self.events.put_nowait(None)

    def _finish_aborted(self) -> None:
        """Finish the aborted requests, with those of the steps that their aborts raced that the engine counted."""
        doubtful = [steps for steps, _ in self.aborted if steps.doubtful]
        totals = self._totals()
        if totals is not None:
            missing = vllm_counters.difference(totals, self.tally.counters(self.k))
            for counted in which_counted(doubtful, missing, self.k):
                counted.add_doubtful()
        for _, finish in self.aborted:
            finish()

    async def _run(self, request: Request, prompt: Prompt, params: SamplingParams, stop: asyncio.Event) -> None:
        engine_id = f"eagle3viz-{secrets.token_hex(8)}"
        steps = RequestSteps(request.request_id, self.book, self._emit, self.started)
        if stop.is_set():
            return self._finish_unrun(request)
        self.source.running[engine_id] = steps
        settled = False
        try:
            async with aborted_on(stop, self.source.llm, engine_id):
                await self.source.watch(engine_id, request.top_logprobs)
                if stop.is_set():
                    return self._finish_unrun(request)
                final, text = await self._generate(engine_id, prompt, params, steps, stop)
                await self._settle(engine_id, steps, final)
            settled = True
            finish = partial(self._finish, request, steps, final, text)
            if steps.doubtful or final.finish_reason == "abort":
                self.aborted.append((steps, finish))
            else:
                finish()
        except Exception as error:
            steps.abandon()
            self.given.append(None)
            self._fail(request, problem(error))
        finally:
            del self.source.running[engine_id]
            if not settled:
                with contextlib.suppress(Exception):  # the engine may be gone
                    await self.source.drain(engine_id)

    def _finish_unrun(self, request: Request) -> None:
        self._emit(
            RequestFinished(
                request_id=request.request_id, t_ms=self._now(), finish_reason="abort", text="", output_token_ids=[]
            )
        )

    async def _generate(
        self, engine_id: str, prompt: Prompt, params: SamplingParams, steps: RequestSteps, stop: asyncio.Event
    ) -> tuple[Any, str]:
        text: list[str] = []
        final = None
        async for output in self.source.llm.generate(prompt.engine_input, params, engine_id):
            final = output.outputs[0]
            text.append(final.text)
            steps.deliver(final.token_ids)
            self.source.inbox.read_soon()
            if stop.is_set():  # it may have come before the engine knew the request
                await self.source.llm.abort(engine_id)
        return final, "".join(text)

    async def _settle(self, engine_id: str, steps: RequestSteps, final: Any) -> None:
        """Wait for the worker's account of all that the request ran, then emit what is left of it."""
        # What the engine itself ends is complete; an abort and a stop string may leave a step under way.
        stopped_outside = final.finish_reason == "abort" or isinstance(final.stop_reason, str)
        draining = asyncio.ensure_future(self.source.drain(engine_id))
        try:
            if not stopped_outside and await self._wait(lambda: steps.covered, MOMENT):
                steps.finish()
        finally:
            made = await draining
        deadline = time.monotonic() + WITNESS_TIMEOUT
        while not await self._wait(lambda: steps.witnessed >= made, MOMENT) and time.monotonic() < deadline:
            await self.source.drain(engine_id)  # the worker writes what its socket did not take before
        steps.finish(aborted=stopped_outside)
        if steps.witnessed < made:
            steps.lose(made - steps.witnessed, time.monotonic())

    async def _wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Read the worker's account until it has come so far; whether it did in time."""
        self.source.inbox.read()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not done():
                    await asyncio.sleep(PAUSE)
                    self.source.inbox.read()
        return done()

    def _finish(self, request: Request, steps: RequestSteps, final: Any, text: str) -> None:
        counters = vllm_counters.of_request(final.spec_decode_metrics)
        self.given.append(counters)
        if final.finish_reason not in ORDERLY:
            return self._fail(request, disorder(final.finish_reason))
        ours = steps.tally.counters(self.k)
        return self.events.put_nowait(
            RequestFinished(
                request_id=request.request_id,
                t_ms=self._now(),
                finish_reason=final.finish_reason,
                text=answer_text(text, steps.output_token_ids, self.book.piece_of),
                output_token_ids=steps.output_token_ids,
                engine_counters=counters,
                counters_verified=None if counters is None else counters == ours,
            )
        )


def which_counted(doubtful: Sequence[RequestSteps], missing: Counters, k: int) -> Sequence[RequestSteps]:
    """Those whose doubtful steps together make up what the engine counted beyond the steps that are sure.

    None of them where no selection does, or where there are too many to try.
    """
    sizes = range(len(doubtful) + 1) if len(doubtful) <= MAX_DOUBTFUL else ()
    for chosen in chain.from_iterable(combinations(doubtful, size) for size in sizes):
        if Tally.of(steps.doubtful for steps in chosen if steps.doubtful).counters(k) == missing:
            return chosen
    return ()
