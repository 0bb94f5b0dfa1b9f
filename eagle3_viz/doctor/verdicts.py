"""What a measurement says of a head: wrong only where something else is better beyond its interval."""

from collections.abc import Iterator, Sequence

from eagle3_viz.doctor.findings import Finding, fine, risk, wrong
from eagle3_viz.doctor.trial import Measured, Tried

LEAST_GAIN = 0.03  # of mean acceptance length: less is not worth calling a mistake
LITTLE = 0.35  # agreement with the truth; the reference has 0.71 at the first position


def judge(measured: Measured, static: Sequence[Finding]) -> list[Finding]:
    """Findings of a measurement, beside those from the files."""
    better = list(mistakes(measured))
    found = [*better, *(apart(tried) for tried in measured.tried if not is_better(tried))]
    if not better and not any(finding.verdict == "wrong" for finding in static):
        found.append(training(measured))
    return found


def is_better(tried: Tried) -> bool:
    """Whether an alternative is better beyond its interval, by enough to matter."""
    return tried.gain.low > 0 and tried.gain.value >= LEAST_GAIN


def mistakes(measured: Measured) -> Iterator[Finding]:
    """Of each field the best alternative that is better."""
    told = set()
    for tried in measured.tried:
        if is_better(tried) and tried.field not in told:
            told.add(tried.field)
            where = max(range(len(tried.by_depth)), key=lambda depth: tried.by_depth[depth].value)
            yield wrong(
                f"measured: {tried.name}",
                tried.field,
                f"Mean acceptance length is {measured.length.value:.3f} as configured and longer by {tried.gain} with"
                f" {tried.setting}, most of it at position {where}.",
                f"Set {tried.setting}.",
            )


def apart(tried: Tried) -> Finding:
    """How far an alternative that is not better is from what is configured."""
    gain = tried.gain
    if gain.high < 0:
        says = f"Worse than as configured, by {-gain.value:.3f} ({-gain.high:.3f} to {-gain.low:.3f})."
    elif gain.low > 0:
        says = f"Better by {gain}: too little to call it a mistake."
    else:
        most = max(abs(gain.low), abs(gain.high))
        says = f"Indistinguishable from as configured: {gain}, so at most {most:.3f} either way."
    return fine(f"measured: {tried.name}", tried.field, says)


def training(measured: Measured) -> Finding:
    """Whether a head that is fed rightly knows enough."""
    agreement = measured.agreement
    says = f"Fed the truth, the head agrees in {agreement.value:.3f} ({agreement.low:.3f} to {agreement.high:.3f})"
    if agreement.value < LITTLE:
        return risk(
            "measured: training",
            "weights",
            f"{says} of the positions, which is little, and nothing misconfigured was found: it is undertrained, or"
            " made for other text.",
            "Train it longer or on more of the verifier's own answers.",
        )
    return fine("measured: training", "weights", f"{says} of the positions.")
