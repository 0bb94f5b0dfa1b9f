"""One request's steps, from the worker's account (the witness) to the trace, as the scheduler's output confirms them.

The worker sees every token that the verifier emitted; the scheduler decides how many of them the text keeps. A step
becomes an event once the engine's output covers it; what a stop removed is known when the request has finished.
This module knows neither vLLM nor how the account arrives.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain

from eagle3_viz.counting import Tally
from eagle3_viz.events import Event, Judged, Milliseconds, Piece, Pieces, Proposed, Step, StepsDropped
from eagle3_viz.sources.vllm_messages import EngineStep, JudgedRow, ProposedRow

PieceOf = Callable[[int], str | Piece]


class PieceBook:
    """The pieces that a recording has named so far."""

    def __init__(self, piece_of: PieceOf) -> None:
        self.piece_of = piece_of
        self.known: set[int] = set()

    def news(self, ids: Iterable[int]) -> Pieces | None:
        """The event for those of `ids` that are new, or None."""
        new = set(ids) - self.known
        if not new:
            return None
        self.known |= new
        new.discard(-1)  # a filler without a token
        return Pieces(pieces={token: self.piece_of(token) for token in sorted(new)}) if new else None


class RequestSteps:
    """Puts witnessed steps and confirmed output together.

    Attributes:
        output_token_ids: what the engine has delivered.
        tally: the counts over the steps emitted so far.
        witnessed: steps that arrived or are known to be lost.
        doubtful: a step that an abort raced; `add_doubtful` emits it after all.
    """

    def __init__(self, request_id: str, book: PieceBook, emit: Callable[[Event], None], started: float) -> None:
        self.request_id = request_id
        self.book = book
        self.emit = emit
        self.started = started
        self.output_token_ids: list[int] = []
        self.tally = Tally()
        self.witnessed = 0
        self.index = 0
        self.reached = 0  # output positions that emitted steps cover
        self.stale = 0  # tokens of steps that the worker made and the scheduler threw away
        self.pending: deque[tuple[EngineStep, JudgedRow]] = deque()
        self.doubtful: Step | None = None
        self.add_doubtful: Callable[[], None] = lambda: None

    @property
    def covered(self) -> bool:
        """Whether the witnessed steps reach the end of the delivered output."""
        if not self.pending:
            return self.reached >= len(self.output_token_ids)
        row = self.pending[-1][1]
        return self._start(row) + len(row.emitted) >= len(self.output_token_ids)

    def witness(self, step: EngineStep, row: JudgedRow) -> None:
        """Take a step from the worker."""
        self.witnessed += 1
        self.pending.append((step, row))
        self._settle()

    def deliver(self, token_ids: Iterable[int]) -> None:
        """Take tokens from the engine's output."""
        self.output_token_ids.extend(token_ids)
        self._settle()

    def finish(self, *, aborted: bool = False) -> None:
        """Emit what is left: the engine has delivered its last token.

        An abort may race a step: the worker made it, nothing of it was delivered, and the scheduler may or may not have
        counted it. Such a step is held back as `doubtful`; the engine's totals tell.
        """
        while self.pending:
            step, row = self.pending.popleft()
            kept = min(max(len(self.output_token_ids) - self._start(row), 0), len(row.emitted))
            if not (kept or aborted) or not self._is_output(row, kept):  # made after the engine had finished it
                self.stale += len(row.emitted)
            elif aborted and not kept and not self.pending:
                self.doubtful = self._event(step, row, len(row.emitted))
                self.add_doubtful = partial(self._emit, step, row, num_cut=len(row.emitted))
            else:
                self._emit(step, row, num_cut=len(row.emitted) - kept)

    def abandon(self) -> None:
        """Forget what was not delivered: the engine failed, and will not say what it made of it."""
        self.pending.clear()

    def lose(self, count: int, time: float) -> None:
        """Record that steps were lost; those before them go first."""
        while self.pending:
            self._emit(*self.pending.popleft(), num_cut=0)
        t_ms = (time - self.started) * 1e3
        self.emit(StepsDropped(request_id=self.request_id, t_ms=t_ms, after_index=self.index - 1, count=count))
        self.index += count
        self.witnessed += count

    def _settle(self) -> None:
        while self.pending:
            step, row = self.pending[0]
            if self._start(row) + len(row.emitted) > len(self.output_token_ids):
                return
            self.pending.popleft()
            if self._is_output(row, len(row.emitted)):
                self._emit(step, row, num_cut=0)
            else:  # the scheduler had preempted the request when this step came back
                self.stale += len(row.emitted)

    def _start(self, row: JudgedRow) -> int:
        return row.output_start - self.stale

    def _is_output(self, row: JudgedRow, kept: int) -> bool:
        start = self._start(row)
        return self.output_token_ids[start : start + kept] == row.emitted[:kept]

    def _emit(self, step: EngineStep, row: JudgedRow, num_cut: int) -> None:
        event = self._event(step, row, num_cut)
        tops = chain((one.top for one in event.proposed), (one.top for one in event.verifier))
        alternatives = (token for token, _ in chain.from_iterable(tops))
        if pieces := self.book.news(chain(row.emitted, row.proposed.ids, alternatives)):
            self.emit(pieces)
        self.emit(event)
        self.tally.add(event)
        self.index += 1
        self.reached = self._start(row) + len(row.emitted) - num_cut

    def _event(self, step: EngineStep, row: JudgedRow, num_cut: int) -> Step:
        return Step(
            request_id=self.request_id,
            t_ms=(step.time - self.started) * 1e3,
            index=self.index,
            engine_step=step.number,
            batch_size=step.batch_size,
            output_start=self._start(row),
            proposed=proposed_tokens(row.proposed),
            num_accepted=len(row.emitted) - 1,
            emitted=row.emitted,
            num_cut=num_cut,
            rule=row.rule,
            verifier=judged_positions(row),
            ms=Milliseconds(draft=step.draft_ms, verify=step.verify_ms, step=step.step_ms, probe=step.probe_ms),
        )


def proposed_tokens(row: ProposedRow) -> list[Proposed]:
    """The proposal; tokens that the head did not make are fillers."""
    if not row.drafted:
        return [Proposed(id=token, origin="filler") for token in row.ids]
    if not row.logprobs:
        return [Proposed(id=token) for token in row.ids]
    return [
        Proposed(id=token, logprob=logprob, entropy=entropy, top=top)
        for token, logprob, entropy, top in zip(row.ids, row.logprobs, row.entropies, row.tops.rows(), strict=True)
    ]


def judged_positions(row: JudgedRow) -> list[Judged]:
    """One entry an emitted token: the judged positions, and the bonus row where all were accepted."""

    def at(values: Sequence[float | None], position: int) -> float | None:
        return values[position] if position < len(values) else None

    return [
        Judged(
            proposed_logprob=at(row.proposed_logprobs, position),
            emitted_logprob=row.emitted_logprobs[position],
            accept_probability=at(row.accept_probabilities, position),
            entropy=row.entropies[position],
            top=top,
        )
        for position, top in enumerate(row.tops.rows())
    ]
