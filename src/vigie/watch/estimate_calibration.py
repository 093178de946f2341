"""How calibration, and the order of customers, move from one cohort to the next, learned from cohorts whose outcomes are known.

A matured cohort says, with an error, how far its outcomes were from its scores, and its AUC from the one that scores promise. The shift of a later cohort is forecast by a Gaussian process: a
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
from vigie.watch.realised import SUMS, Tally, spread_of

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
RANK = Prior(0.12, 0.12, 0.5)
"""Of the AUC, log-odds: 0.12 turns 0.75 into 0.77."""


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
    # All values of the grid at once: for each way to forget, each way to wander.
    scale = (FORGET * span)[:, None]
    shape, near = _matern(apart / scale[:, :, None]), _matern(ahead / scale)
    power = WANDER**2
    covariance = (prior.bias**2 + power[:, None, None] * shape[:, None] + noise).reshape(-1, *apart.shape)
    cross = (prior.bias**2 + power[:, None] * near[:, None]).reshape(-1, len(days))
    lower = np.linalg.cholesky(covariance)
    left = np.linalg.solve(lower, np.stack([np.broadcast_to(shifts, cross.shape), cross], axis=-1))
    seen, new = left[:, :, 0], left[:, :, 1]
    logs = np.tile(np.log(weights), len(FORGET)) - 0.5 * (seen**2).sum(axis=1)
    logs = logs - np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    means = (new * seen).sum(axis=1)
    spreads = prior.bias**2 + np.tile(power, len(FORGET)) - (new**2).sum(axis=1)
    share = np.exp(logs - logs.max())
    share /= share.sum()
    mean = float(share @ means)
    variance = float(share @ (np.maximum(spreads, 0.0) + (means - mean) ** 2))
    return Forecast(mean, float(np.sqrt(variance)))


def _matern(distance: Array) -> Array:
    scaled = np.sqrt(3.0) * distance
    return np.asarray((1.0 + scaled) * np.exp(-scaled))


def ranking_of(tallied: Tally) -> tuple[float, float]:
    """How far the AUC is from what the scores say of it.

    Both are taken over the same bins of the score, so that what bins hide is hidden in both.

    Args:
        tallied: Sums over rows.

    Returns:
        Log-odds of the AUC less those of the AUC to be expected of the scores, and the variance of that; both NaN where one of the outcomes was not seen.
    """
    rows, positives, said, _ = tallied.bins.T
    negatives = rows - positives
    if not (positives.sum() > 0 and negatives.sum() > 0):
        return float("nan"), float("nan")
    auc, told = _auc(positives, negatives), _auc(said, rows - said)
    won, pairs = (tallied.sums[tallied.sums[:, 0] > 0][:, SUMS.index(name)] for name in ("won", "pairs"))
    error = spread_of(2 * (won - won.sum() / pairs.sum() * pairs) / pairs.sum())
    # Groups that are few, or an AUC that is 1 by luck, do not show an error; Mann and Whitney's, a little less where customers are in order.
    least = (rows.sum() + 1) / (12 * positives.sum() * negatives.sum()) * 4 * auc * (1 - auc)
    variance = max(0.0 if np.isnan(error) else error**2, least) / (auc * (1 - auc)) ** 2
    return float(np.log(auc / (1 - auc)) - np.log(told / (1 - told))), float(variance)


def _auc(positives: Array, negatives: Array) -> float:
    """From counts by bin, ties half, kept within 0.02 … 0.98."""
    below = np.cumsum(negatives) - negatives / 2
    return min(max(float(positives @ below) / float(positives.sum() * negatives.sum()), 0.02), 0.98)
