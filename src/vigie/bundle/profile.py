"""The reference profile: how each feature and the score were distributed in training, to compare later days with."""

from __future__ import annotations

from typing import Any

import numpy as np

from vigie.definition.kind import Kind
from vigie.economics.payoff import Array
from vigie.features.values import Columns, Values

BINS = 20
"""Bins of equal size that a number is counted in."""

QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)

MOST_CATEGORIES = 100
"""Categories counted one by one; rarer ones are counted together."""


def profile_of(columns: Columns, probability: Array) -> dict[str, Any]:
    """Plain data: ``rows``, ``features`` by name, and ``score``.

    A number, boolean or time (µs) has ``missing`` (share, 0 … 1), ``mean``, ``std``, ``quantiles`` (value at each of
    :data:`QUANTILES`), ``edges`` (increasing, b − 1 inner borders of b bins) and ``counts`` (b; bin *i* holds
    ``edges[i−1] ≤ value < edges[i]``, nulls left out). A category has ``missing``, ``categories`` (text → rows, of the
    most frequent), ``other`` (rows of the rest) and ``distinct``.

    Args:
        columns: Features of the reference customers by name.
        probability: Their calibrated probabilities, shape (n,).
    """
    return {
        "rows": len(probability),
        "quantiles_at": list(QUANTILES),
        "features": {name: {"kind": str(values.kind), **_feature(values)} for name, values in columns.items()},
        "score": _numbers(np.asarray(probability, dtype=np.float64), np.linspace(0, 1, BINS + 1)[1:-1]),
    }


def _feature(values: Values) -> dict[str, Any]:
    missing = values.nulls()
    share = float(missing.mean()) if len(missing) else 0.0
    if values.kind in (Kind.CATEGORY, Kind.TEXT):
        texts = [text for text in values.to_list() if text is not None] if values.kind is Kind.TEXT else None
        if texts is not None:
            return {"missing": share, "distinct": len(set(texts)), "categories": {}, "other": len(texts)}
        counts = np.bincount(values.data[~missing], minlength=len(values.categories))
        pairs = sorted(
            ((values.categories[code], int(count)) for code, count in enumerate(counts.tolist()) if count),
            key=lambda pair: (-pair[1], pair[0]),
        )
        return {
            "missing": share,
            "distinct": len(pairs),
            "categories": dict(pairs[:MOST_CATEGORIES]),
            "other": sum(count for _, count in pairs[MOST_CATEGORIES:]),
        }
    known = values.data[~missing].astype(np.float64)
    known = np.clip(known, -1e300, 1e300)
    if values.kind is Kind.BOOLEAN:
        return {"missing": share, **_numbers(known, np.array([0.5]))}
    return {"missing": share, **_numbers(known, _borders(known))}


def _borders(known: Array) -> Array:
    """Inner borders of bins that hold about the same number of rows; a value that is frequent has a bin of its own."""
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))


def _numbers(known: Array, edges: Array) -> dict[str, Any]:
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    scale = float(np.abs(known).max()) if len(known) else 0.0
    # Scaled before squaring: a sum of squares of large numbers would overflow.
    unit = known / scale if scale > 0 else known
    return {
        "mean": float(unit.mean() * (scale or 1.0)) if len(known) else None,
        "std": float(unit.std() * (scale or 1.0)) if len(known) else None,
        "quantiles": [float(q) for q in np.quantile(known, QUANTILES)] if len(known) else [],
        "edges": edges.tolist(),
        "counts": counts.tolist(),
    }
