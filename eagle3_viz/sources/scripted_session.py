"""The requests of one recording of the scripted source, in step with each other. Knows neither pace nor async."""

import random
from collections.abc import Callable, Iterable, Iterator

from eagle3_viz.counting import Tally
from eagle3_viz.events import (
    Event,
    Milliseconds,
    Piece,
    Pieces,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    TraceFinished,
)
from eagle3_viz.invariants import used_ids
from eagle3_viz.piece_text import piece_bytes, settled
from eagle3_viz.sources import scripted_text as text
from eagle3_viz.sources.base import Request
from eagle3_viz.sources.scripted_prompt import Prompt
from eagle3_viz.sources.scripted_run import EngineStep, Run, Script


class Session:
    """All requests of one recording.

    Attributes:
        runs: the requests that are not finished.
    """

    def __init__(self, script: Script, now_ms: Callable[[], float]) -> None:
        self.runs: dict[str, Run] = {}
        self._script = script
        self._now_ms = now_ms
        self._rng = random.Random(script.seed)
        self._ids: dict[str | Piece, int] = dict(text.IDS)
        self._pieces: list[str | Piece] = list(text.PIECES)
        self._shown: set[int] = set()
        self._totals = Tally()
        self._num_requests = 0
        self._num_engine_steps = 0

    def start(self, request: Request, prompt: Prompt) -> Iterator[Event]:
        """Take a request in; one that has a problem fails at once."""
        pieces = text.split(prompt.text, [image.num_tokens or 1 for image in prompt.images])
        for piece in pieces:
            if piece not in self._ids:
                self._ids[piece] = len(self._pieces)
                self._pieces.append(piece)
        token_ids = [*(self._ids[piece] for piece in pieces), *request.continues]
        yield from self._show(token_ids)
        self._num_requests += 1
        yield RequestStarted(
            request_id=request.request_id,
            t_ms=self._now_ms(),
            messages=request.messages,
            text=prompt.text,
            token_ids=token_ids,
            images=prompt.images,
            sampling=request.sampling,
            parent=request.parent,
        )
        if prompt.problem:
            yield RequestFailed(request_id=request.request_id, t_ms=self._now_ms(), error=prompt.problem)
        else:
            self.runs[request.request_id] = Run(self._script, request, f"{prompt.text}{request.continues or ''}")

    def engine_step(self) -> Iterator[Event]:
        """One step of every request that is not finished."""
        draft, verify = round(self._rng.uniform(2, 4), 3), round(self._rng.uniform(18, 26), 3)
        times = Milliseconds(draft=draft, verify=verify, step=round(draft + verify + 0.5, 3))
        shared = EngineStep(self._num_engine_steps, len(self.runs), self._now_ms(), times)
        self._num_engine_steps += 1
        for name, run in list(self.runs.items()):
            step = run.step(shared)
            self._totals.add(step)
            if run.done:
                del self.runs[name]
            yield from self._show(used_ids(step))
            yield step
            if run.done:
                yield self._finished(run)

    def finish(self) -> Iterator[Event]:
        """Abort what still runs, and end the recording."""
        for run in self.runs.values():
            yield self._finished(run)
        self.runs.clear()
        totals = self._totals.counters(self._script.num_speculative_tokens)
        yield TraceFinished(t_ms=self._now_ms(), num_requests=self._num_requests, engine_totals=totals)

    def _finished(self, run: Run) -> RequestFinished:
        # Like vLLM: an aborted request has no counters.
        counters = run.tally.counters(self._script.num_speculative_tokens) if run.done else None
        return RequestFinished(
            request_id=run.request.request_id,
            t_ms=self._now_ms(),
            finish_reason=run.finish_reason,
            text=settled(b"".join(piece_bytes(self._pieces[token_id]) for token_id in run.output)),
            output_token_ids=list(run.output),
            engine_counters=counters,
            counters_verified=True if counters else None,
        )

    def _show(self, token_ids: Iterable[int]) -> Iterator[Pieces]:
        new = sorted(set(token_ids) - self._shown)
        if new:
            self._shown.update(new)
            yield Pieces(pieces={token_id: self._pieces[token_id] for token_id in new})
