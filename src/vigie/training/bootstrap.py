"""Intervals by resampling customers: the rows of a customer come and go together.

Figures that are made of sums over rows (a mean, a ratio, savings) need no row to be copied: a resampled customer counts
as often as it was drawn, and each draw is one product of these counts with the sums by customer.

Intervals are *bias-corrected and accelerated* (BCa, Efron 1987): money is skewed, a few large customers carry much of it,
and a plain percentile interval is then off to one side by as much as half the error it wants to tell. BCa mends that to
second order, and costs one jackknife that sums give away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import NormalDist

import numpy as np

from vigie.training.evidence import Estimate

DRAWS = 2_000
MOST_CLUSTERS = 20_000
"""More customers than this are first dealt at random to so many groups: standard errors stay the same within 1 %."""
REMEMBERED = 20_000_000
"""Numbers up to which the draws are kept for the next figures, two bytes each."""
NAN = float("nan")

Statistic = Callable[[np.ndarray], np.ndarray]
"""From sums, shape (k, m), to one figure for each of k draws, shape (k,)."""


class Resampling:
    """Customers drawn with replacement, the same draws for every figure.

    Args:
        customers: Key or code of each row's customer, shape (n,), n ≥ 1.
        seed: Of the draws.
        draws: How many.
    """

    def __init__(self, customers: np.ndarray, seed: int, draws: int = DRAWS) -> None:
        codes = np.unique(customers, return_inverse=True)[1].astype(np.int64)
        count = int(codes.max()) + 1
        self.customers = count
        """Distinct customers."""
        if count > MOST_CLUSTERS:
            codes = np.random.default_rng(seed).permutation(count)[codes] % MOST_CLUSTERS
            count = MOST_CLUSTERS
        self.clusters = codes
        """Which of those that are drawn each row belongs to, from 0, shape (n,)."""
        self.count = count
        """How many are drawn among."""
        self._seed, self._draws = seed, draws
        self._times: np.ndarray | None = None

    def estimate(self, columns: np.ndarray, statistic: Statistic, level: float = 0.95) -> Estimate:
        """A figure made of sums over rows, with its interval.

        Args:
            columns: What is summed up, shape (n, m).
            statistic: From sums, shape (k, m), to figures, shape (k,).
            level: Share, 0 … 1, of samples whose interval holds the true figure.
        """
        return self.estimates(columns, [statistic], level)[0]

    def estimates(self, columns: np.ndarray, statistics: list[Statistic], level: float = 0.95) -> list[Estimate]:
        """Several figures of the same columns, on the same draws."""
        columns = np.asarray(columns, np.float64)
        sums = np.column_stack([np.bincount(self.clusters, column, self.count) for column in columns.T])
        return self.estimates_of(sums, statistics, level)

    def estimates_of(self, sums: np.ndarray, statistics: list[Statistic], level: float = 0.95) -> list[Estimate]:
        """The same where the sums of each cluster are known already, shape (count, m)."""
        total = sums.sum(axis=0)
        drawn = self._drawn(sums)
        found = []
        for statistic in statistics:
            with np.errstate(divide="ignore", invalid="ignore"):
                value = float(statistic(total[None, :])[0])
                found.append(interval(value, statistic(drawn), statistic(total - sums), level))
        return found

    def means(self, values: np.ndarray, level: float = 0.95) -> list[Estimate]:
        """Mean of each column of *values*, shape (n, m), over rows."""
        columns = np.column_stack([np.ones(len(values)), values])
        return self.estimates(columns, [_ratio(i + 1) for i in range(columns.shape[1] - 1)], level)

    def mean(self, values: np.ndarray, level: float = 0.95) -> Estimate:
        """Mean of *values*, shape (n,), over rows."""
        return self.means(values[:, None], level)[0]

    def _drawn(self, sums: np.ndarray) -> np.ndarray:
        """Sums of every draw, shape (draws, m)."""
        drawn = np.empty((self._draws, sums.shape[1]))
        for k, times in enumerate(self._draw()):
            drawn[k] = times.astype(np.float64) @ sums
        return drawn

    def _draw(self) -> Iterable[np.ndarray]:
        """How often each customer is in each draw, shape (customers,)."""
        if self._times is not None:
            return self._times
        generator, count = np.random.default_rng(self._seed), self.count
        draws = (np.bincount(generator.integers(0, count, count), minlength=count) for _ in range(self._draws))
        if self._draws * count > REMEMBERED:
            return draws
        # Drawing takes ten times as long as adding up: of several figures only the first waits for it.
        self._times = np.array([one.astype(np.int16) for one in draws])
        return self._times


def _ratio(column: int) -> Statistic:
    return lambda sums: np.asarray(sums[:, column] / sums[:, 0])


def interval(value: float, drawn: np.ndarray, jackknife: np.ndarray, level: float = 0.95) -> Estimate:
    """The BCa interval of a figure.

    Args:
        value: The figure.
        drawn: The same of each bootstrap draw, shape (draws,); NaN is left out.
        jackknife: The same with one customer left out, shape (customers,).
        level: Share, 0 … 1, of samples whose interval holds the true figure.

    Source: Efron (1987), *Better bootstrap confidence intervals*, JASA 82.
    """
    kept = np.sort(drawn[np.isfinite(drawn)])
    if math.isnan(value) or not len(kept):
        return Estimate(value, NAN, NAN)
    normal = NormalDist()
    below = float(((kept < value).sum() + 0.5 * (kept == value).sum()) / len(kept))
    edge = 0.5 / len(kept)
    bias = normal.inv_cdf(min(max(below, edge), 1 - edge))
    left_out = jackknife[np.isfinite(jackknife)]
    influence = left_out.mean() - left_out if len(left_out) else np.zeros(1)
    largest = float(np.abs(influence).max())
    # It has no unit; scaled to 1, the smallest influences do not vanish in their cubes.
    influence = influence / largest if largest > 0 else influence
    acceleration = float((influence**3).sum() / (6 * (influence**2).sum() ** 1.5)) if largest > 0 else 0.0
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + normal.inv_cdf(tail)
        bent = 1 - acceleration * z
        at = normal.cdf(bias + z / bent) if bent > 0 else float(z > 0)
        ends.append(float(np.quantile(kept, at)))
    return Estimate(value, min(ends[0], value), max(ends[1], value))
