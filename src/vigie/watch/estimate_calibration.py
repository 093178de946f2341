"""How calibration moves from one cohort to the next, learned from cohorts whose outcomes are known.

A matured cohort says, with an error, how far its outcomes were from its scores. The shift of a later cohort is forecast by a Gaussian process: a
part that stays, and a part that wanders and forgets: Matérn's covariance of order 3/2, ``τ²·(1 + √3·d/L)·exp(−√3·d/L)`` at a distance *d* in
time. It is smooth, as outcomes over a horizon are sums over days that neighbours share: that nothing changes from one day to the next does not
say that nothing will by the next season. How much the shift wanders and how fast it forgets is not known: all values of a grid are weighed by
how well they explain what was seen, so that few cohorts give wide forecasts. Cohorts that are closer than the horizon look at the same days of
the same customers; their errors are correlated accordingly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.economics.payoff import Array

WANDER = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0])
"""Standard deviations τ that are weighed, in log-odds."""
FORGET = np.array([0.7, 1.5, 4.0])
"""Times L that are weighed, in horizons."""
DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of a shift before a cohort has matured.

    Attributes:
        bias: Standard deviation of the part that stays.
        wander: Median of the standard deviation of the part that wanders.
        spread: Standard deviation of its logarithm.
    """

    bias: float
    wander: float
    spread: float = 0.8


LEVEL = Prior(0.25, 0.50, 0.3)
"""Of the shift at the centre, log-odds: 0.5 turns a probability of 50 % into 62 %. As wide as the seasons of a shop are; see
``docs/explanation/estimates.md``."""
SLOPE = Prior(0.20, 0.10, 0.4)
"""Of the slope."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A shift that is forecast.

    Attributes:
        mean: Expected shift.
        error: Standard deviation.
    """

    mean: float
    error: float


def forecast(
    moments: Array, shifts: Array, variances: Array, at: int, horizon: int, prior: Prior, repeated: float = 0.7
) -> Forecast:
    """The shift of a cohort from those of matured ones.

    Args:
        moments: Of the matured cohorts, µs, shape (k,), increasing.
        shifts: Seen in them, shape (k,).
        variances: Of their errors, shape (k,).
        at: Moment of the cohort to forecast, µs.
        horizon: Of the outcome, µs.
        prior: What is believed beforehand.
        repeated: How much the errors of neighbouring cohorts have in common, 0 … 1.
    """
    weights = np.exp(-0.5 * (np.log(WANDER / prior.wander) / prior.spread) ** 2)
    if not len(moments):
        variance = prior.bias**2 + float(weights @ WANDER**2 / weights.sum())
        return Forecast(0.0, float(np.sqrt(variance)))
    days = np.asarray(moments, np.float64) / DAY
    apart = np.abs(days[:, None] - days[None, :])
    ahead = np.abs(at / DAY - days)
    deviation = np.sqrt(variances)
    span = max(horizon / DAY, 1.0)
    together = np.where(apart == 0, 1.0, repeated * np.maximum(0.0, 1.0 - apart / span))
    np.fill_diagonal(together, 1.0 + 1e-6)
    noise = together * deviation[:, None] * deviation[None, :]
    logs, means, spreads = [], [], []
    for forget in FORGET:
        shape, near = _matern(apart / (forget * span)), _matern(ahead / (forget * span))
        for wander, weight in zip(WANDER, weights, strict=True):
            covariance = prior.bias**2 + wander**2 * shape + noise
            cross = prior.bias**2 + wander**2 * near
            lower = np.linalg.cholesky(covariance)
            left = np.linalg.solve(lower, np.column_stack([shifts, cross]))
            logs.append(np.log(weight) - 0.5 * float(left[:, 0] @ left[:, 0]) - float(np.log(np.diag(lower)).sum()))
            means.append(float(left[:, 1] @ left[:, 0]))
            spreads.append(prior.bias**2 + wander**2 - float(left[:, 1] @ left[:, 1]))
    share = np.exp(np.array(logs) - max(logs))
    share /= share.sum()
    mean = float(share @ means)
    variance = float(share @ (np.maximum(spreads, 0.0) + (np.array(means) - mean) ** 2))
    return Forecast(mean, float(np.sqrt(variance)))


def _matern(distance: Array) -> Array:
    scaled = np.sqrt(3.0) * distance
    return np.asarray((1.0 + scaled) * np.exp(-scaled))
