"""Rows that are there twice, and customers who are there more often."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Array, Columns, Values
from vigie.training.explore.view import View


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeats.

    Attributes:
        customers: Different customers; rows where no key is known.
        most: Rows of the customer with most.
        equal: Rows that are equal to an earlier one in every column, the outcome and the moment included.
        contradicting: Rows for which another has all the same values and another outcome: no model can get both right.
        ceiling: Highest share of rows that any rule on these columns can get right, 0 … 1.
    """

    customers: int
    most: int
    equal: int
    contradicting: int
    ceiling: float


def repeats_of(view: View, *, but: Collection[str] = ()) -> Repeats:
    """Look for rows that repeat in *view*.

    Args:
        view: The rows.
        but: Columns that are not compared: with an identifier among them nothing repeats.
    """
    n = len(view)
    if view.customers is None or not n:
        customers, most = n, 1 if n else 0
    else:
        counts: dict[object, int] = {}
        for key in view.customers:
            counts[key] = counts.get(key, 0) + 1
        customers, most = len(counts), max(counts.values())
    codes = _row_codes({name: values for name, values in view.columns.items() if name not in but}, n)
    together = codes * 2 + view.labels
    if view.moments is not None:
        _, moment = np.unique(view.moments, return_inverse=True)
        together = together * (int(moment.max()) + 1) + moment
    equal = n - len(np.unique(together))
    size = int(codes.max()) + 1 if n else 0
    positives = np.bincount(codes, weights=view.labels, minlength=size)
    counts_of = np.bincount(codes, minlength=size)
    mixed = (positives > 0) & (positives < counts_of)
    right = np.maximum(positives, counts_of - positives).sum()
    return Repeats(customers, most, equal, int(counts_of[mixed].sum()), float(right / n) if n else 1.0)


def _row_codes(columns: Columns, n: int) -> Array:
    """A number for each different row, shape (n,)."""
    if not columns:
        return np.arange(n)
    codes = np.zeros(n, dtype=np.int64)
    for values in columns.values():
        _, place = np.unique(_keys(values), return_inverse=True)
        # Renumbered after each column: the product never outgrows 64 bits.
        _, codes = np.unique(codes * (int(place.max()) + 1) + place, return_inverse=True) if n else (None, codes)
    return codes


def _keys(values: Values) -> Array:
    if values.kind is Kind.TEXT:
        return np.array(["\0" if text is None else str(text) for text in values.data])
    if values.kind in (Kind.NUMBER, Kind.BOOLEAN):
        # Adding 0 makes −0 a 0; NaN is one value here.
        return values.data + 0.0
    return values.data
