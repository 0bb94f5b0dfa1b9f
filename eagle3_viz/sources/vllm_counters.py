"""vLLM's own counters in the trace's terms: the oracle that our counts are held against."""

from collections.abc import Sequence
from typing import Any

from vllm.v1.metrics.reader import Counter, Vector, get_metrics_snapshot

from eagle3_viz.events import Counters

PREFIX = "vllm:spec_decode_"


def of_request(metrics: Any) -> Counters | None:
    """One request's counters from its `RequestSpecDecodeMetrics`; None where the engine gave none.

    Its histogram says how many drafts had j tokens accepted, so position i was accepted in all with j > i.
    """
    if metrics is None:
        return None
    histogram = metrics.histogram
    per_pos = [sum(histogram[position + 1 :]) for position in range(len(histogram) - 1)]
    return Counters(
        num_drafts=sum(histogram),
        num_draft_tokens=metrics.num_draft_tokens,
        num_accepted_tokens=sum(per_pos),
        num_accepted_tokens_per_pos=per_pos,
    )


def totals(num_speculative_tokens: int) -> Counters:
    """The engine's counters since this process began (Prometheus, `vllm:spec_decode_*`)."""
    found: dict[str, Any] = {}
    for metric in get_metrics_snapshot():
        if isinstance(metric, Counter):
            found[metric.name] = found.get(metric.name, 0) + metric.value
        elif isinstance(metric, Vector):
            found[metric.name] = metric.values
    per_pos = found.get(f"{PREFIX}num_accepted_tokens_per_pos", [0] * num_speculative_tokens)
    return Counters(
        num_drafts=found.get(f"{PREFIX}num_drafts", 0),
        num_draft_tokens=found.get(f"{PREFIX}num_draft_tokens", 0),
        num_accepted_tokens=found.get(f"{PREFIX}num_accepted_tokens", 0),
        num_accepted_tokens_per_pos=per_pos[:num_speculative_tokens],
    )


def total(counters: Sequence[Counters], num_speculative_tokens: int) -> Counters:
    """The sum of several counters."""
    return Counters(
        num_drafts=sum(one.num_drafts for one in counters),
        num_draft_tokens=sum(one.num_draft_tokens for one in counters),
        num_accepted_tokens=sum(one.num_accepted_tokens for one in counters),
        num_accepted_tokens_per_pos=[
            sum(one.num_accepted_tokens_per_pos[position] for one in counters)
            for position in range(num_speculative_tokens)
        ],
    )


def difference(after: Counters, before: Counters) -> Counters:
    """What was counted between two readings."""
    per_pos = zip(after.num_accepted_tokens_per_pos, before.num_accepted_tokens_per_pos, strict=True)
    return Counters(
        num_drafts=after.num_drafts - before.num_drafts,
        num_draft_tokens=after.num_draft_tokens - before.num_draft_tokens,
        num_accepted_tokens=after.num_accepted_tokens - before.num_accepted_tokens,
        num_accepted_tokens_per_pos=[late - early for late, early in per_pos],
    )
