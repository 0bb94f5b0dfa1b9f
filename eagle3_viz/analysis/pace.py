"""How many passes of the verifier a text took. Not an acceptance figure: every step counts, and only the text does."""

from dataclasses import dataclass

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
    records = trace.requests.values()
    return Pace(
        num_passes=sum(len(record.steps) for record in records),
        num_tokens=sum(len(record.output_token_ids) for record in records),
    )
