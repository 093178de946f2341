"""How well one feature alone predicts the outcome: the measure behind the leakage checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Values
from vigie.training.metrics import auc

BINS = 20
"""Of a numeric feature, of equal size; missing values have their own."""
FOLDS = 5
PRIOR_ROWS = 10.0
"""Weight of the overall rate in the rate of a group, in rows."""


@dataclass(frozen=True, eq=False, slots=True)
class Alone:
    """One feature by itself.

    Attributes:
        auc: Of the rate of the row's group among rows of *other* folds, 0.5 … 1: a feature of many rare values
            cannot look good by remembering rows.
        names: Of the groups: category values, ``"missing"``, or numbers of bins.
        counts: Rows of each group.
        rates: Share of positives in each group.
        missing: Share of rows without a value.
        missing_auc: AUC of *is missing*, 0.5 … 1.
    """

    auc: float
    names: tuple[str, ...]
    counts: np.ndarray
    rates: np.ndarray
    missing: float
    missing_auc: float


def alone(values: Values, labels: np.ndarray, seed: int) -> Alone:
    """Measures one feature on rows with both classes."""
    codes, names = group(values)
    counts = np.bincount(codes, minlength=len(names))
    hits = np.bincount(codes, weights=labels, minlength=len(names))
    base = float(labels.mean())
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(labels))
    key = codes * FOLDS + fold
    fold_counts = np.bincount(key, minlength=len(names) * FOLDS).reshape(len(names), FOLDS)
    fold_hits = np.bincount(key, weights=labels, minlength=len(names) * FOLDS).reshape(len(names), FOLDS)
    # A group's rate as seen from each fold: of the rows outside that fold. The prior uses the same rows, otherwise
    # the overall rate itself would tell the left-out fold's labels apart.
    other_counts, other_hits = counts[:, None] - fold_counts, hits[:, None] - fold_hits
    other_base = other_hits.sum(axis=0) / np.maximum(other_counts.sum(axis=0), 1)
    rate = (other_hits + PRIOR_ROWS * other_base) / (other_counts + PRIOR_ROWS)
    # Each fold is ranked against itself only: rates of different folds are not comparable to the last digit.
    parts = [auc(labels[fold == k], rate[codes[fold == k], k]) for k in range(FOLDS) if (fold == k).any()]
    known = [part for part in parts if part == part]
    nulls = values.nulls()
    missing = float(nulls.mean())
    missing_auc = auc(labels, nulls.astype(float)) if 0 < missing < 1 else 0.5
    return Alone(
        auc=max(0.5, float(np.mean(known))) if known else 0.5,
        names=names,
        counts=counts,
        rates=np.where(counts > 0, hits / np.maximum(counts, 1), base),
        missing=missing,
        missing_auc=max(missing_auc, 1 - missing_auc),
    )


def group(values: Values) -> tuple[np.ndarray, tuple[str, ...]]:
    """Group of each row, shape (n,), and the names of the groups; missing values are the last group."""
    nulls = values.nulls()
    if values.kind is Kind.CATEGORY:
        names = (*values.categories, "missing")
        return np.where(nulls, len(names) - 1, values.data).astype(np.int64), names
    numbers = values.data.astype(float)
    known = numbers[~nulls]
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.zeros(0)
    codes = np.where(nulls, len(edges) + 1, np.searchsorted(edges, numbers, side="right"))
    return codes.astype(np.int64), (*(str(i) for i in range(len(edges) + 1)), "missing")
