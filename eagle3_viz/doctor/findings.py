"""What one check found."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["fine", "wrong", "risk", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One check's result.

    Attributes:
        check: the check's name.
        verdict: `wrong`: it cannot work, or works badly; `risk`: nobody can tell from the files alone; `unknown`: what
            the check needs is not there.
        field: the config field or tensor that it is about.
        consequence: what is so, and what follows from it.
        fix: what to do about it; empty where there is nothing to do.
    """

    check: str
    verdict: Verdict
    field: str
    consequence: str
    fix: str = ""


def fine(check: str, field: str, says: str) -> Finding:
    """Nothing to mend."""
    return Finding(check, "fine", field, says)


def wrong(check: str, field: str, consequence: str, fix: str) -> Finding:
    """Certainly a mistake."""
    return Finding(check, "wrong", field, consequence, fix)


def risk(check: str, field: str, consequence: str, fix: str) -> Finding:
    """Perhaps a mistake; files alone do not tell."""
    return Finding(check, "risk", field, consequence, fix)


def unknown(check: str, field: str, missing: str) -> Finding:
    """The check could not be made."""
    return Finding(check, "unknown", field, missing)
