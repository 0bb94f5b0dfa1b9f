"""Benchmarks that visitors run on the page: one at a time, on the source that everybody shares. No arithmetic."""

import asyncio
import logging
import secrets
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from eagle3_viz import web
from eagle3_viz.analysis import benchmark
from eagle3_viz.analysis.results import Benchmark
from eagle3_viz.bench import datasets
from eagle3_viz.bench.datasets import Dataset
from eagle3_viz.bench.kept import Kept
from eagle3_viz.bench.runner import Runner, Work
from eagle3_viz.bench.whole import Measurement, Plan, assemble
from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Source
from eagle3_viz.trace import Trace
from eagle3_viz.ui.news import News

logger = logging.getLogger(__name__)

PROMPTS, PICTURES = "Short prompts", "Pictures"
MAX_HELD = 8
ABANDONED_S = 60.0  # a page that was loaded again comes back within this time
MAX_PROMPTS = 500
MAX_CONCURRENCY = 64
MAX_FILE_BYTES = 64 * 2**20


class Job:
    """One benchmark, under way or done.

    Attributes:
        result: once it is done.
        problem: why there is none.
        message, fraction: how far it is.
        abandoned_s: for so long it goes on although nobody looks.
        news: tells of every change.
    """

    def __init__(self, title: str, abandoned_s: float = ABANDONED_S) -> None:
        self.abandoned_s = abandoned_s
        self.job_id = secrets.token_urlsafe(12)
        self.title = title
        self.result: Benchmark | None = None
        self.problem: str | None = None
        self.message, self.fraction = "Starting", 0.0
        self.news = News()
        self.stop = asyncio.Event()
        self.runner: Runner | None = None
        self.task: asyncio.Task[None] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="eagle3_viz-bench-")

    @property
    def folder(self) -> Path:
        """Where the traces of its answers are."""
        return Path(self._folder.name)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.result is not None or self.problem is not None

    @contextmanager
    def follow(self) -> Iterator[asyncio.Event]:
        """Look at it; it is stopped where nobody has looked for a while, for others wait for the engine."""
        try:
            with self.news.listen() as news:
                yield news
        finally:
            if not self.ended and not len(self.news):
                self.news.if_left(self.abandoned_s, self.stop.set)

    def so_far(self) -> benchmark.Summary | None:
        """The block of the answers that are there by now."""
        if self.runner is None or not (answers := self.runner.answers()):
            return None
        return benchmark.summary_of(answers, self.runner.source.engine.num_speculative_tokens)

    def trace(self, number: int) -> Trace:
        """The trace of an answer.

        Raises:
            InputError: it is not here.
        """
        answers = self.result.answers if self.result else []
        name = answers[number].trace if 0 <= number < len(answers) else None
        if name is None or not (self.folder / name).is_file():
            raise InputError("The trace of this answer is not here: run the benchmark again to look at it.")
        return Trace.load(self.folder / name)

    def forget(self) -> None:
        """Delete its traces."""
        self._folder.cleanup()

    def tell(self, message: str, fraction: float | None) -> None:
        """How far it is."""
        self.message, self.fraction = message, fraction or 0.0
        self.news.tell()

    async def run(self, source: Source, plan: Plan) -> None:
        """Measure."""
        self.news.if_left(self.abandoned_s, self.stop.set)
        try:
            work = Work(prompts=plan.prompts, sampling=plan.sampling, concurrency=plan.concurrency)
            kept = Kept(self.folder, plan.settings(plan.k))
            self.runner = Runner(source, work, kept, self.tell, self.stop)
            await self.runner.run()
            ours = Measurement(source.engine, self.runner.answers(), self.runner.problems, kept.elapsed_s)
            if ours.answers:
                self.result = await asyncio.to_thread(assemble, plan, ours, interrupted=self.runner.cut)
            else:
                self.problem = nothing(ours)
        except InputError as error:
            self.problem = str(error)
        except Exception as error:
            logger.exception("a benchmark broke off")
            self.problem = f"The benchmark broke off: {type(error).__name__}: {error}. The terminal shows the details."
        finally:
            self.runner = None
            self.news.tell()


def nothing(measured: Measurement) -> str:
    """What is said where no prompt was answered."""
    told = f" {measured.unmeasured[0].place}: {measured.unmeasured[0].problem}" if measured.unmeasured else ""
    return f"Not one prompt was answered.{told}"


class Benchmarks:
    """The benchmarks of all visitors, the oldest forgotten first."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def get(self, job_id: str) -> Job:
        """The benchmark.

        Raises:
            InputError: it is not known.
        """
        if job_id not in self._jobs:
            raise InputError("This benchmark is not known here any more: run it again.")
        return self._jobs[job_id]

    @property
    def running(self) -> list[Job]:
        """Those that have not ended."""
        return [job for job in self._jobs.values() if not job.ended]

    def start(self, source: Source, plan: Plan) -> Job:
        """Start a benchmark.

        Raises:
            InputError: another one is running.
        """
        if self.running:
            raise InputError(
                "A benchmark is running, and two would slow each other down: wait for its end, or stop it."
            )
        job = self._hold(Job(f"{plan.pair}, {plan.dataset.name}"))
        job.task = asyncio.create_task(job.run(source, plan))
        return job

    def open(self, found: Benchmark, name: str) -> Job:
        """Take in what was measured elsewhere."""
        untraced = [
            msgspec.structs.replace(answer, trace=None) for answer in found.answers
        ]  # traces did not come along
        job = Job(name)
        job.result = msgspec.structs.replace(found, answers=untraced)
        return self._hold(job)

    async def stop_all(self) -> None:
        """Stop those that run, and wait for their end."""
        for job in self.running:
            job.stop.set()
            if job.task:
                await asyncio.wait([job.task])

    def forget_all(self) -> None:
        """Delete what is held."""
        for job in self._jobs.values():
            job.forget()

    def _hold(self, job: Job) -> Job:
        self._jobs[job.job_id] = job
        while len(self._jobs) > MAX_HELD:
            oldest = next((name for name, held in self._jobs.items() if held.ended), None)
            if oldest is None or oldest == job.job_id:
                break
            self._jobs.pop(oldest).forget()
        return job


def shipped(name: str, limit: int) -> Dataset:
    """The prompts of a dataset that is on every page.

    Raises:
        InputError: there is none of that name.
    """
    if name == PROMPTS:
        found = datasets.read(str(web.folder() / "prompts.jsonl"), limit=limit)
    elif name == PICTURES:
        found = datasets.read(None, web.folder() / "images", limit=limit)
    else:
        raise InputError(f"There is no dataset {name}: choose one of {PROMPTS}, {PICTURES}, or send a file.")
    return msgspec.structs.replace(found, name=name)
