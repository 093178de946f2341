"""Features whose relation with the outcome does not last (VGT020)."""

from __future__ import annotations

import math

import numpy as np

from vigie.features.values import Columns, Values
from vigie.findings import Finding
from vigie.training.checks.alone import alone
from vigie.training.checks.codes import finding
from vigie.training.checks.noise import auc_error, classes
from vigie.training.split import group_codes
from vigie.wording import said

FEWEST_MOMENTS = 4
FEWEST_ROWS = 200
"""Rows of each half."""
FLIPPED = -0.3
"""Correlation of a feature's effect in both halves below which it has turned."""
TELLS = 0.54
"""AUC that a feature must reach alone in both halves before its turning is told."""
CHANGED = 0.10
"""AUC that it gains or loses from one half to the other."""
ERRORS = 4.0
GROUPS = 8


def unstable(
    features: Columns, labels: np.ndarray, moments: np.ndarray, customers: np.ndarray, *, in_time: bool, seed: int
) -> list[Finding]:
    """Features that say one thing in the first half of the training time and another in the second.

    Args:
        features: Columns of the training rows.
        labels: 0 or 1 of the training rows.
        moments: µs of the training rows.
        customers: Keys of the training rows: rows of one customer are not independent.
        in_time: Whether rows are in order of time at all.
        seed: Of the folds in which AUCs are measured.
    """
    if not in_time or len(np.unique(moments)) < FEWEST_MOMENTS:
        return []
    middle = np.sort(moments, kind="stable")[len(moments) // 2]
    parts = [np.flatnonzero(moments < middle), np.flatnonzero(moments >= middle)]
    if any(min(len(p), 10 * min(classes(labels[p]))) < FEWEST_ROWS for p in parts):
        return []
    turned: list[tuple[str, float, float]] = []
    changed: list[tuple[str, float, float]] = []
    several = [len(p) / len(np.unique(group_codes(customers[p]))) for p in parts]
    for name, values in features.items():
        aucs = [alone(values.take(p), labels[p], seed).auc for p in parts]
        if max(aucs) < TELLS:
            continue
        errors = [
            auc_error(a, *(c / s for c in classes(labels[p]))) for a, p, s in zip(aucs, parts, several, strict=True)
        ]
        sure = [a - 0.5 > ERRORS * e for a, e in zip(aucs, errors, strict=True)]
        if min(aucs) >= TELLS and all(sure) and _agreement(values, labels, parts) < FLIPPED:
            turned.append((name, aucs[0], aucs[1]))
        elif abs(aucs[0] - aucs[1]) > max(CHANGED, ERRORS * math.hypot(*errors)):
            changed.append((name, aucs[0], aucs[1]))
    found = []
    for name, before, after in turned:
        found.append(
            finding(
                "VGT020",
                name,
                said(
                    "it tells in both halves of the training time (AUC {before:.2f} and {after:.2f}), and the opposite: values that "
                    "went with the outcome go against it later",
                    before=before,
                    after=after,
                ),
            )
        )
    for name, before, after in changed:
        found.append(
            finding(
                "VGT020",
                name,
                said(
                    "alone it ranks customers with an AUC of {before:.2f} in the first half of the training time and of {after:.2f} "
                    "in the second",
                    before=before,
                    after=after,
                ),
            )
        )
    return found


def _agreement(values: Values, labels: np.ndarray, parts: list[np.ndarray]) -> float:
    """Correlation, −1 … 1, of the rates of the same groups of values in both parts, weighted by their rows."""
    codes = _groups(values)
    rates, sizes = [], []
    for part in parts:
        size = np.bincount(codes[part], minlength=GROUPS + 1)
        hits = np.bincount(codes[part], weights=labels[part], minlength=GROUPS + 1)
        base = labels[part].mean()
        rates.append((hits + 5 * base) / (size + 5) - base)
        sizes.append(size)
    weight = np.minimum(*sizes).astype(float)
    if weight.sum() == 0:
        return 1.0
    one, other = (r - np.average(r, weights=weight) for r in rates)
    spread = float(np.sqrt(np.average(one**2, weights=weight) * np.average(other**2, weights=weight)))
    return float(np.average(one * other, weights=weight)) / spread if spread > 0 else 1.0


def _groups(values: Values) -> np.ndarray:
    """At most ``GROUPS`` groups, missing values in one more: the most frequent levels, or ranges of equal size."""
    nulls = values.nulls()
    known = values.data[~nulls]
    if values.categories:
        count = np.bincount(known, minlength=len(values.categories))
        place = np.full(len(count), GROUPS - 1)
        frequent = np.argsort(-count, kind="stable")[: GROUPS - 1]
        place[frequent] = np.arange(len(frequent))
        return np.where(nulls, GROUPS, place[values.data])
    edges = np.unique(np.quantile(known.astype(float), np.arange(1, GROUPS) / GROUPS)) if len(known) else np.zeros(0)
    return np.where(nulls, GROUPS, np.searchsorted(edges, values.data.astype(float), side="right"))
