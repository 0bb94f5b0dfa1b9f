"""Intervals, held against scipy, and by simulation against what they promise."""

import random
from collections.abc import Sequence
from statistics import fmean

import pytest
from scipy import stats

from eagle3_viz.analysis.acceptance import mean_length
from eagle3_viz.analysis.intervals import bootstrap, quantile, wilson
from eagle3_viz.counting import Tally


@pytest.mark.parametrize(("part", "whole"), [(0, 7), (7, 7), (1, 3), (37, 51), (136_677, 271_179)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_is_scipys(part: int, whole: int, level: float) -> None:
    theirs = stats.binomtest(part, whole).proportion_ci(level, method="wilson")
    assert wilson(part, whole, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_nothing_tried_has_no_interval() -> None:
    assert wilson(0, 0) is None
    assert bootstrap([1.0], fmean) is None
    assert bootstrap([1.0, 2.0], lambda _: None) is None


def test_the_bootstrap_is_scipys() -> None:
    rng = random.Random(1)
    sample = [rng.gauss(2.4, 0.5) for _ in range(80)]
    theirs = stats.bootstrap((sample,), fmean, method="percentile", vectorized=False, n_resamples=4000, rng=2)
    low, high = theirs.confidence_interval
    ours = bootstrap(sample, fmean, resamples=4000)
    assert ours == pytest.approx((low, high), abs=0.01)
    assert bootstrap(sample, fmean, resamples=4000) == ours  # the same each time


def test_quantiles_are_scipys() -> None:
    values = sorted([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
    for share in (0.0, 0.025, 0.5, 0.9, 1.0):
        assert quantile(values, share) == pytest.approx(stats.scoreatpercentile(values, 100 * share))


def test_wilson_covers_as_often_as_it_says() -> None:
    rng = random.Random(3)
    for truth, whole in ((0.7, 40), (0.34, 60), (0.05, 200)):
        covered = [covers(wilson(sum(rng.random() < truth for _ in range(whole)), whole), truth) for _ in range(2000)]
        assert 0.93 < fmean(covered) < 0.98


def test_the_bootstrap_over_requests_covers_where_drafts_of_a_request_resemble_each_other() -> None:
    """Wilson's interval on the same drafts, taken as independent, is far too narrow: that is why requests are drawn."""
    rng = random.Random(4)
    pooled, alone = [], []
    for _ in range(150):
        tallies = [request(rng) for _ in range(50)]
        pooled.append(covers(bootstrap(tallies, mean_length, resamples=300), 1.5))
        accepted, drafts = (sum(values) for values in zip(*map(counts, tallies), strict=True))
        alone.append(covers(wilson(accepted, drafts), 0.5))
    assert 0.88 < fmean(pooled) < 0.99
    assert fmean(alone) < 0.6


def request(rng: random.Random) -> Tally:
    """Forty drafts of K = 1 with a chance of their own, which is 0.5 over all requests."""
    chance = rng.betavariate(2, 2)
    tally = Tally()
    for _ in range(40):
        tally.count(1, int(rng.random() < chance))
    return tally


def counts(tally: Tally) -> tuple[int, int]:
    return tally.num_accepted_tokens, tally.num_drafts


def covers(interval: Sequence[float] | None, truth: float) -> bool:
    assert interval is not None
    return interval[0] <= truth <= interval[1]
