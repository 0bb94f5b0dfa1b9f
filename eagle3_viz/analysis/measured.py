"""What a benchmark keeps of a prompt that was answered: every step as numbers, without the tokens that were proposed.

One shape for a run that just happened, one that was read from a benchmark's file, and the traces of any recording.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from eagle3_viz.counting import Tally
from eagle3_viz.events import Judged, RequestFinished, Step
from eagle3_viz.records import RequestRecord, asked
from eagle3_viz.trace import Trace


class StepNumbers(msgspec.Struct, frozen=True, array_like=True):
    """A step without its tokens. Times are those of the engine step, which `batch_size` requests share."""

    output_start: int
    num_proposed: int
    num_accepted: int
    num_cut: int
    batch_size: int
    draft_ms: float | None = None
    verify_ms: float | None = None
    step_ms: float | None = None

    @property
    def rejected(self) -> bool:
        """Whether a token was proposed that the verifier did not want."""
        return self.num_accepted < self.num_proposed


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One answered prompt, or one turn of a conversation.

    Attributes:
        prompt_id: as the dataset names it.
        turn: of the conversation, from 1.
        category: as the dataset has it.
        prompt: what was asked, in plain words.
        images: the sha256 of each image's file.
        num_context_tokens: length of the prompt, images included.
        output_token_ids: the answer, cut tokens left out.
        text: the answer as the engine wrote it.
        steps: every step.
        margins: by output position, how much likelier the verifier held its first choice than its second (difference
            of log-probabilities); None where nobody knows.
        elapsed_ms: from the first step to the last.
        verified: whether the engine's own counters of the request equal the steps'; None: it gave none.
        trace: name of the trace file, where one was kept.
    """

    prompt_id: str
    turn: int = 1
    category: str | None = None
    prompt: str
    images: list[str] = []
    num_context_tokens: int
    output_token_ids: list[int]
    text: str
    steps: list[StepNumbers]
    margins: list[float | None] = []
    elapsed_ms: float = 0.0
    finish_reason: str
    verified: bool | None = None
    trace: str | None = None

    @property
    def identity(self) -> tuple[str, int, tuple[str, ...]]:
        """The same for the same question in another run."""
        return self.prompt, self.turn, tuple(self.images)

    @property
    def tally(self) -> Tally:
        """The counts over its steps."""
        return tally(self.steps)


def tally(steps: Iterable[StepNumbers]) -> Tally:
    """The counts over steps."""
    result = Tally()
    for step in steps:
        result.count(step.num_proposed, step.num_accepted)
    return result


def of_trace(trace: Trace, **more: Any) -> Iterator[Measured]:
    """The requests of a trace that finished in order. `more`: further fields, the same for all of them."""
    for name, record in trace.requests.items():
        if isinstance(record.ended, RequestFinished) and record.ended.finish_reason != "abort":
            yield of_record(record, record.ended, **{"prompt_id": name, **more})


def of_record(record: RequestRecord, ended: RequestFinished, **more: Any) -> Measured:
    """What is kept of a request. `more`: further fields."""
    times = [step.t_ms for step in record.steps]
    return Measured(
        **{
            "prompt": asked(record.started.messages, record.started.text),
            "images": [image.sha256 for image in record.started.images],
            "num_context_tokens": len(record.started.token_ids),
            "output_token_ids": list(ended.output_token_ids),
            "text": ended.text,
            "steps": [numbers(step) for step in record.steps],
            "margins": placed_margins(record.steps),
            "elapsed_ms": times[-1] - times[0] if times else 0.0,
            "finish_reason": ended.finish_reason,
            "verified": ended.counters_verified,
            **more,
        }
    )


def numbers(step: Step) -> StepNumbers:
    """A step without its tokens."""
    ms = step.ms
    return StepNumbers(
        step.output_start,
        len(step.proposed),
        step.num_accepted,
        step.num_cut,
        step.batch_size,
        ms.draft,
        ms.verify,
        ms.step,
    )


def placed_margins(steps: Sequence[Step]) -> list[float | None]:
    """Of each output position; None where the step was lost."""
    found: list[float | None] = []
    for step in steps:
        found += [None] * (step.output_start - len(found))
        found += margins(step)
    return found


def margins(step: Step) -> list[float | None]:
    """Of each emitted token that is in the text."""
    kept = len(step.emitted) - step.num_cut
    rows: list[Judged | None] = [*step.verifier[:kept]]
    return [None if row is None else margin(row) for row in rows + [None] * (kept - len(rows))]


def margin(row: Judged) -> float | None:
    """How much likelier the first choice was than the second."""
    known = sorted((logprob for _, logprob in row.top if logprob is not None), reverse=True)
    return round(known[0] - known[1], 4) if len(known) > 1 else None
