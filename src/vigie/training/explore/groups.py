"""Rows of a column put into few groups, and how often the outcome is true in each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Array, Values
from vigie.report.condense import wilson
from vigie.training.explore.grouping import Grouping
from vigie.training.explore.shown import Shown
from vigie.wording import said

BINS = 10
"""Bins of a number, of equal size as far as ties let them be."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one value, one bin, or without a value.

    Attributes:
        label: Of the value or the bin.
        count: Rows.
        rate: Share of them whose outcome is true, 0 … 1.
        low: Lower end of its 95 % interval (Wilson 1927), rows taken as independent.
        high: Upper end.
    """

    label: str
    count: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, slots=True)
class Grouped:
    """A column in groups.

    Attributes:
        codes: Group of each row, shape (n,).
        labels: Of the groups.
    """

    codes: Array
    labels: tuple[str, ...]

    def rates(self, outcome: Array) -> tuple[Group, ...]:
        """The groups that have rows, in order; *outcome* is 0 or 1 for each row."""
        counts = np.bincount(self.codes, minlength=len(self.labels))
        hits = np.bincount(self.codes, weights=outcome, minlength=len(self.labels))
        return tuple(
            Group(label, int(n), float(h / n), *wilson(float(h), float(n)))
            for label, n, h in zip(self.labels, counts, hits, strict=True)
            if n
        )


def group_values(values: Values, grouping: Grouping | None = None) -> Grouped:
    """Bins of a number or a time, the two values of a boolean, the levels of a category as *grouping* has them.

    Rows without a value are a group of their own, the last. A number of at most :data:`BINS` values has a group for each.

    Args:
        values: Not free text.
        grouping: Of a category.
    """
    nulls = values.nulls()
    if grouping is not None:
        return Grouped(grouping.codes, grouping.after_labels)
    if values.kind is Kind.BOOLEAN:
        codes = np.where(nulls, 2, np.nan_to_num(values.data)).astype(np.int64)
        return Grouped(codes, (said("false"), said("true"), said("missing")))
    numbers = values.data.astype(np.float64)
    known = numbers[~nulls]
    missing = said("missing")
    distinct = np.unique(known) if len(known) else known
    time = values.kind is Kind.TIME
    if len(distinct) <= BINS:
        codes = np.where(nulls, len(distinct), np.searchsorted(distinct, numbers))
        return Grouped(
            codes.astype(np.int64), (*(said("{value}", value=Shown(float(v), time)) for v in distinct), missing)
        )
    # The lowest value of each bin: a value of its own wherever ties make the borders fall together.
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="higher"))
    edges = edges[edges > distinct[0]]
    codes = np.where(nulls, len(edges) + 1, np.searchsorted(edges, numbers, side="right"))
    shown = [Shown(float(e), time) for e in edges]
    if not shown:
        return Grouped(codes.astype(np.int64), (said("any value"), missing))
    inner = [said("{low} to {high}", low=a, high=b) for a, b in pairwise(shown)]
    first, last = said("below {value}", value=shown[0]), said("{value} or more", value=shown[-1])
    return Grouped(codes.astype(np.int64), (first, *inner, last, missing))
