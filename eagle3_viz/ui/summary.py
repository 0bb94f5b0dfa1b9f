"""What the page says about a run in figures. Every rate comes from `analysis.acceptance`."""

import msgspec

from eagle3_viz.analysis import acceptance, pace
from eagle3_viz.events import Counters, EngineInfo
from eagle3_viz.ui.runs import Run
from eagle3_viz.views import words


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run so far.

    Attributes:
        headline: how many verifier passes wrote how many tokens, in words.
        tokens_per_pass: of the text, in words; empty before the first pass.
        rate_per_draft: position i accepted / all drafts.
        rate_given_prefix: accepted at i / accepted at i-1.
        first: index of the first value in `mean_acceptance_lengths`.
        mean_acceptance_lengths: after each step from `first` on.
    """

    headline: str
    tokens_per_pass: str
    counters: Counters
    rate_per_draft: list[float | None]
    rate_given_prefix: list[float | None]
    mean_acceptance_length: float | None
    first: int
    mean_acceptance_lengths: list[float | None]


def summarize(run: Run, first: int) -> Summary | None:
    """The figures now, with the mean acceptance lengths from step `first` on; None before the run has started."""
    if not run.trace.events:
        return None
    counters = run.trace.counters
    rates = acceptance.rates(counters)
    so_far = pace.of(run.trace)
    return Summary(
        headline=words.headline(so_far.num_passes, so_far.num_tokens),
        tokens_per_pass="" if so_far.tokens_per_pass is None else f"{so_far.tokens_per_pass:.2f} tokens per pass",
        counters=counters,
        rate_per_draft=rates.rate_per_draft,
        rate_given_prefix=rates.rate_given_prefix,
        mean_acceptance_length=rates.mean_acceptance_length,
        first=first,
        mean_acceptance_lengths=run.mean_acceptance_lengths[first:],
    )


def facts(engine: EngineInfo) -> list[str]:
    """The engine in a few words: pair, K, device, version."""
    draft = engine.draft or "no draft"
    where = " ".join(filter(None, [engine.device, engine.dtype]))
    return [
        f"verifier {engine.verifier}",
        f"draft {draft}",
        f"K = {engine.num_speculative_tokens}",
        *([where] if where else []),
        *([f"vLLM {engine.vllm_version}"] if engine.vllm_version else []),
    ]
