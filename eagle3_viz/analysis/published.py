"""Runs that others published, as they printed them, and what their own counts give.

Sources: the model card of nm-testing/Llama4-Maverick-Eagle3-Speculators, and vLLM's test of acceptance lengths.
"""

import msgspec

from eagle3_viz.analysis.acceptance import length_from_rates, mean_length
from eagle3_viz.counting import Tally

K = 3  # of every one of them
HALF_DIGIT = 0.005 + 1e-9  # figures are printed to two digits


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A published run; counts are None where its source gives none."""

    name: str
    per_position: tuple[float, ...]
    mean_acceptance_length: float
    num_output_tokens: int | None = None
    num_drafts: int | None = None
    num_draft_tokens: int | None = None
    num_accepted_tokens: int | None = None

    @property
    def length_from_counts(self) -> float | None:
        """1 + accepted / drafts."""
        if self.num_drafts is None or self.num_accepted_tokens is None:
            return None
        return mean_length([Tally(num_drafts=self.num_drafts, num_accepted_tokens=self.num_accepted_tokens)])

    @property
    def length_from_rates(self) -> float:
        """1 + the printed rates' sum."""
        return length_from_rates(self.per_position)

    @property
    def agrees(self) -> bool | None:
        """Whether the printed mean can have come from the counts; None without counts."""
        counted = self.length_from_counts
        return None if counted is None else abs(counted - self.mean_acceptance_length) <= HALF_DIGIT


TEXT = Published(
    name="Llama-4 Maverick, MT-Bench text",
    per_position=(0.71, 0.48, 0.34),
    mean_acceptance_length=2.53,
    num_output_tokens=227_215,
    num_drafts=90_393,
    num_draft_tokens=271_179,
    num_accepted_tokens=136_677,
)
IMAGES = Published(
    name="Llama-4 Maverick, image prompts",
    per_position=(0.60, 0.34, 0.19),
    mean_acceptance_length=2.12,
    num_output_tokens=181_036,
    num_drafts=85_369,
    num_draft_tokens=256_107,
    num_accepted_tokens=95_711,
)
RUNS = (
    TEXT,
    IMAGES,
    Published(name="Llama-3.1-8B, MT-Bench text", per_position=(0.7296, 0.5208, 0.3545), mean_acceptance_length=2.60),
    Published(name="Qwen3-8B, MT-Bench text", per_position=(0.6541, 0.3993, 0.2020), mean_acceptance_length=2.26),
)
