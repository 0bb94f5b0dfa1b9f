"""A whole benchmark: the prompts at K, at every K of a sweep, and without speculation, one engine after another."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from eagle3_viz.analysis.benchmark import report
from eagle3_viz.analysis.lossless import Lossless, lossless
from eagle3_viz.analysis.measured import Measured
from eagle3_viz.analysis.results import Benchmark, Unmeasured
from eagle3_viz.analysis.timing import Times, speed_up, times
from eagle3_viz.analysis.what_k import Swept, estimates, fastest
from eagle3_viz.bench.datasets import Dataset, Prompt
from eagle3_viz.bench.kept import Kept
from eagle3_viz.bench.runner import Runner, Work
from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo, Sampling
from eagle3_viz.sources.base import Progress, Source

OpenAt = Callable[[int | None], Awaitable[Source]]  # given K; None: the head's own
OpenPlain = Callable[[], Awaitable[Source]]


class Interrupted(Exception):
    """It was stopped before there was anything to report."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        folder: where the answers are kept; None: in memory.
        weights: what tells one state of the pair's files from another; answers of another are not gone on with.
        pair: the model's name, or those of head and verifier.
        k: of the measurement; None: the head's own.
        sweep: further K.
        baseline: measure without speculation too.
    """

    dataset: Dataset
    sampling: Sampling
    pair: str
    concurrency: int = 1
    all_turns: bool = False
    k: int | None = None
    sweep: Sequence[int] = ()
    baseline: bool = False
    folder: Path | None = None
    weights: str = ""

    def settings(self, k: int | None) -> dict[str, Any]:
        """What answers depend on; those that were made with other settings are not gone on with."""
        asked = [(prompt.prompt_id, prompt.turns, [str(image) for image in prompt.images]) for prompt in self.prompts]
        return {
            "pair": self.pair,
            "num_speculative_tokens": k,
            "concurrency": self.concurrency,
            "temperature": self.sampling.temperature,
            "max_tokens": self.sampling.max_tokens,
            "turns": "all" if self.all_turns else "first",
            "prompts": hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16],
        }

    @property
    def prompts(self) -> Sequence[Prompt]:
        """What is asked."""
        return self.dataset.prompts


@dataclass
class Measurement:
    """The prompts on one engine."""

    engine: EngineInfo
    answers: list[Measured]
    unmeasured: list[Unmeasured]
    elapsed_s: float
    num_before: int = 0  # answers that an earlier start left
    cut: bool = False  # not all was asked


@dataclass
class Whole:
    """A benchmark under way."""

    plan: Plan
    open_at: OpenAt
    open_plain: OpenPlain
    tell: Progress
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> Benchmark:
        """Measure everything. What was done before `stop` was set is reported.

        Raises:
            InputError: an engine cannot be started, or no prompt could be measured.
            Interrupted: `stop` was set before the first answer.
        """
        ours = await self._measure(lambda: self.open_at(self.plan.k), self.plan.k, "")
        if not ours.answers and ours.unmeasured:
            first = f"{ours.unmeasured[0].place}: {ours.unmeasured[0].problem}"
            raise InputError(f"not one prompt of {self.plan.dataset.name} was measured: {first}")
        if not ours.answers:
            raise Interrupted
        sweep = [] if ours.cut else await self._sweep(ours)
        plain: Times | None = None
        same: Lossless | None = None
        if self.plan.baseline and not (ours.cut or self.stop.is_set()):
            with suppress(Interrupted), self._beside(ours, "without speculation"):
                plain, same = await self._baseline(ours)
        return assemble(self.plan, ours, sweep, plain, same, interrupted=ours.cut or self.stop.is_set())

    async def _sweep(self, ours: Measurement) -> list[Swept]:
        found = {}
        for k in sorted(set(self.plan.sweep)):
            if self.stop.is_set():
                break
            with suppress(Interrupted), self._beside(ours, f"K = {k}"):
                measured = ours if k == ours.engine.num_speculative_tokens else await self._at(k)
                if measured.answers:
                    found[k] = swept(measured)
        return list(found.values())

    async def _at(self, k: int) -> Measurement:
        return whole(await self._measure(lambda: self.open_at(k), k, f"k{k}"))

    @contextmanager
    def _beside(self, ours: Measurement, place: str) -> Iterator[None]:
        """What cannot be measured beside the main thing is told and left out."""
        try:
            yield
        except InputError as error:
            ours.unmeasured.append(Unmeasured(place=place, problem=str(error)))

    async def _open(self, opener: OpenPlain) -> Source:
        """Start an engine. One that Ctrl-C hit while it started fails by itself, with words of its own."""
        try:
            return await opener()
        except InputError:
            raise
        except Exception as error:
            if self.stop.is_set():
                raise Interrupted from error
            raise InputError(f"the engine could not be started: {type(error).__name__}: {error}") from error

    async def _baseline(self, ours: Measurement) -> tuple[Times, Lossless | None]:
        """The same prompts without speculation; where answers differ, once more with the verifier's margins."""
        self.tell("Starting the engine without speculation", None)
        source = await self._open(self.open_plain)
        try:
            asked = {answer.prompt_id for answer in ours.answers}
            prompts = [prompt for prompt in self.plan.prompts if prompt.prompt_id in asked]
            plain = whole(await self._ask(source, self._work(prompts, top_logprobs=0), 0, "baseline"))
            figures = times(plain.answers, plain.elapsed_s)
            if self.plan.sampling.temperature or self.stop.is_set():
                return figures, None
            same = lossless(ours.answers, plain.answers)
            apart = {found.prompt_id for found in same.differences}
            again = await self._ask(
                source, self._work([p for p in prompts if p.prompt_id in apart], top_logprobs=2), 0, "baseline/margins"
            )
            return figures, lossless(ours.answers, plain.answers, again.answers)
        finally:
            await source.close()

    async def _measure(self, opener: OpenPlain, k: int | None, part: str) -> Measurement:
        source = await self._open(opener)
        try:
            return await self._ask(source, self._work(self.plan.prompts), k, part)
        finally:
            await source.close()

    def _work(self, prompts: Sequence[Prompt], **more: Any) -> Work:
        return Work(
            prompts=prompts,
            sampling=self.plan.sampling,
            concurrency=self.plan.concurrency,
            all_turns=self.plan.all_turns,
            **more,
        )

    async def _ask(self, source: Source, work: Work, k: int | None, part: str) -> Measurement:
        folder = self.plan.folder / part if self.plan.folder else None
        made_by = {
            "num_speculative_tokens": source.engine.num_speculative_tokens,
            "vllm_version": source.engine.vllm_version,
            "weights": self.plan.weights,
        }
        kept = Kept(folder, {**self.plan.settings(k), **made_by})
        tell = partial(self._tell, part)
        runner = Runner(source, work, kept, tell, self.stop)
        if work.prompts:
            await runner.run()
        return Measurement(
            source.engine, runner.answers(), runner.problems, kept.elapsed_s, kept.num_before, runner.cut
        )

    def _tell(self, part: str, message: str, fraction: float | None) -> None:
        self.tell(f"{part} {message}".strip(), fraction)


def whole(measured: Measurement) -> Measurement:
    """The measurement: what was cut is not held against what was not, for its prompts are others.

    Raises:
        Interrupted: it was cut.
    """
    if measured.cut:
        raise Interrupted
    return measured


def assemble(
    plan: Plan,
    ours: Measurement,
    sweep: Sequence[Swept] = (),
    plain: Times | None = None,
    same: Lossless | None = None,
    *,
    interrupted: bool = False,
) -> Benchmark:
    """The benchmark that these measurements make."""
    k = ours.engine.num_speculative_tokens
    made = report(ours.answers, k, ours.elapsed_s)
    return Benchmark(
        summary=made.summary,
        dataset=plan.dataset.name,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        engine=ours.engine,
        settings=plan.settings(k),
        num_asked=len(plan.prompts),
        unmeasured=[*plan.dataset.problems, *ours.unmeasured],
        interrupted=interrupted,
        num_before=ours.num_before,
        report=made,
        speed_up=speed_up(made.times, plain, made.summary.mean_acceptance_length),
        baseline=plain,
        lossless=same,
        estimates=estimates(ours.answers, k, made.times, plain),
        sweep=list(sweep),
        fastest=fastest(sweep),
        answers=ours.answers,
    )


def swept(measured: Measurement) -> Swept:
    """What a measurement says of its K."""
    made = report(measured.answers, measured.engine.num_speculative_tokens, measured.elapsed_s)
    return Swept(
        num_speculative_tokens=measured.engine.num_speculative_tokens,
        mean_acceptance_length=made.summary.mean_acceptance_length,
        acceptance_at_token=made.summary.acceptance_at_token,
        draft_ms=made.times.draft_ms,
        verify_ms=made.times.verify_ms,
        tokens_per_second=made.times.tokens_per_second,
    )
