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
MOST_RARE = 10_000
"""Rarer categories whose names are kept, so that one that was never there can be told from them."""


def profile_of(
    columns: Columns,
    probability: Array,
    *,
    customers: Array | None = None,
    acted: Array | None = None,
    outcome: Array | None = None,
) -> dict[str, Any]:
    """Plain data: ``rows``, ``features`` by name, and ``score``.

    A number, boolean or time (µs) has ``missing`` (share, 0 … 1), ``mean``, ``std``, ``quantiles`` (value at each of
    :data:`QUANTILES`), ``edges`` (increasing, b − 1 inner borders of b bins) and ``counts`` (b; bin *i* holds
    ``edges[i−1] ≤ value < edges[i]``, nulls left out). A category has ``missing``, ``categories`` (text → rows, of the
    most frequent), ``other`` (rows of the rest), ``distinct`` and, where there are rows of the rest, ``rare``: their names,
    or null where they are too many.

    With what is given besides: ``effective``, how many independent rows the rows are worth at least, n² / Σ mᵢ² for customers
    with mᵢ rows (Kish 1965); ``decisions`` with ``rows`` and ``acted``; ``outcomes`` with ``rows`` and ``positives``.

    Args:
        columns: Features of the reference customers by name.
        probability: Their calibrated probabilities, shape (n,).
        customers: Who they are, shape (n,).
        acted: Whether the model's decision is to act on them, bool, shape (n,).
        outcome: What became of them, 0 or 1, shape (n,).
    """
    score = np.asarray(probability, dtype=np.float64)
    told: dict[str, Any] = {
        "rows": len(score),
        "quantiles_at": list(QUANTILES),
        "features": {name: {"kind": str(values.kind), **_feature(values)} for name, values in columns.items()},
        "score": _numbers(np.sort(score), _borders(np.sort(score))),
    }
    if customers is not None:
        counts = np.unique(np.asarray(customers).astype(np.str_), return_counts=True)[1].astype(np.float64)
        told["effective"] = float(counts.sum() ** 2 / (counts**2).sum()) if len(counts) else 0.0
    if acted is not None:
        told["decisions"] = {"rows": len(acted), "acted": int(np.count_nonzero(acted))}
    if outcome is not None:
        told["outcomes"] = {"rows": len(outcome), "positives": int(np.count_nonzero(outcome))}
    return told


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
            **({"rare": _rare([text for text, _ in pairs[MOST_CATEGORIES:]])} if len(pairs) > MOST_CATEGORIES else {}),
        }
    known = np.sort(np.clip(values.data[~missing].astype(np.float64), -1e300, 1e300))
    if values.kind is Kind.BOOLEAN:
        return {"missing": share, **_numbers(known, np.array([0.5]))}
    return {"missing": share, **_numbers(known, _borders(known))}


def _rare(names: list[str]) -> list[str] | None:
    return sorted(names) if len(names) <= MOST_RARE else None


def _borders(known: Array) -> Array:
    """Inner borders of bins that hold about the same number of rows, of values in increasing order.

    A value that is frequent has a bin of its own: it ends at the next value that there is, or right behind it. So a count
    that is nearly always 0 is seen to become something else.
    """
    if not len(known):
        return np.empty(0)
    # The inverted distribution function, without sorting again.
    places = np.ceil(np.linspace(0, 1, BINS + 1)[1:-1] * len(known)).astype(np.int64) - 1
    points = known[np.maximum(places, 0)]
    frequent = np.unique(points[1:][points[1:] == points[:-1]])
    behind = np.searchsorted(known, frequent, side="right")
    there = behind < len(known)
    ends = np.where(there, known[np.minimum(behind, len(known) - 1)], np.nextafter(frequent, np.inf))
    return np.unique(np.concatenate([points, ends]))


def _numbers(known: Array, edges: Array) -> dict[str, Any]:
    """Of values in increasing order."""
    counts = np.diff(np.searchsorted(known, edges, side="left"), prepend=0, append=len(known))
    scale = max(-float(known[0]), float(known[-1])) if len(known) else 0.0
    # Scaled before squaring: a sum of squares of large numbers would overflow.
    unit = known / scale if scale > 0 else known
    return {
        "mean": float(unit.mean() * (scale or 1.0)) if len(known) else None,
        "std": float(unit.std() * (scale or 1.0)) if len(known) else None,
        "quantiles": [float(q) for q in np.quantile(known, QUANTILES)] if len(known) else [],
        "edges": edges.tolist(),
        "counts": counts.tolist(),
    }
