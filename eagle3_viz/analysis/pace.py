"""How many passes of the verifier a text took. Not an acceptance figure: every step counts, and only the text does."""

from collections.abc import Iterable
from dataclasses import dataclass

from eagle3_viz.records import Progress
from eagle3_viz.trace import Trace


@dataclass(frozen=True)
class Pace:
    """Passes and what they wrote.

    Attributes:
        num_passes: steps, those without a proposal too.
        num_tokens: emitted tokens that are in the text; cut ones are not.
    """

    num_passes: int
    num_tokens: int

    @property
    def tokens_per_pass(self) -> float | None:
        """Tokens of the text / passes; None before the first pass."""
        return self.num_tokens / self.num_passes if self.num_passes else None


def of(trace: Trace) -> Pace:
    """The pace of all requests of a trace together."""
    return over(record.progress for record in trace.requests.values())


def over(requests: Iterable[Progress]) -> Pace:
    """The pace of these requests together."""
    paces = [(progress.num_steps, len(progress.output_token_ids)) for progress in requests]
    return Pace(num_passes=sum(passes for passes, _ in paces), num_tokens=sum(tokens for _, tokens in paces))
