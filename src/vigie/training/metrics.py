"""Measures of ranking, calibration and decisions, as pure functions of labels, probabilities and acts.

All take arrays of shape (n,): *y* 0 or 1, *p* probabilities 0 … 1, *act* booleans. What is not defined is ``nan``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from vigie.economics import PayoffValues
from vigie.training.result import Metrics

NAN = float("nan")


def auc(y: np.ndarray, p: np.ndarray) -> float:
    """Chance that a positive has a higher probability than a negative, ties counting half; 0 … 1, 0.5 for chance.

    Mann & Whitney (1947). ``nan`` with one class only.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    positives = int(np.sum(y))
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        return NAN
    _, place, counts = np.unique(p, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(mean_rank[place][y == 1].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def average_precision(y: np.ndarray, p: np.ndarray) -> float:
    """Area under the precision-recall steps: ``Σ (R_k − R_{k−1}) · P_k`` over distinct probabilities; 0 … 1."""
    positives = int(np.sum(y))
    if positives == 0:
        return NAN
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(y[order])
    ends = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    recall = hits[ends] / positives
    precision = hits[ends] / (ends + 1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def brier(y: np.ndarray, p: np.ndarray) -> float:
    """Mean squared error of the probability, 0 … 1, lower is better. Brier (1950)."""
    return float(np.mean((p - y) ** 2))


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    """Mean negative log-likelihood in nats, lower is better; probabilities are kept 1e-15 away from 0 and 1."""
    kept = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(y == 1, np.log(kept), np.log1p(-kept))))


def row_log_loss(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The same for each row, shape (n,)."""
    kept = np.clip(p, 1e-15, 1 - 1e-15)
    return np.asarray(np.where(y == 1, -np.log(kept), -np.log1p(-kept)))


def calibration_bins(y: np.ndarray, p: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, share of positives and size of *bins* groups of equal size, by increasing probability."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    mean = np.array([p[part].mean() for part in parts])
    observed = np.array([y[part].mean() for part in parts])
    return mean, observed, np.array([len(part) for part in parts])


def expected_calibration_error(y: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    """Mean distance between probability and share of positives over bins of equal size, 0 … 1, lower is better.

    Equal-mass bins as in Nixon et al. (2019); Naeini et al. (2015) define it over equal widths.
    """
    mean, observed, size = calibration_bins(y, p, bins)
    return float(np.sum(size * np.abs(mean - observed)) / size.sum())


def lift(y: np.ndarray, p: np.ndarray, share: float = 0.1) -> float:
    """Share of positives among the *share* of rows with the highest probability, over the share among all rows.

    Ties at the border count in proportion, so that a constant probability has a lift of exactly 1.
    """
    base = float(np.mean(y))
    if base == 0:
        return NAN
    k = max(1, round(share * len(p)))
    border = np.partition(p, len(p) - k)[len(p) - k]
    above, at = p > border, p == border
    hits = float(y[above].sum()) + float(y[at].mean()) * (k - int(above.sum()))
    return hits / k / base


def measure(y: np.ndarray, p: np.ndarray | None, act: np.ndarray, money: np.ndarray) -> Metrics:
    """All measures at once.

    Args:
        y: 0 or 1.
        p: Probabilities; ``None`` for a strategy that has none.
        act: Who is acted on.
        money: What each row brought under *act*, in currency.
    """
    positives, acted = int(np.sum(y)), int(np.sum(act))
    hits = int(np.sum(y[act]))
    precision = hits / acted if acted else 0.0
    recall = hits / positives if positives else NAN
    return Metrics(
        n=len(y),
        positives=positives,
        auc=auc(y, p) if p is not None else NAN,
        average_precision=average_precision(y, p) if p is not None else NAN,
        precision=precision,
        recall=recall,
        f1=2 * hits / (acted + positives) if acted + positives else NAN,
        brier=brier(y, p) if p is not None else NAN,
        log_loss=log_loss(y, p) if p is not None else NAN,
        ece=expected_calibration_error(y, p) if p is not None else NAN,
        lift_at_10=lift(y, p) if p is not None else NAN,
        acted=acted / len(y),
        value=float(np.mean(money)),
        value_total=float(np.sum(money)),
    )


def realised(payoff: PayoffValues, act: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What *act* brought for each row, in currency, shape (n,); 0 where a sum of its cost matrix is not known."""
    return np.nan_to_num(payoff.realised(act, y), nan=0.0)


def mean_metrics(parts: Sequence[Metrics]) -> Metrics:
    """Mean of each measure over the folds in which it is defined; sums of rows, positives and total value."""
    values: dict[str, float] = {}
    for field in fields(Metrics):
        column = np.array([getattr(part, field.name) for part in parts], float)
        if field.name in ("n", "positives", "value_total"):
            values[field.name] = float(column.sum())
        else:
            known = column[~np.isnan(column)]
            values[field.name] = float(known.mean()) if len(known) else NAN
    values |= {"n": int(values["n"]), "positives": int(values["positives"])}
    return Metrics(**values)  # type: ignore[arg-type]
