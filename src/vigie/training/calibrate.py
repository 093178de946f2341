"""Calibration: which map from a model's score to a probability fits best on rows the model has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vigie.bundle import Calibration
from vigie.training.metrics import log_loss

ISOTONIC_POSITIVES = 500
"""Rows of the rarer class below which steps would follow noise (Niculescu-Mizil & Caruana 2005: about 1,000 rows)."""
WORTHWHILE = 5e-4
"""Nats of log loss that a map with more freedom has to save."""
FOLDS = 5
ITERATIONS = 100


def _unchanged(p: np.ndarray, y: np.ndarray) -> Calibration:  # noqa: ARG001 - one of three with the same arguments
    return Calibration.identity()


def fit_sigmoid(p: np.ndarray, y: np.ndarray) -> Calibration:
    """``logistic(a · log_odds(p) + b)`` of highest likelihood, by Newton's method on Platt's (1999) smoothed targets.

    A slope below 0 would turn the ranking around; then the share of positives stands for everybody.
    """
    positives = int(y.sum())
    negatives = len(y) - positives
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    kept = np.clip(p, 1e-15, 1 - 1e-15)
    z = np.log(kept / (1 - kept))
    center, scale = float(z.mean()), float(z.std()) or 1.0
    x = (z - center) / scale
    base = float(np.log((positives + 1) / (negatives + 1)))
    slope, offset = 0.0, base
    for _ in range(ITERATIONS):
        q = 1 / (1 + np.exp(-(slope * x + offset)))
        weight = np.maximum(q * (1 - q), 1e-12)
        error = q - target
        gradient = np.array([float(error @ x), float(error.sum())])
        # A grain of ridge keeps two separated classes finite.
        curvature = np.array(
            [[float((weight * x) @ x) + 1e-6, float(weight @ x)], [float(weight @ x), float(weight.sum())]]
        )
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        step *= min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-300))
        slope, offset = slope - float(step[0]), offset - float(step[1])
        if float(np.abs(step).max()) < 1e-10:
            break
    if slope <= 0:
        return Calibration.sigmoid(0.0, base)
    return Calibration.sigmoid(slope / scale, offset - slope * center / scale)


def fit_isotonic(p: np.ndarray, y: np.ndarray) -> Calibration:
    """The non-decreasing steps of least squared error, joined by straight lines; never quite 0 or 1.

    The ends are drawn in as Laplace's rule of succession does, so that no finite sample makes certainty.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(p, y.astype(np.float64))
    margin = 1 / (len(y) + 2)
    return Calibration.isotonic(fitted.X_thresholds_, np.clip(fitted.y_thresholds_, margin, 1 - margin))


def choose_calibration(p: np.ndarray, y: np.ndarray, parts: Sequence[np.ndarray] | None = None) -> Calibration:
    """Identity, sigmoid or isotonic, whichever has the lowest log loss on parts it was not fitted on.

    A map with more freedom has to save 5e-4 nats. Isotonic is tried from 500 rows of the rarer class on.

    Args:
        p: Scores of rows that the model has not learned from, shape (n,).
        y: Their labels.
        parts: Positions that make up each part; left out, every fifth row.
    """
    if p.min() == p.max():
        return Calibration.identity()
    places = list(parts) if parts is not None else [np.arange(k, len(y), FOLDS) for k in range(FOLDS)]
    makers: dict[str, Callable[[np.ndarray, np.ndarray], Calibration]] = {
        "identity": _unchanged,
        "sigmoid": fit_sigmoid,
    }
    if min(int(y.sum()), int(len(y) - y.sum())) >= ISOTONIC_POSITIVES:
        makers["isotonic"] = fit_isotonic
    losses: dict[str, float] = {}
    for name, make in makers.items():
        total, rows = 0.0, 0
        for part in places:
            others = np.ones(len(y), bool)
            others[part] = False
            if not 0 < y[others].sum() < others.sum():
                continue
            total += log_loss(y[part], make(p[others], y[others]).apply(p[part])) * len(part)
            rows += len(part)
        losses[name] = total / rows if rows else 0.0
    best = "identity"
    for name in list(makers)[1:]:
        if losses[name] < losses[best] - WORTHWHILE:
            best = name
    return makers[best](p, y)
