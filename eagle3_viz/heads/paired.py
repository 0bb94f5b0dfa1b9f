"""Means over rows that come in texts. Rows of one text are alike, so intervals come from resampling texts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
SEED = 1
LEVEL = 0.99  # of each interval: several comparisons are made at once

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean and its bootstrap interval. The ends are the mean's own where there is only one text."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def mean(values: Floats, text: npt.NDArray[np.int64], level: float = LEVEL) -> Estimate:
    """The mean of `values` (N,) over all rows, of which `text` (N,) says where each belongs.

    For a paired comparison give the differences.
    """
    _, place = np.unique(text, return_inverse=True)
    number = int(place.max()) + 1
    sums, counts = np.bincount(place, values, number), np.bincount(place, minlength=number)
    drawn = np.random.default_rng(SEED).multinomial(number, np.full(number, 1 / number), size=RESAMPLES)
    spread = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(values.mean()), float(low), float(high))
