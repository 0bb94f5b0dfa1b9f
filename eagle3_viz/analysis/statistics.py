"""A recording in figures: what its steps count to, what the engine itself counted, and what to be wary of."""

from dataclasses import dataclass

from eagle3_viz.analysis.acceptance import Rates, rates
from eagle3_viz.events import Counters, RequestFailed, RequestFinished
from eagle3_viz.records import RequestRecord
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
        rates: from the steps.
        engine_totals: the engine's own counters over the recording; None where it gave none.
        totals_agree: whether the two are the same; None without `engine_totals`.
        requests: how the requests' counts were verified.
        warnings: what a reader of the figures should be told.
    """

    rates: Rates
    engine_totals: Counters | None
    totals_agree: bool | None
    requests: Verification
    warnings: list[str]


def statistics(trace: Trace) -> Statistics:
    """The figures of all requests of a trace together."""
    totals = trace.finished.engine_totals if trace.finished else None
    agree = None if totals is None else totals == trace.counters
    return Statistics(
        rates=rates(trace.counters),
        engine_totals=totals,
        totals_agree=agree,
        requests=_verification(trace),
        warnings=[*trace.warnings, *_request_warnings(trace), *_total_warnings(agree)],
    )


def _verification(trace: Trace) -> Verification:
    verdicts = [_verified(record) for record in trace.requests.values()]
    return Verification(
        verified=verdicts.count(True), mismatched=verdicts.count(False), unverified=verdicts.count(None)
    )


def _verified(record: RequestRecord) -> bool | None:
    return record.ended.counters_verified if isinstance(record.ended, RequestFinished) else None


def _request_warnings(trace: Trace) -> list[str]:
    warnings = []
    for name, record in trace.requests.items():
        if isinstance(record.ended, RequestFailed):
            warnings.append(f"request {name} failed: {record.ended.error}")
        if record.dropped:
            warnings.append(f"request {name} has lost steps ({record.num_dropped}): its counts are too low")
        if _verified(record) is False:
            warnings.append(f"request {name}: the engine's counters differ from the steps'")
    return warnings


def _total_warnings(agree: bool | None) -> list[str]:
    if agree is not False:
        return []
    return ["the engine's totals differ from the steps': it served other requests, or a step was not seen"]
