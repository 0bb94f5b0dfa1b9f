"""A head's figures over all positions, for people."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eagle3_viz.analysis.acceptance import Rates
from eagle3_viz.analysis.diagnosis import Diagnosis
from eagle3_viz.heads.groups import Group
from eagle3_viz.heads.paired import Estimate
from eagle3_viz.heads.summary import Summary
from eagle3_viz.views import why_tables

LEGEND = (
    "agrees: guesses that are the verifier's choice; earlier right: of those behind right guesses; accepted: of all,"
    " with every earlier one; KL: of the draft from the verifier, nats; top 5: the choice is among the draft's five"
    " likeliest; outside: it is not in the draft vocabulary; off by: confidence from agreement"
)


def show(name: str, figures: Summary, console: Console) -> None:
    """Print one head's figures."""
    console.print(f"{name}: {figures.num_positions} positions of {figures.num_texts} texts", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for column in ("depth", "agrees", "interval", "earlier right", "accepted", "KL", "top 5", "outside", "off by"):
        table.add_column(column, justify="right", no_wrap=True)
    for number, depth in enumerate(figures.depths):
        table.add_row(
            str(number),
            share(depth.agreement.value),
            f"{depth.agreement.low:.2f}-{depth.agreement.high:.2f}",
            share(depth.agreement_given_prefix),
            share(figures.predicted.rate_per_draft[number]),
            f"{depth.kl:.2f}",
            share(depth.within_rank[5]),
            share(depth.outside_vocabulary),
            share(depth.calibration_error),
        )
    console.print(table)
    length, along = figures.mean_acceptance_length, figures.predicted_along_path
    console.print(LEGEND, soft_wrap=True)
    console.print(by_kind(figures.groups["kind"]), soft_wrap=True)
    console.print(f"predicted mean acceptance length {interval(length)}, if steps began everywhere alike")
    console.print(
        f"along the path of a run {along.mean_acceptance_length:.3f}, over {along.num_drafts} steps: there steps begin"
        " where the head just failed, and hard places come in a row",
        soft_wrap=True,
    )
    console.print()


def show_measured(measured: Rates, console: Console) -> None:
    """Print what the trace itself came to, with whichever head it was recorded."""
    length = "–" if measured.mean_acceptance_length is None else f"{measured.mean_acceptance_length:.3f}"
    console.print(
        f"measured in the trace {length}, over {measured.num_drafts} steps: a greedy run of this head differs from the"
        " path above only by the last steps of each answer, which have fewer positions than the depth",
        soft_wrap=True,
    )


def show_causes(diagnosis: Diagnosis, console: Console) -> None:
    """Print why the trace's proposals were rejected, now that it is known what the head names when fed the truth."""
    for part in why_tables.why(diagnosis):
        console.print(part, soft_wrap=isinstance(part, Text))


def by_kind(kinds: dict[str, Group]) -> str:
    """One line of what agrees on which kind of token."""
    return "agrees by kind of token: " + ", ".join(
        f"{name} {share(group.agreement)} of {group.count}" for name, group in kinds.items()
    )


def show_comparison(base: str, other: str, compared: dict[str, Any], console: Console) -> None:
    """Print what a second head gains over the first."""
    console.print(f"{other} less {base}, on the same positions:", soft_wrap=True)
    console.print(f"mean acceptance length {Estimate(**compared['mean_acceptance_length'])}")
    for depth, each in enumerate(compared["chain_by_depth"]):
        console.print(f"of it at depth {depth}: {Estimate(**each)}")


def share(value: float | None) -> str:
    """A share, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def interval(estimate: Estimate) -> str:
    """A mean and its interval."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
