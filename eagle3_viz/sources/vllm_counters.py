"""vLLM's own counters in the trace's terms: the oracle that our counts are held against."""

from collections.abc import Sequence
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry

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


class EngineCounters:
    """One engine's own counters since it started (Prometheus, `vllm:*`).

    Made right after the engine: the next one that starts in this process takes them out of the common registry.
    """

    def __init__(self, num_speculative_tokens: int) -> None:
        self.k = num_speculative_tokens
        self._registry = CollectorRegistry()
        for collector in list(REGISTRY._collector_to_names):
            if getattr(collector, "_name", "").startswith("vllm:"):
                self._registry.register(collector)

    def values(self, name: str) -> list[float]:
        """A counter's values, one a label; positions come in order."""
        metrics = self._registry.restricted_registry([f"{name}_total"]).collect()  # all of them take milliseconds
        samples = [sample for metric in metrics for sample in metric.samples]
        samples.sort(key=lambda sample: int(sample.labels.get("position", 0)))
        return [sample.value for sample in samples]

    def totals(self) -> Counters:
        """Those of speculative decoding."""
        per_pos = [int(value) for value in self.values(f"{PREFIX}num_accepted_tokens_per_pos")]
        return Counters(
            num_drafts=int(sum(self.values(f"{PREFIX}num_drafts"))),
            num_draft_tokens=int(sum(self.values(f"{PREFIX}num_draft_tokens"))),
            num_accepted_tokens=int(sum(self.values(f"{PREFIX}num_accepted_tokens"))),
            num_accepted_tokens_per_pos=per_pos or [0] * self.k,
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
