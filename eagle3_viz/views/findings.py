"""Findings for people: what is wrong first, what is fine in one line each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from eagle3_viz.doctor.findings import Finding

if TYPE_CHECKING:
    from eagle3_viz.doctor.trial import Measured

LOOKS = {"wrong": ("✗", "bold red"), "risk": ("!", "yellow"), "unknown": ("?", "dim"), "fine": ("✓", "green")}


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print findings, the worst first."""
    for verdict in LOOKS:
        for finding in findings:
            if finding.verdict == verdict:
                show_one(finding, console)
    console.print()
    console.print(summary(findings))


def show_one(finding: Finding, console: Console) -> None:
    """Print one finding."""
    glyph, style = LOOKS[finding.verdict]
    head = Text.assemble((f"{glyph} {finding.verdict}", style), f"  {finding.check}: ")
    if finding.verdict in ("fine", "unknown"):
        console.print(head + Text(finding.consequence, "dim"), soft_wrap=True)
        return
    console.print(head + Text(finding.field, "dim"))
    for line in (finding.consequence, f"Fix: {finding.fix}"):
        console.print(Padding(Text(line), (0, 0, 0, 4)))


def show_measured(measured: "Measured", console: Console) -> None:
    """Print what was measured, and how."""
    console.print(
        f"Measured without an engine, at {measured.num_positions} positions of {measured.num_texts} of the verifier's"
        f" own texts: mean acceptance length {measured.length.value:.3f} if steps began everywhere alike. What else was"
        " tried, on the same positions; intervals of 99 % from resampled texts; the gain by position in the proposal:",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    for column in ("instead", "gain", "interval", *(f"at {n}" for n in range(len(measured.tried[0].by_depth)))):
        table.add_column(column, justify="left" if column == "instead" else "right", no_wrap=True)
    for tried in measured.tried:
        gain, depths = tried.gain, (f"{each.value:+.3f}" for each in tried.by_depth)
        table.add_row(tried.name, f"{gain.value:+.3f}", f"{gain.low:+.3f} to {gain.high:+.3f}", *depths)
    console.print(table)


def summary(findings: Sequence[Finding]) -> str:
    """How many findings of each verdict."""
    counts = {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in LOOKS}
    return ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
