"""Real engines for tests, what a recording on one has to keep, and request parameters crossed pairwise."""

import dataclasses
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import combinations, product
from types import FrameType
from typing import Any

from eagle3_viz import bundled
from eagle3_viz.events import RequestFinished, Sampling
from eagle3_viz.sources.base import Request
from eagle3_viz.sources.opening import bundled_config
from eagle3_viz.sources.vllm_probe import ProbeExtension
from eagle3_viz.trace import Trace


class CountingExtension(ProbeExtension):
    """The probe, and a count of the calls that were made into its files."""

    calls: int

    def eagle3_viz_count(self) -> None:
        """Count from now on."""
        self.calls = 0

        def note(frame: FrameType, event: str, _: Any) -> None:
            if event == "call" and "eagle3_viz/sources/" in frame.f_code.co_filename:
                self.calls += 1

        sys.setprofile(note)

    def eagle3_viz_counted(self) -> int:
        """How many calls there were; this one is not among them."""
        sys.setprofile(None)
        return self.calls


@asynccontextmanager
async def tiny_llama4(
    *, k: int = 3, max_model_len: int = 2048, speculative: Mapping[str, Any] | None = None, **engine_args: Any
) -> AsyncIterator[Any]:
    """An engine with the small pair. Costs half a minute: not more than eight of them in all tests."""
    from eagle3_viz.sources.vllm_engine import VllmSource

    config = bundled_config(bundled.get("tiny-llama4"), k)
    arguments = {**config.engine_args, "speculative_config": dict(speculative or {}), **engine_args}
    source = await VllmSource.open(dataclasses.replace(config, max_model_len=max_model_len, engine_args=arguments))
    try:
        yield source
    finally:
        await source.close()


def asked(prompt: str, number: int = 0, top_logprobs: int = 5, **sampling: Any) -> Request:
    """A chat request r0, r1, …"""
    return Request(
        request_id=f"r{number}",
        messages=[{"role": "user", "content": prompt}],
        sampling=Sampling(**{"max_tokens": 32, **sampling}),
        top_logprobs=top_logprobs,
    )


def finished(trace: Trace, request_id: str = "r0") -> RequestFinished:
    """How a request ended, which has to be in order."""
    ended = trace.requests[request_id].ended
    assert isinstance(ended, RequestFinished), ended
    return ended


def assert_exact(trace: Trace) -> None:
    """Our counts are vLLM's to the integer: over all requests, and of each for which the engine gives them.

    That the steps' tokens are the requests' output was checked when the trace was made.
    """
    assert trace.finished
    assert trace.finished.engine_totals == trace.counters
    assert not any(seen.num_dropped for seen in trace.requests.values())
    for request_id, seen in trace.requests.items():
        ended = finished(trace, request_id)
        if ended.engine_counters is None:
            assert ended.counters_verified is None
            assert ended.finish_reason == "abort" or seen.started.sampling.stop  # what the engine itself does not end
        else:
            assert ended.engine_counters == seen.tally.counters(trace.engine.num_speculative_tokens)
            assert ended.counters_verified is True


def pairwise(parameters: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Few combinations in which every two values of different parameters meet; greedy, the same every time."""
    names = list(parameters)
    missing = {
        ((one, i), (other, j))
        for one, other in combinations(names, 2)
        for i, j in product(range(len(parameters[one])), range(len(parameters[other])))
    }
    rows = list(product(*(range(len(parameters[name])) for name in names)))
    pairs = {row: frozenset(combinations(zip(names, row, strict=True), 2)) for row in rows}
    while missing:
        row = max(rows, key=lambda row: len(missing & pairs[row]))
        missing -= pairs[row]
        yield {name: parameters[name][i] for name, i in zip(names, row, strict=True)}
