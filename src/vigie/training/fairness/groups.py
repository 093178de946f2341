"""Which group each row belongs to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Values
from vigie.wording import said

QUARTERS = 4
MOST_GROUPS = 20
"""Groups of a category shown each by itself; the rest are one, *others*."""


def groups_of(values: Values) -> tuple[np.ndarray, tuple[str, ...]]:
    """Code of each row's group, shape (n,), and the names of the groups.

    A category's values, the largest twenty of them, and the others together; yes and no; a number's values where there
    are no more than four, else its quarters, borders in the lower group. Rows without a value are a group of their own. Groups without rows are left out.
    """
    nulls = values.nulls()
    codes, names = _coded(values, nulls)
    codes = np.where(nulls, len(names), codes)
    names = [*names, said("missing")]
    present, place = np.unique(codes, return_inverse=True)
    return place.astype(np.int64), tuple(names[code] for code in present)


def _coded(values: Values, nulls: np.ndarray) -> tuple[np.ndarray, list[str]]:
    if values.kind is Kind.BOOLEAN:
        return np.where(nulls, 0, values.data).astype(np.int64), [said("no"), said("yes")]
    if values.kind is Kind.CATEGORY:
        counts = np.bincount(values.data[~nulls], minlength=len(values.categories))
        order = np.lexsort((np.arange(len(counts)), -counts))
        kept = [code for code in order[:MOST_GROUPS] if counts[code]]
        place = np.full(len(values.categories) + 1, len(kept))
        place[kept] = np.arange(len(kept))
        return place[values.data], [*(values.categories[code] for code in kept), said("others")]
    x = values.data
    known = x[~nulls]
    distinct = np.unique(known)
    if len(distinct) <= QUARTERS:
        place = np.clip(np.searchsorted(distinct, np.where(nulls, -np.inf, x)), 0, max(len(distinct) - 1, 0))
        return place, [said("{value:,.6g}", value=float(value)) for value in distinct]
    edges = np.unique(np.quantile(known, np.arange(1, QUARTERS) / QUARTERS))
    # The largest value as an edge would leave a group above it empty.
    edges = edges[edges < distinct[-1]]
    if not len(edges):
        edges = distinct[-2:-1]
    codes = np.searchsorted(edges, np.where(nulls, 0.0, x), side="left")
    low, high = float(edges[0]), float(edges[-1])
    names: list[str] = [said("up to {high:,.6g}", high=low)]
    names += [
        said("above {low:,.6g} up to {high:,.6g}", low=float(low), high=float(high)) for low, high in pairwise(edges)
    ]
    return codes, [*names, said("above {low:,.6g}", low=high)]
