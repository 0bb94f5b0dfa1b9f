"""A vLLM engine that does not speculate, as a source: what a draft head is held against.

Nothing watches its worker: a step is a token that the engine delivered, at the time when it did.
"""

import asyncio
import gc
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from eagle3_viz.codec import SCHEMA
from eagle3_viz.config import EngineConfig, resolve
from eagle3_viz.errors import InputError
from eagle3_viz.events import (
    EngineInfo,
    Event,
    Judged,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    Sampling,
    Step,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.sources.base import Progress, Request
from eagle3_viz.sources.pieces import Vocabulary
from eagle3_viz.sources.vllm_endings import ORDERLY, STOPPED, aborted_on, answer_text, disorder, problem
from eagle3_viz.sources.vllm_prompt import Prompt, check, render, written_text
from eagle3_viz.sources.vllm_request import PieceBook
from eagle3_viz.sources.vllm_start import describe, start_engine

if TYPE_CHECKING:
    from vllm import SamplingParams


class PlainSource:
    """One engine without speculation. Use `await PlainSource.open(...)`, from the event loop that will use it."""

    def __init__(self, engine: Any, info: EngineInfo) -> None:
        self.llm = engine
        self.engine = info
        self.vocabulary = Vocabulary(engine.get_tokenizer())

    @classmethod
    async def open(cls, config: EngineConfig, progress: Progress = lambda message, fraction: None) -> Self:
        """Start the engine and warm it up.

        Raises:
            InputError: the verifier cannot run.
        """
        pair = await asyncio.to_thread(resolve, config)
        started: list[Any] = []  # a result returned from the thread would be held by it for good
        await asyncio.to_thread(lambda: started.append(start_engine(config, pair, progress, speculate=False)))
        source = cls(started[0], describe(started.pop(), pair))
        progress("Warming up", None)
        sampling = Sampling(max_tokens=8, ignore_eos=True)
        async for _ in source.record([Request(request_id="warm-up", prompt="a", sampling=sampling, top_logprobs=0)]):
            pass
        progress("Ready", 1.0)
        return source

    async def record(self, requests: Sequence[Request], stop: asyncio.Event | None = None) -> AsyncIterator[Event]:
        """Run `requests` concurrently; see `sources.base.Source`.

        Raises:
            InputError: one of the requests cannot be run and it is the only one.
        """
        started = time.monotonic()
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        run = PlainRun(self, events.put_nowait, lambda: (time.monotonic() - started) * 1e3, stop or asyncio.Event())
        prepared = [await run.prepare(request) for request in requests]
        problems = [found for found in prepared if isinstance(found, InputError)]
        if len(problems) == len(requests):
            raise problems[0]
        created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        yield TraceStarted(schema=SCHEMA, trace_id=secrets.token_hex(8), created=created, engine=self.engine)

        async def all_of_them() -> None:
            try:
                await asyncio.gather(*(run.run(*pair) for pair in zip(requests, prepared, strict=True)))
            finally:
                events.put_nowait(None)

        task = asyncio.create_task(all_of_them())
        try:
            while (event := await events.get()) is not None:
                yield event
            yield TraceFinished(t_ms=run.now(), num_requests=len(requests))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def ended(self) -> str:
        """Wait until the engine has stopped by itself; why."""
        await asyncio.wait([self.llm.output_handler])
        return STOPPED

    async def close(self) -> None:
        """Shut the engine down."""
        if self.llm.output_handler:
            self.llm.output_handler.cancel()  # it would take the engine's end for a crash
        await asyncio.to_thread(self.llm.shutdown)
        del self.llm  # vLLM cleans up once more when the object goes
        gc.collect()


class PlainRun:
    """The requests of one recording."""

    def __init__(
        self, source: PlainSource, emit: Callable[[Event], None], now: Callable[[], float], stop: asyncio.Event
    ) -> None:
        self.source = source
        self.emit = emit
        self.now = now
        self.stop = stop
        self.book = PieceBook(source.vocabulary.piece)
        self.numbers = itertools.count()

    async def prepare(self, request: Request) -> "tuple[Prompt, SamplingParams] | InputError":
        """The prompt and the parameters as vLLM takes them, or what is wrong with the request."""
        from eagle3_viz.sources.vllm_sampling import sampling_params  # imports vLLM, which `open` has prepared

        try:
            check(request)
            params = sampling_params(request.sampling, self.source.llm)
            params.logprobs = request.top_logprobs or None
            return await render(request, self.source.llm, self.source.vocabulary.tokenizer), params
        except InputError as error:
            return error

    async def run(self, request: Request, prepared: "tuple[Prompt, SamplingParams] | InputError") -> None:
        """Run a request to its end."""
        if isinstance(prepared, InputError):
            self._start(request, Prompt(text=written_text(request)[:1000], token_ids=[], engine_input={}))
            self._fail(request, str(prepared))
            return
        prompt, params = prepared
        self._start(request, prompt)
        try:
            if self.stop.is_set():
                self._finish(request, "abort", "", [])
            else:
                await self._generate(request, prompt, params)
        except Exception as error:
            self._fail(request, problem(error))

    def _start(self, request: Request, prompt: Prompt) -> None:
        self._show(prompt.token_ids)
        self.emit(
            RequestStarted(
                request_id=request.request_id,
                t_ms=self.now(),
                messages=request.messages,
                text=prompt.text,
                token_ids=prompt.token_ids,
                images=prompt.images,
                sampling=request.sampling,
            )
        )

    def _fail(self, request: Request, error: str) -> None:
        self.emit(RequestFailed(request_id=request.request_id, t_ms=self.now(), error=error))

    def _show(self, token_ids: Sequence[int]) -> None:
        if pieces := self.book.news(token_ids):
            self.emit(pieces)

    async def _generate(self, request: Request, prompt: Prompt, params: "SamplingParams") -> None:
        engine_id = f"eagle3viz-{secrets.token_hex(8)}"
        text: list[str] = []
        output: list[int] = []
        async with aborted_on(self.stop, self.source.llm, engine_id):
            async for delivered in self.source.llm.generate(prompt.engine_input, params, engine_id):
                final = delivered.outputs[0]
                text.append(final.text)
                for place, token_id in enumerate(final.token_ids):
                    row = final.logprobs[place] if final.logprobs else None
                    self._step(request, len(output), token_id, row)
                    output.append(token_id)
                if self.stop.is_set():  # it may have come before the engine knew the request
                    await self.source.llm.abort(engine_id)
        self._finish(request, final.finish_reason, "".join(text), output)

    def _finish(self, request: Request, reason: Any, text: str, output: list[int]) -> None:
        if reason not in ORDERLY:
            return self._fail(request, disorder(reason))
        return self.emit(
            RequestFinished(
                request_id=request.request_id,
                t_ms=self.now(),
                finish_reason=reason,
                text=answer_text(text, output, self.book.piece_of),
                output_token_ids=output,
            )
        )

    def _step(self, request: Request, index: int, token_id: int, row: Any) -> None:
        judged = believed(row, token_id) if row else None
        self._show([token_id, *(found for found, _ in judged.top)] if judged else [token_id])
        self.emit(
            Step(
                request_id=request.request_id,
                t_ms=self.now(),
                index=index,
                engine_step=next(self.numbers),
                batch_size=1,
                output_start=index,
                num_accepted=0,
                emitted=[token_id],
                verifier=[judged] if judged else [],
            )
        )


def believed(row: Any, token_id: int) -> Judged:
    """What the verifier believed at a position, from vLLM's log-probabilities by token."""
    ranked = sorted(row.items(), key=lambda item: -item[1].logprob)
    return Judged(emitted_logprob=row[token_id].logprob, top=[(found, entry.logprob) for found, entry in ranked])
