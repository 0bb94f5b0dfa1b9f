"""A recording as the browser is handed it: what it holds, and each of its requests.

Data only. A request comes with everything that its lane, its inspector and its charts need, so that pointing, scrubbing
and playing ask nobody.
"""

from collections.abc import Iterator

import msgspec

from eagle3_viz import draft_vocabulary, invariants
from eagle3_viz.analysis.statistics import Statistics, statistics
from eagle3_viz.events import EngineInfo, Event, Piece, RequestFailed, Step, StepsDropped
from eagle3_viz.records import RequestRecord, asked
from eagle3_viz.trace import Trace
from eagle3_viz.views.facts import facts
from eagle3_viz.views.words import count, headline

MAX_PROMPT = 200


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """A request in the list of them.

    Attributes:
        prompt: the beginning of what was asked.
        outcome: what it came to, in a few words.
    """

    request_id: str
    prompt: str
    outcome: str


class RecordingIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a whole recording.

    Attributes:
        title: whatever the file is called.
        created: UTC, ISO 8601.
        facts: the engine in a few words.
        totals: what the recording came to, sentence by sentence.
        warnings: what a reader should be wary of.
    """

    title: str
    created: str
    facts: list[str]
    totals: list[str]
    warnings: list[str]
    requests: list[RequestLine]


class RecordedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request, whole.

    Attributes:
        engine: that ran it; its draft vocabulary is that of the tokens that the events name.
        pieces: of every token that its events name.
        events: in order, from `request_started` on.
    """

    request_id: str
    engine: EngineInfo
    pieces: dict[int, str | Piece]
    events: list[Event]


def index(trace: Trace, title: str) -> RecordingIndex:
    """The list of a recording's requests, and what they came to together."""
    return RecordingIndex(
        title=title,
        created=trace.header.created,
        facts=facts(trace.engine),
        totals=list(totals(statistics(trace))),
        warnings=statistics(trace).warnings,
        requests=[
            RequestLine(
                request_id=name,
                prompt=asked(record.started.messages, record.started.text)[:MAX_PROMPT],
                outcome=outcome(record),
            )
            for name, record in trace.requests.items()
        ],
    )


def totals(whole: Statistics) -> Iterator[str]:
    """What a recording came to."""
    pace = whole.pace
    each = "" if pace.tokens_per_pass is None else f" ({pace.tokens_per_pass:.2f} tokens per pass)"
    yield f"{headline(pace.num_passes, pace.num_tokens)}{each}"
    if whole.rates.mean_acceptance_length is not None:
        yield f"mean acceptance length {whole.rates.mean_acceptance_length:.2f}"
    if whole.totals_agree:
        yield "counts equal vLLM’s own"


def outcome(record: RequestRecord) -> str:
    """Its length, and how it ended where that is not the usual way."""
    tokens = count(len(record.output_token_ids), "token")
    if record.ended is None:
        return f"{tokens}, cut short"
    if isinstance(record.ended, RequestFailed):
        return f"{tokens}, failed"
    return f"{tokens}, stopped early" if record.ended.finish_reason == "abort" else tokens


def request(trace: Trace, request_id: str) -> RecordedRequest:
    """One request of a recording.

    Raises:
        KeyError: the recording has none of that id.
    """
    record = trace.requests[request_id]
    happened: list[Step | StepsDropped] = [*record.steps, *record.dropped]
    used = {*record.output_token_ids}.union(*map(invariants.used_ids, record.steps))
    return RecordedRequest(
        request_id=request_id,
        engine=draft_vocabulary.only(trace.engine, used),
        pieces={token_id: trace.pieces[token_id] for token_id in sorted(used) if token_id in trace.pieces},
        events=[record.started, *sorted(happened, key=_place), *([record.ended] if record.ended else [])],
    )


def _place(event: Step | StepsDropped) -> tuple[int, int]:
    """Where a step, or a gap, stands in its request."""
    return (event.index, 0) if isinstance(event, Step) else (event.after_index, 1)
