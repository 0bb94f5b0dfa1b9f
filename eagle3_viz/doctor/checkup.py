"""What the doctor says of a pair's files, for whoever has nothing but its name."""

from eagle3_viz import bundled
from eagle3_viz.doctor.diagnose import diagnose
from eagle3_viz.doctor.facts import gather
from eagle3_viz.doctor.findings import Finding


def of_bundled(name: str) -> list[Finding]:
    """The findings on a pair that ships, whose verifier is on disk."""
    pair = bundled.get(name)
    return diagnose(gather(str(pair.speculator), str(pair.verifier)))


def of_files(speculator: str, verifier: str | None) -> list[Finding]:
    """The findings on a head of the user's own.

    Raises:
        InputError: it is not where it should be, or no head.
    """
    return diagnose(gather(speculator, verifier))
