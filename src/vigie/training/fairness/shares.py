"""Shares with intervals that know of customers decided on more than once, and the distance of two of them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from vigie.training.evidence import Estimate

Z = NormalDist().inv_cdf(0.975)
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with what its interval is made of.

    Attributes:
        value: The mean; NaN of no rows.
        error: Standard error, clustered by customer.
        rows: Number of independent rows that would leave the same uncertainty.
    """

    value: float
    error: float
    rows: float


def mean_of(x: np.ndarray, customers: np.ndarray) -> Mean:
    """Mean of *x*, shape (n,), whose rows of one customer (codes, shape (n,)) are not independent.

    The variance is that of the sums of residuals by customer (Liang & Zeger 1986), never less than without clusters.
    """
    n = len(x)
    if not n:
        return Mean(NAN, NAN, 0.0)
    value = float(x.mean())
    residual = x - value
    simple = float(residual @ residual) / n**2
    sums = np.bincount(customers, weights=residual)
    clusters = len(np.unique(customers))
    if simple == 0:
        # All rows are alike: as many independent rows as there are customers.
        return Mean(value, 0.0, float(clusters))
    variance = max(simple, float(sums @ sums) / n**2)
    return Mean(value, float(np.sqrt(variance)), n * simple / variance)


def wilson(mean: Mean, z: float = Z) -> Estimate:
    """Interval of a share (Wilson 1927), which stays within 0 … 1 and says something of shares of 0 and 1."""
    p, n = mean.value, mean.rows
    if not n:
        return Estimate(NAN, NAN, NAN)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
    return Estimate(p, max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half)))


def share_gap(high: Mean, low: Mean, z: float) -> Estimate:
    """Difference of two shares (Newcombe 1998, method 10: of their Wilson intervals)."""
    one, other = wilson(high, z), wilson(low, z)
    gap = one.value - other.value
    down = float(np.hypot(one.value - one.low, other.high - other.value))
    up = float(np.hypot(one.high - one.value, other.value - other.low))
    return Estimate(gap, max(0.0, gap - down), min(1.0, gap + up))


def mean_gap(high: Mean, low: Mean, z: float) -> Estimate:
    """Difference of two means of any sign."""
    gap, error = high.value - low.value, float(np.hypot(high.error, low.error))
    return Estimate(gap, max(0.0, gap - z * error), gap + z * error)


def simultaneous(groups: int) -> float:
    """Normal quantile for which all pairs among so many groups hold at once in 95 % of samples (Bonferroni)."""
    pairs = max(1, groups * (groups - 1) // 2)
    return NormalDist().inv_cdf(1 - 0.025 / pairs)
