"""How sure a figure is: intervals of proportions, and of whatever can be computed from a sample again."""

import math
import random
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TypeVar

Sample = TypeVar("Sample")
Interval = tuple[float, float]

LEVEL = 0.95
RESAMPLES = 2000


def wilson(part: int, whole: int, level: float = LEVEL) -> Interval | None:
    """Wilson's score interval of a proportion, as if every trial were independent; None where `whole` is 0."""
    if not whole:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    proportion, square = part / whole, z * z / whole
    centre = proportion + square / 2
    spread = z * math.sqrt((proportion * (1 - proportion) + square / 4) / whole)
    low, high = (centre - spread) / (1 + square), (centre + spread) / (1 + square)
    return (0.0 if part == 0 else low, 1.0 if part == whole else high)


def bootstrap(
    samples: Sequence[Sample],
    statistic: Callable[[Sequence[Sample]], float | None],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Percentile interval of `statistic` over samples drawn again with replacement; None for fewer than two samples.

    The same samples and seed give the same interval. Resamples of which the statistic is None are left out.
    """
    if len(samples) < 2:
        return None
    rng = random.Random(seed)
    drawn = (statistic(rng.choices(samples, k=len(samples))) for _ in range(resamples))
    values = sorted(value for value in drawn if value is not None)
    return (quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2)) if values else None


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the ordered values lie, interpolated linearly."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
