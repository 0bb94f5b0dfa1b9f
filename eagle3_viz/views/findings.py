"""Findings for people: what is wrong first, what is fine in one line each."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from eagle3_viz.doctor.findings import Finding

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


def summary(findings: Sequence[Finding]) -> str:
    """How many findings of each verdict."""
    counts = {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in LOOKS}
    return ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
