"""Counting what happened to proposals, in vLLM's terms. Counts only: rates are in `analysis.acceptance`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from eagle3_viz.events import Counters, Step


@dataclass(slots=True)
class Tally:
    """A running count over steps. A step in which nothing was judged is no draft and counts nothing.

    Accepted tokens count also where a stop cut them from the text, as vLLM counts them.
    """

    num_drafts: int = 0
    num_draft_tokens: int = 0
    num_accepted_tokens: int = 0
    num_accepted_tokens_per_pos: list[int] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Count one step."""
        self.count(len(step.proposed), step.num_accepted)

    def count(self, num_proposed: int, num_accepted: int) -> None:
        """Count one step, of which only the numbers are known."""
        if not num_proposed:
            return
        self.num_drafts += 1
        self.num_draft_tokens += num_proposed
        self.num_accepted_tokens += num_accepted
        missing = num_proposed - len(self.num_accepted_tokens_per_pos)
        self.num_accepted_tokens_per_pos.extend([0] * missing)
        for position in range(num_accepted):
            self.num_accepted_tokens_per_pos[position] += 1

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Self:
        """The count over all of `steps`."""
        tally = cls()
        for step in steps:
            tally.add(step)
        return tally

    def counters(self, num_speculative_tokens: int) -> Counters:
        """The count as vLLM reports it: `num_accepted_tokens_per_pos` has one entry a position, K in all."""
        per_pos = self.num_accepted_tokens_per_pos
        return Counters(
            num_drafts=self.num_drafts,
            num_draft_tokens=self.num_draft_tokens,
            num_accepted_tokens=self.num_accepted_tokens,
            num_accepted_tokens_per_pos=per_pos + [0] * (num_speculative_tokens - len(per_pos)),
        )
