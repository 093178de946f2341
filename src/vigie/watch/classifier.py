"""Two samples told apart by a classifier: what no single column shows, many columns together may.

A classifier learns on half of the customers which rows are live, and is tried on the other half (Lopez-Paz & Oquab 2017). If
nothing changed it can do no better than chance, and its area under the curve on rows that it has not seen is Mann and Whitney's
statistic, whose distribution then is known. A customer in both samples is in one half with both rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vigie.definition.kind import Kind
from vigie.errors import MissingExtraError
from vigie.features.values import Array, Values

FEWEST = 100
"""Rows of each sample in each half at least."""


@dataclass(frozen=True, slots=True)
class TwoSample:
    """How well live rows are told from others.

    Attributes:
        auc: Area under the curve on the other half, 0.5 for chance.
        p: Probability of at least as much by chance.
        live: Live rows that it was tried on.
        others: Likewise of the others.
        columns: Those that tell most, with their share of the gain, at most five.
    """

    auc: float
    p: float
    live: int
    others: int
    columns: tuple[tuple[str, float], ...]


def two_sample(
    live: Mapping[str, Values], others: Mapping[str, Values], halves: Array, halves_others: Array
) -> TwoSample | None:
    """Whether a classifier tells *live* rows from *others*; ``None`` where there are too few of them.

    Args:
        live: Columns by name, one row a customer, n rows.
        others: The same columns, m rows; a customer may be in both.
        halves: Whether a live row is learned from (True) or tried on: by customer, shape (n,).
        halves_others: Likewise, shape (m,).

    Raises:
        MissingExtraError: LightGBM is not installed.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtraError("lightgbm", extra="train") from error
    names = [name for name in live if name in others and live[name].kind is not Kind.TEXT]
    few = min(int(one.sum()) for one in (halves, ~halves, halves_others, ~halves_others))
    if few < FEWEST or not names:
        return None
    X = np.column_stack([_numbers(live[name], others[name]) for name in names])
    y = np.repeat([1.0, 0.0], [len(halves), len(halves_others)])
    learned = np.concatenate([halves, halves_others])
    kinds = [place for place, name in enumerate(names) if live[name].kind is Kind.CATEGORY]
    booster = lightgbm.train(
        {
            "objective": "binary", "num_leaves": 15, "min_data_in_leaf": 40, "learning_rate": 0.1, "seed": 0,
            "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
        },
        lightgbm.Dataset(X[learned], y[learned], categorical_feature=kinds),
        num_boost_round=60,
    )  # fmt: skip
    tried = ~learned
    score = np.asarray(booster.predict(X[tried]))
    auc, p = _mann_whitney(score[y[tried] == 1], score[y[tried] == 0])
    gain = booster.feature_importance("gain")
    most = np.argsort(-gain)[:5]
    told = tuple((names[i], float(gain[i] / gain.sum())) for i in most.tolist() if gain[i] > 0)
    return TwoSample(auc, p, int((y[tried] == 1).sum()), int((y[tried] == 0).sum()), told)


def _numbers(live: Values, others: Values) -> Array:
    """Both columns, one behind the other, as numbers; NaN for null, categories by code."""
    if live.kind is not Kind.CATEGORY:
        both = [np.where(one.nulls(), np.nan, one.data.astype(np.float64)) for one in (live, others)]
        return np.concatenate(both)
    codes = {text: code for code, text in enumerate(sorted({*live.categories, *others.categories}))}
    both = [np.array([*(codes[text] for text in one.categories), np.nan])[one.data] for one in (live, others)]
    return np.concatenate(both)


def _mann_whitney(live: Array, others: Array) -> tuple[float, float]:
    """Area under the curve, and the p-value that it is above one half, ties corrected (Mann & Whitney 1947)."""
    from scipy.special import ndtr

    n, m = len(live), len(others)
    _, place, count = np.unique(np.concatenate([live, others]), return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2
    auc = float((middle[place[:n]].sum() - n * (n + 1) / 2) / (n * m))
    ties = float((count.astype(np.float64) ** 3 - count).sum()) / ((n + m) * (n + m - 1))
    spread = np.sqrt((n + m + 1 - ties) / (12 * n * m))
    return auc, float(ndtr(-(auc - 0.5) / spread)) if spread > 0 else 1.0
