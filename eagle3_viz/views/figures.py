"""What is said about a run in figures, and about its engine in words. Every rate comes from `analysis.acceptance`."""

import msgspec

from eagle3_viz.analysis import acceptance
from eagle3_viz.analysis.pace import Pace
from eagle3_viz.events import Counters, EngineInfo
from eagle3_viz.views import words


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run up to some step.

    Attributes:
        headline: how many verifier passes wrote how many tokens, in words.
        tokens_per_pass: of the text, in words; empty before the first pass.
        rate_per_draft: position i accepted / all drafts.
        rate_given_prefix: accepted at i / accepted at i-1.
    """

    headline: str
    tokens_per_pass: str
    counters: Counters
    rate_per_draft: list[float | None]
    rate_given_prefix: list[float | None]
    mean_acceptance_length: float | None


def figures(counters: Counters, pace: Pace) -> Figures:
    """The figures that these counts give."""
    rates = acceptance.rates(counters)
    return Figures(
        headline=words.headline(pace.num_passes, pace.num_tokens),
        tokens_per_pass="" if pace.tokens_per_pass is None else f"{pace.tokens_per_pass:.2f} tokens per pass",
        counters=counters,
        rate_per_draft=rates.rate_per_draft,
        rate_given_prefix=rates.rate_given_prefix,
        mean_acceptance_length=rates.mean_acceptance_length,
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
