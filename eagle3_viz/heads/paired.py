"""Means over rows that come in texts. Rows of one text are alike, so intervals come from resampling texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eagle3_viz.analysis.intervals import bootstrap

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
    sums, counts = np.bincount(place, values), np.bincount(place)
    value = float(values.mean())
    ends = bootstrap(list(zip(sums.tolist(), counts.tolist(), strict=True)), pooled, level=level)
    return Estimate(value, *(ends or (value, value)))


def pooled(texts: Sequence[tuple[float, int]]) -> float:
    """The mean over all rows of texts, each given as its sum and its number of rows."""
    return sum(total for total, _ in texts) / sum(count for _, count in texts)
