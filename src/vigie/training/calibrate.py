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
LEAST_SLOPE = 0.01
"""Of a sigmoid, in log-odds for log-odds."""
FOLDS = 5
ITERATIONS = 100


def _unchanged(p: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> Calibration:  # noqa: ARG001
    return Calibration.identity()


def fit_sigmoid(p: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> Calibration:
    """``logistic(a · log_odds(p) + b)`` of highest likelihood, by Newton's method on Platt's (1999) smoothed targets.

    Where the share of positives moves from fold to fold, scores of a fold are all too high or all too low, and over all
    folds together a good ranking can look like none (Simpson's paradox). So the slope *a* is that within the folds, each
    with an offset of its own; *b* is then that of all rows. Where the folds show no ranking, or one turned around, *a* is
    0.01: the probability is all but the share of positives for everybody, and the final model, which learns from more
    rows than the folds' models did, keeps its order.

    Args:
        p: Scores, 0 … 1, shape (n,).
        y: Labels, 0 or 1.
        groups: Fold of each row; ``None``: all of one.
    """
    positives = int(y.sum())
    negatives = len(y) - positives
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    kept = np.clip(p, 1e-15, 1 - 1e-15)
    z = np.log(kept / (1 - kept))
    center, scale = float(z.mean()), float(z.std()) or 1.0
    x = (z - center) / scale
    own = np.zeros(len(y), np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
    slope = float(_logistic(np.column_stack([x, np.eye(int(own.max()) + 1)[own]]), target, np.zeros(len(y)))[0])
    slope = max(slope, LEAST_SLOPE * scale)
    offset = float(_logistic(np.ones((len(y), 1)), target, slope * x)[0])
    return Calibration.sigmoid(slope / scale, offset - slope * center / scale)


def _logistic(columns: np.ndarray, target: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Coefficients of highest likelihood for ``logistic(columns @ c + known)``, shape (k,)."""
    found = np.zeros(columns.shape[1])
    for _ in range(ITERATIONS):
        q = 1 / (1 + np.exp(-(columns @ found + known)))
        weight = np.maximum(q * (1 - q), 1e-12)
        # A grain of ridge keeps two separated classes finite.
        curvature = (columns * weight[:, None]).T @ columns + 1e-6 * np.eye(len(found))
        step = np.linalg.solve(curvature, columns.T @ (q - target))
        step *= min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-300))
        found -= step
        if float(np.abs(step).max()) < 1e-10:
            break
    return found


def fit_isotonic(p: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> Calibration:  # noqa: ARG001
    """The non-decreasing steps of least squared error, joined by straight lines; never quite 0 or 1.

    The ends are drawn in as Laplace's rule of succession does, so that no finite sample makes certainty.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(p, y.astype(np.float64))
    margin = 1 / (len(y) + 2)
    return Calibration.isotonic(fitted.X_thresholds_, np.clip(fitted.y_thresholds_, margin, 1 - margin))


def choose_calibration(
    p: np.ndarray, y: np.ndarray, parts: Sequence[np.ndarray] | None = None, groups: np.ndarray | None = None
) -> Calibration:
    """Identity, sigmoid or isotonic, whichever has the lowest log loss on parts it was not fitted on.

    A map with more freedom has to save 5e-4 nats. Isotonic is tried from 500 rows of the rarer class on.

    Args:
        p: Scores of rows that the model has not learned from, shape (n,).
        y: Their labels.
        parts: Positions that make up each part; left out, every fifth row.
        groups: Fold whose model gave each score; ``None``: one model gave all.
    """
    if p.min() == p.max():
        return Calibration.identity()
    places = list(parts) if parts is not None else [np.arange(k, len(y), FOLDS) for k in range(FOLDS)]
    makers: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray | None], Calibration]] = {
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
            total += log_loss(
                y[part], make(p[others], y[others], None if groups is None else groups[others]).apply(p[part])
            ) * len(part)
            rows += len(part)
        losses[name] = total / rows if rows else 0.0
    best = "identity"
    for name in list(makers)[1:]:
        if losses[name] < losses[best] - WORTHWHILE:
            best = name
    return makers[best](p, y, groups)
