"""A recording in figures: what its steps count to, what the engine itself counted, and what to be wary of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eagle3_viz.analysis import pace
from eagle3_viz.analysis.acceptance import Rates, rates
from eagle3_viz.analysis.pace import Pace
from eagle3_viz.events import Counters, Event, RequestFailed, RequestFinished, RequestStarted, TraceFinished
from eagle3_viz.ledger import Ledger
from eagle3_viz.reading import CUT_SHORT, Reader
from eagle3_viz.records import Progress
from eagle3_viz.trace import Trace


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How many requests' counts were compared with the engine's own counters of that request.

    Attributes:
        verified: compared, and equal to the integer.
        mismatched: compared, and different.
        unverified: the engine gave no counters, or the request did not end.
    """

    verified: int
    mismatched: int
    unverified: int


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """The figures of a recording.

    Attributes:
        counters: from the steps.
        rates: that they give.
        pace: passes of the verifier, and what they wrote.
        engine_totals: the engine's own counters over the recording; None where it gave none.
        totals_agree: whether the two are the same; None without `engine_totals`.
        requests: how the requests' counts were verified.
        warnings: what a reader of the figures should be told.
    """

    counters: Counters
    rates: Rates
    pace: Pace
    engine_totals: Counters | None
    totals_agree: bool | None
    requests: Verification
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the figures need of one request, once its steps are counted."""

    pace: Pace
    num_dropped: int
    ended: RequestFailed | bool | None  # failed; else whether its counts are the engine's; None: nobody can say

    @classmethod
    def of(cls, progress: Progress, ended: RequestFinished | RequestFailed | None) -> Self:
        """The outcome of a request that is this far, and ended like this."""
        verdict = ended.counters_verified if isinstance(ended, RequestFinished) else ended
        return cls(pace.over([progress]), progress.num_dropped, verdict)


def statistics(trace: Trace) -> Statistics:
    """The figures of all requests of a trace together."""
    outcomes = {name: Outcome.of(record.progress, record.ended) for name, record in trace.requests.items()}
    return _figures(trace.counters, trace.finished, outcomes, trace.warnings)


def statistics_of_file(path: Path, also: Callable[[Event], None] = lambda event: None) -> Statistics:
    """The figures of a file, whose events are checked as they pass and not held; `also` is then handed each.

    Raises:
        OSError: the file cannot be read.
        TraceFileError: nothing in it can be read.
    """
    ledger, reader = Ledger(), Reader(path)
    outcomes: dict[str, Outcome] = {}

    def take(event: Event) -> None:
        leaving = ledger.running.get(event.request_id) if isinstance(event, RequestFinished | RequestFailed) else None
        ledger.take(event)
        if isinstance(event, RequestStarted):
            outcomes[event.request_id] = Outcome.of(Progress(), None)  # holds its place in the order
        elif isinstance(event, RequestFinished | RequestFailed) and leaving:
            outcomes[event.request_id] = Outcome.of(leaving, event)
        also(event)

    reader.feed(take)
    outcomes.update((name, Outcome.of(progress, None)) for name, progress in ledger.running.items())
    warnings = reader.warnings if ledger.finished else [*reader.warnings, CUT_SHORT]
    return _figures(ledger.counters, ledger.finished, outcomes, warnings)


def _figures(
    counters: Counters, finished: TraceFinished | None, outcomes: dict[str, Outcome], warnings: list[str]
) -> Statistics:
    totals = finished.engine_totals if finished else None
    agree = None if totals is None else totals == counters
    verdicts = [outcome.ended for outcome in outcomes.values()]
    return Statistics(
        counters=counters,
        rates=rates(counters),
        pace=Pace(
            num_passes=sum(outcome.pace.num_passes for outcome in outcomes.values()),
            num_tokens=sum(outcome.pace.num_tokens for outcome in outcomes.values()),
        ),
        engine_totals=totals,
        totals_agree=agree,
        requests=Verification(
            verified=verdicts.count(True),
            mismatched=verdicts.count(False),
            unverified=sum(verdict not in (True, False) for verdict in verdicts),
        ),
        warnings=[*warnings, *_request_warnings(outcomes), *_total_warnings(agree)],
    )


def _request_warnings(outcomes: dict[str, Outcome]) -> list[str]:
    warnings = []
    for name, outcome in outcomes.items():
        if isinstance(outcome.ended, RequestFailed):
            warnings.append(f"request {name} failed: {outcome.ended.error}")
        if outcome.num_dropped:
            warnings.append(f"request {name} has lost steps ({outcome.num_dropped}): its counts are too low")
        if outcome.ended is False:
            warnings.append(f"request {name}: the engine's counters differ from the steps'")
    return warnings


def _total_warnings(agree: bool | None) -> list[str]:
    if agree is not False:
        return []
    return ["the engine's totals differ from the steps': it served other requests, or a step was not seen"]
