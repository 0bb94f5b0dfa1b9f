"""All checks of a pair's files, in the order in which they are told."""

from eagle3_viz.doctor import layers, layout, norms, shapes, surroundings, vocabulary
from eagle3_viz.doctor.facts import Facts
from eagle3_viz.doctor.findings import Finding

PARTS = (layout, shapes, layers, norms, vocabulary, surroundings)


def diagnose(facts: Facts) -> list[Finding]:
    """What each check says of a pair; reads nothing that is not in `facts`."""
    return [finding for part in PARTS for finding in part.check(facts)]
