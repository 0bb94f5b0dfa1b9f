"""Sends a benchmark's prompts to a source, so many at a time, each as a recording of its own. Knows no figures."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from eagle3_viz.analysis.measured import Measured, of_trace
from eagle3_viz.analysis.results import Unmeasured
from eagle3_viz.bench.datasets import Prompt
from eagle3_viz.bench.kept import Kept, Line
from eagle3_viz.bench.pictures import content
from eagle3_viz.errors import InputError
from eagle3_viz.events import RequestFailed, Sampling
from eagle3_viz.invariants import TraceError
from eagle3_viz.sources.base import Progress, Request, Source, record, user_message
from eagle3_viz.trace import Trace

TOP_LOGPROBS = 5
WARM_UP = 16  # tokens
MOMENT = 1.0  # seconds after a failed request by which an engine that stopped is known to have


@dataclass(frozen=True, kw_only=True)
class Work:
    """What to ask, and how.

    Attributes:
        all_turns: ask the further turns of a prompt too, each behind the model's own answer to the one before.
        top_logprobs: alternatives to record, 0 for none.
    """

    prompts: Sequence[Prompt]
    sampling: Sampling
    concurrency: int = 1
    all_turns: bool = False
    top_logprobs: int = TOP_LOGPROBS


@dataclass
class Runner:
    """One measurement under way.

    Attributes:
        problems: prompts that could not be answered, and why.
        cut: not all was asked: it was stopped, or the engine stopped by itself.
        stop: set it to end early: answers under way are thrown away.
    """

    source: Source
    work: Work
    kept: Kept
    tell: Progress
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    clock: Callable[[], float] = time.monotonic
    problems: list[Unmeasured] = field(default_factory=list)
    cut: bool = False
    _waiting: list[Prompt] = field(default_factory=list)
    _began: float = 0.0
    _num_over: int = 0
    _dead: asyncio.Task[str] = field(init=False)

    async def run(self) -> None:
        """Ask everything that was not answered yet.

        Raises:
            InputError: an answer cannot be kept.
        """
        self._waiting = list(reversed(self.work.prompts))

        async def worker() -> None:
            while self._waiting and not self.stop.is_set():
                await self._converse(self._waiting.pop())
                self._num_over += 1
                self._tell()

        self._dead = asyncio.create_task(self.source.ended())
        try:
            await self._warm_up()
            self._began = self.clock()
            self._tell()
            async with asyncio.TaskGroup() as group:
                for _ in range(self.work.concurrency):
                    group.create_task(worker())
        except* InputError as errors:
            raise errors.exceptions[0] from None
        finally:
            self._dead.cancel()
        self.cut |= bool(self._waiting)

    def answers(self) -> list[Measured]:
        """All answers, in the order of the prompts."""
        turns = max((turn for _, turn in self.kept.lines), default=1)
        places = ((prompt.prompt_id, turn) for prompt in self.work.prompts for turn in range(1, turns + 1))
        return [found for place in places if (found := self.kept.measured(*place))]

    async def _warm_up(self) -> None:
        """Ask something of the first prompt that is due: an engine's first answers, and first images, are slow."""
        due = (prompt for prompt in self.work.prompts if self.kept.measured(prompt.prompt_id, 1) is None)
        if (prompt := next(due, None)) is not None:
            message = user_message(prompt.turns[0], len(prompt.images))
            with suppress(InputError, TraceError):  # it is told when the prompt's turn has come
                await record(self.source, [await self._request(prompt, "warm-up", [message], WARM_UP)], stop=self.stop)

    async def _request(
        self, prompt: Prompt, name: str, messages: list[dict[str, Any]], max_tokens: int | None = None
    ) -> Request:
        sampling = self.work.sampling
        if max_tokens is not None:
            sampling = msgspec.structs.replace(sampling, max_tokens=min(max_tokens, sampling.max_tokens))
        return Request(
            request_id=name,
            messages=messages,
            images=tuple(await asyncio.to_thread(lambda: [content(image) for image in prompt.images])),
            sampling=sampling,
            top_logprobs=self.work.top_logprobs,
        )

    async def _converse(self, prompt: Prompt) -> None:
        messages: list[dict[str, Any]] = []
        turns = prompt.turns if self.work.all_turns else prompt.turns[:1]
        for number, turn in enumerate(turns, start=1):
            messages = [*messages, user_message(turn, len(prompt.images) if number == 1 else 0)]
            answer = self.kept.measured(prompt.prompt_id, number)
            if answer is None:
                answer = await self._ask(prompt, number, messages)
            if answer is None:
                return
            messages = [*messages, {"role": "assistant", "content": answer.text}]

    async def _ask(self, prompt: Prompt, turn: int, messages: list[dict[str, Any]]) -> Measured | None:
        """The answer; None where there is none, which is a problem unless everything stops."""
        began = self.clock() - self._began
        name = prompt.prompt_id if turn == 1 else f"{prompt.prompt_id}, turn {turn}"
        try:
            request = await self._request(prompt, name, messages)
            trace = await record(self.source, [request], stop=self.stop)
        except (InputError, TraceError) as error:  # of this prompt; the others are measured
            self.problems.append(Unmeasured(place=name, problem=str(error)))
            return None
        if self.stop.is_set():
            self.cut = True
            return None
        found = list(of_trace(trace, prompt_id=prompt.prompt_id, turn=turn, category=prompt.category))
        if not found:
            self.problems.append(Unmeasured(place=name, problem=failure(trace)))
            await asyncio.wait([self._dead], timeout=MOMENT)
            if self._dead.done():  # whatever else is asked will fail too
                self.cut = True
                self._waiting.clear()
            return None
        await self.kept.add(
            Line(
                session=self.kept.session,
                began_s=round(began, 4),
                ended_s=round(self.clock() - self._began, 4),
                measured=found[0],
            ),
            trace,
        )
        return found[0]

    def _tell(self) -> None:
        total = len(self.work.prompts)
        self.tell(f"{self._num_over} of {total} prompts", self._num_over / total)


def failure(trace: Trace) -> str:
    """Why nothing of a trace can be measured."""
    failed = [event.error for event in trace.events if isinstance(event, RequestFailed)]
    return failed[0] if failed else "the engine aborted it"
