"""How far probabilities can be believed: what happened beside what was said, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from vigie.bundle.logistic import log_odds, logistic
from vigie.report.condense import wilson
from vigie.training.bootstrap import DRAWS, Resampling
from vigie.training.clustered import codes_of, mean_of
from vigie.training.evidence import Estimate, Reliability

BINS = 10
Z = NormalDist().inv_cdf(0.975)
NAN = float("nan")
ITERATIONS = 50


def reliability(
    y: np.ndarray,
    p: np.ndarray,
    customers: np.ndarray,
    losses: Mapping[str, float],
    seed: int,
    bins: int = BINS,
    draws: int = DRAWS,
) -> Reliability:
    """The reliability of the probabilities of rows that chose nothing.

    Bins are of equal size; rows of one probability are not torn apart, so there may be fewer. The share of positives of a bin has
    an interval of Wilson (1927), which holds its level where few or no positives are, for as many rows as are independent:
    several rows of one customer count for less. Slope and offset are of a logistic regression of the outcome on the log-odds (Cox
    1958), their intervals from the variance clustered by customer. The expected calibration error is bootstrapped by
    customer.

    Args:
        y: Outcomes, 0 or 1, shape (n,).
        p: Calibrated probabilities, shape (n,).
        customers: Key or code of each row's customer, shape (n,).
        losses: Cross-validated log loss of each map tried, for the record.
        seed: Of the bootstrap.
        bins: How many at most.
        draws: Bootstrap samples.
    """
    codes = codes_of(customers)
    parts = _parts(p, bins)
    shares = [_share(y[part], codes[part]) for part in parts]
    slope, offset = _line(y, p, codes)
    return Reliability(
        mean=np.array([p[part].mean() for part in parts]),
        observed=np.array([share.value for share in shares]),
        low=np.array([share.low for share in shares]),
        high=np.array([share.high for share in shares]),
        size=np.array([len(part) for part in parts]),
        slope=slope,
        offset=offset,
        ece=_calibration_error(y, p, codes, parts, seed, draws),
        losses=dict(losses),
    )


def _parts(p: np.ndarray, bins: int) -> list[np.ndarray]:
    """Row numbers of each bin, by increasing probability."""
    order = np.argsort(p, kind="stable")
    ordered = p[order]
    wanted = np.linspace(0, len(p), bins + 1).round().astype(np.int64)[1:-1]
    # Move each border to the end of its run of equal probabilities.
    borders = np.unique(np.searchsorted(ordered, ordered[np.clip(wanted - 1, 0, len(p) - 1)], side="right"))
    return [part for part in np.split(order, borders) if len(part)]


def _share(y: np.ndarray, codes: np.ndarray) -> Estimate:
    """Share of positives with Wilson's interval, for as many rows as are independent."""
    found = mean_of(y.astype(np.float64), codes)
    n, share = max(found.rows, 1.0), found.value
    low, high = wilson(share * n, n)
    return Estimate(share, min(low, share), max(high, share))


def _line(y: np.ndarray, p: np.ndarray, codes: np.ndarray) -> tuple[Estimate, Estimate]:
    """Slope with an offset of its own, and offset at slope 1, of the outcome on the log-odds."""
    unknown = Estimate(NAN, NAN, NAN)
    if y.min() == y.max():
        return unknown, unknown
    z = log_odds(p)
    offset = _fitted(np.ones((len(y), 1)), y, z, codes)[0]
    if float(np.ptp(z)) == 0.0:
        return unknown, offset
    return _fitted(np.column_stack([z, np.ones(len(y))]), y, np.zeros(len(y)), codes)[0], offset


def _fitted(X: np.ndarray, y: np.ndarray, known: np.ndarray, codes: np.ndarray) -> list[Estimate]:
    """Coefficients of a logistic regression with *known* log-odds added, and intervals clustered by customer."""
    found = np.zeros(X.shape[1])
    curvature = np.eye(len(found))
    residual = np.zeros(len(y))
    for _ in range(ITERATIONS):
        q = logistic(X @ found + known)
        residual = y - q
        curvature = (X * np.maximum(q * (1 - q), 1e-12)[:, None]).T @ X + 1e-9 * np.eye(len(found))
        step = np.linalg.solve(curvature, X.T @ residual)
        step *= min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-300))
        found += step
        if float(np.abs(step).max()) < 1e-10:
            break
    scores = np.column_stack([np.bincount(codes, column * residual) for column in X.T])
    bread = np.linalg.inv(curvature)
    errors = np.sqrt(np.maximum(np.diag(bread @ (scores.T @ scores) @ bread), 0.0))
    return [
        Estimate(float(value), float(value - Z * error), float(value + Z * error))
        for value, error in zip(found, errors, strict=True)
    ]


def _calibration_error(
    y: np.ndarray, p: np.ndarray, codes: np.ndarray, parts: list[np.ndarray], seed: int, draws: int
) -> Estimate:
    """Mean distance of probability and share of positives over the bins."""
    distance = np.zeros((len(y), len(parts)))
    for i, part in enumerate(parts):
        distance[part, i] = p[part] - y[part]
    columns = np.column_stack([np.ones(len(y)), distance])
    found = Resampling(codes, seed, draws).estimate(columns, lambda sums: np.abs(sums[:, 1:]).sum(axis=1) / sums[:, 0])
    return Estimate(found.value, max(found.low, 0.0), found.high)
