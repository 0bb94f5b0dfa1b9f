"""What the page is told about a run while it goes on: its figures, and the newest part of their history."""

import msgspec

from eagle3_viz.analysis import pace
from eagle3_viz.ui.runs import Run
from eagle3_viz.views.figures import Figures, facts, figures

__all__ = ["Summary", "facts", "summarize"]


class Summary(Figures, frozen=True, kw_only=True):
    """The figures of a run so far.

    Attributes:
        first: index of the first value in `mean_acceptance_lengths`.
        mean_acceptance_lengths: after each step from `first` on.
        notice: what the visitor should know although the run goes on; None: nothing.
    """

    first: int
    mean_acceptance_lengths: list[float | None]
    notice: str | None = None


def summarize(run: Run, first: int) -> Summary | None:
    """The figures now, with the mean acceptance lengths from step `first` on; None before the run has started."""
    if not run.trace.events:
        return None
    now = figures(run.trace.counters, pace.of(run.trace))
    return Summary(
        **msgspec.structs.asdict(now),
        first=first,
        mean_acceptance_lengths=run.mean_acceptance_lengths[first:],
        notice=run.autosave.problem if run.autosave else None,
    )
