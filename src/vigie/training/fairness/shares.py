"""Intervals of shares, and the distance of two of them."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from vigie.training.clustered import Mean
from vigie.training.evidence import Estimate

Z = NormalDist().inv_cdf(0.975)
NAN = float("nan")


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
