"""How far each feature moves the answers: mean absolute contributions, and which way (Lundberg & Lee 2017)."""

from __future__ import annotations

import math

import numpy as np

from vigie.bundle import Explainer
from vigie.definition.kind import Kind
from vigie.features.values import Columns, Values
from vigie.training.evidence import ShapImportance


def shap_importance(explainer: Explainer, columns: Columns, n: int) -> tuple[ShapImportance, ...]:
    """The features by their mean absolute contribution, greatest first, equal ones by name.

    Args:
        explainer: Of the bundle.
        columns: Inputs by name.
        n: Number of rows, at least 1.
    """
    found = explainer.matrix(columns, n)[:, :-1]
    importance = [
        ShapImportance(name, float(np.abs(found[:, i]).mean()), _direction(columns.get(name), found[:, i]))
        for i, name in enumerate(explainer.features)
    ]
    return tuple(sorted(importance, key=lambda one: (-one.mean, one.feature)))


def _direction(values: Values | None, contribution: np.ndarray) -> float:
    """Rank correlation of a number, date or condition with its contribution; NaN where there is none."""
    if values is None or values.kind not in (Kind.NUMBER, Kind.BOOLEAN, Kind.TIME):
        return math.nan
    known = ~values.nulls()
    x, y = _ranks(values.data[known]), _ranks(contribution[known])
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0, equal values at their middle."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.asarray((below + (counts - 1) / 2)[place])
