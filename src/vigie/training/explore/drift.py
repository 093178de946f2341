"""How a column moves over time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Array, Values
from vigie.training.explore.grouping import Grouping

PERIODS = 24
"""Most periods that are told apart."""
SOME_DRIFT, MUCH_DRIFT = 0.1, 0.25
"""Levels of the population stability index from which credit scoring calls a shift moderate and large (Siddiqi 2006)."""
LINES = 3
"""Categories whose share is followed."""


@dataclass(frozen=True, eq=False, slots=True)
class Periods:
    """Time in parts.

    Attributes:
        codes: Part of each row, shape (n,).
        moments: The moment of each part, or its middle, µs.
        late: Whether a row lies in the later half of the rows, bool of shape (n,).
    """

    codes: Array
    moments: tuple[int, ...]
    late: Array


@dataclass(frozen=True, slots=True)
class Line:
    """One thing followed over time.

    Attributes:
        label: What it is: a quantile's name or a category.
        heights: One for each period; NaN where there is nothing.
    """

    label: str
    heights: tuple[float, ...]


def periods_of(moments: Array) -> Periods | None:
    """Time in at most :data:`PERIODS` parts: moments themselves where they are few, else equal lengths of time.

    ``None`` where there is only one moment.
    """
    distinct, codes = np.unique(moments, return_inverse=True)
    if len(distinct) < 2:
        return None
    if len(distinct) > PERIODS:
        edges = np.linspace(float(distinct[0]), float(distinct[-1]), PERIODS + 1)
        codes = np.clip(np.searchsorted(edges, moments.astype(float), side="right") - 1, 0, PERIODS - 1)
        distinct = ((edges[:-1] + edges[1:]) / 2).astype(np.int64)
        used = np.unique(codes)
        codes, distinct = np.searchsorted(used, codes), distinct[used]
    # The border that divides the rows most evenly, between two moments and never through one.
    ordered = np.sort(moments)
    borders = np.unique(ordered)[1:]
    before = np.searchsorted(ordered, borders, side="left")
    middle = int(borders[np.argmin(np.abs(before - len(moments) / 2))])
    return Periods(codes.astype(np.int64), tuple(int(m) for m in distinct), np.asarray(moments >= middle))


def stability_index(codes: Array, late: Array) -> float:
    """Population stability index of a grouped column between early and late rows: 0 is no change, no upper bound.

    ``Σ (q − p) · ln(q / p)`` over the groups, half a row added to each so that an empty one does not make it infinite.
    The symmetric Kullback-Leibler divergence (Jeffreys 1946).

    Args:
        codes: Group of each row, shape (n,).
        late: Whether the row is late, bool of shape (n,).
    """
    groups = int(codes.max()) + 1 if len(codes) else 0
    p = np.bincount(codes[~late], minlength=groups) + 0.5
    q = np.bincount(codes[late], minlength=groups) + 0.5
    used = (p > 0.5) | (q > 0.5)
    p, q = p[used] / p[used].sum(), q[used] / q[used].sum()
    return float(np.sum((q - p) * np.log(q / p)))


def lines_of(values: Values, periods: Periods, grouping: Grouping | None = None) -> tuple[Line, ...]:
    """What is followed of a column: the quartiles of a number, the share of true, the shares of the largest levels.

    A time has no lines: it moves by itself.
    """
    parts = len(periods.moments)
    if grouping is not None:
        totals = np.bincount(periods.codes, minlength=parts)
        largest = sorted(range(len(grouping.after_labels)), key=lambda i: (-int((grouping.codes == i).sum()), i))[
            :LINES
        ]
        found = []
        for level in largest:
            hits = np.bincount(periods.codes[grouping.codes == level], minlength=parts)
            found.append(Line(grouping.after_labels[level], tuple(float(s) for s in hits / np.maximum(totals, 1))))
        return tuple(found)
    known = ~values.nulls()
    if values.kind is Kind.BOOLEAN:
        hits = np.bincount(periods.codes[known], weights=values.data[known], minlength=parts)
        counts = np.bincount(periods.codes[known], minlength=parts)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (Line("mean", tuple(float(s) for s in hits / counts)),)
    if values.kind is not Kind.NUMBER:
        return ()
    known &= np.isfinite(values.data)
    order = np.argsort(periods.codes[known], kind="stable")
    x, part = values.data[known][order], periods.codes[known][order]
    bounds = np.searchsorted(part, np.arange(parts + 1))
    quartiles = [np.quantile(x[a:b], [0.25, 0.5, 0.75]) if b > a else np.full(3, np.nan) for a, b in pairwise(bounds)]
    return tuple(
        Line(name, tuple(float(q[i]) for q in quartiles)) for i, name in enumerate(("first", "median", "third"))
    )
