"""Means of rows that are not independent: several rows of one customer say less than as many customers do."""

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


def interval_of(x: np.ndarray, customers: np.ndarray) -> Estimate:
    """Mean of *x* with a normal interval of 95 %; arguments as in :func:`mean_of`."""
    mean = mean_of(x, customers)
    return Estimate(mean.value, mean.value - Z * mean.error, mean.value + Z * mean.error)


def codes_of(customers: np.ndarray) -> np.ndarray:
    """A whole number for each customer's key, shape (n,)."""
    return np.asarray(np.unique(customers, return_inverse=True)[1])
