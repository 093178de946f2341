"""Everything that is told of one column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Array, Values
from vigie.report.condense import Bin, histogram
from vigie.training.checks.alone import alone
from vigie.training.explore.drift import Line, Periods, lines_of, stability_index
from vigie.training.explore.extremes import CLIP, Extremes, extremes_of
from vigie.training.explore.grouping import Grouping, grouping_of
from vigie.training.explore.groups import Group, group_values
from vigie.training.explore.shown import Shown
from vigie.wording import said

HISTOGRAM = 24
"""Bins of a distribution."""
NAN = float("nan")


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """One column over the rows of a view.

    Attributes:
        name: Of the column.
        description: What it means, as far as is known.
        kind: What its values are.
        rows: Rows looked at.
        missing: Rows without a value.
        missing_positives: Those of them whose outcome is true.
        distinct: Different values.
        most: The most frequent value.
        most_rows: Its rows.
        quantiles: Lowest, first quartile, median, third quartile, highest of a number or time (µs); empty for others.
        mean: Of a number; share of true of a boolean; NaN for others.
        whole: Whether all values of a number are whole numbers.
        bins: Distribution of a number or time (ms) by outcome, with what lies beyond the 0.5 and 99.5 percentiles in the
            outermost bins; empty for others.
        extremes: Of a number of at least three values.
        grouping: Of a category.
        groups: Rate of the outcome by bin or level; empty for free text.
        auc: How well the column alone ranks rows by the outcome, on rows that it did not learn from, 0.5 … 1; NaN where
            that cannot be told.
        drift: Population stability index between the earlier and the later half of the rows; NaN without time.
        lines: What was followed over the periods.
    """

    name: str
    description: str
    kind: Kind
    rows: int
    missing: int
    missing_positives: int
    distinct: int
    most: str
    most_rows: int
    quantiles: tuple[float, ...]
    mean: float
    whole: bool
    bins: tuple[Bin, ...]
    extremes: Extremes | None
    grouping: Grouping | None
    groups: tuple[Group, ...]
    auc: float
    drift: float
    lines: tuple[Line, ...]

    @property
    def missing_share(self) -> float:
        """Share of the rows without a value, 0 … 1."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def empty(self) -> bool:
        """Whether there is no value at all."""
        return self.missing == self.rows

    @property
    def constant(self) -> bool:
        """Whether every row is the same, no value being a value too."""
        return self.empty or (self.distinct == 1 and self.missing == 0)

    @property
    def identifier(self) -> bool:
        """Whether nearly every row has a value of its own, which cannot be a measurement."""
        known = self.rows - self.missing
        if known < 200 or self.kind in (Kind.BOOLEAN, Kind.TIME):
            return False
        # Whole numbers that hardly repeat are keys; amounts to the cent may all differ as well.
        return (self.kind is not Kind.NUMBER or self.whole) and self.distinct >= 0.9 * known


def look(
    name: str, values: Values, labels: Array, *, description: str = "", periods: Periods | None = None, seed: int = 0
) -> Column:
    """Look at one column.

    Args:
        name: Of the column.
        values: Of all rows.
        labels: 0 or 1 for each row.
        description: What it means.
        periods: Of the rows, where there is time.
        seed: Of the folds that :attr:`Column.auc` is measured on.
    """
    nulls, n = values.nulls(), len(labels)
    if values.kind is Kind.NUMBER:
        nulls = nulls | np.isinf(values.data)
    known = values.take(~nulls)
    distinct, most, most_rows = _most(known)
    text, empty = values.kind is Kind.TEXT, not len(known)
    grouping = grouping_of(name, values) if values.kind is Kind.CATEGORY and n else None
    grouped = None if text or empty else group_values(values if not _infinite(values) else _finite(values), grouping)
    told = not text and not empty and 0 < labels.sum() < n
    number = values.kind in (Kind.NUMBER, Kind.TIME) and not empty
    return Column(
        name=name,
        description=description,
        kind=values.kind,
        rows=n,
        missing=int(nulls.sum()),
        missing_positives=int(labels[nulls].sum()),
        distinct=distinct,
        most=most,
        most_rows=most_rows,
        quantiles=tuple(float(q) for q in np.quantile(known.data, [0, 0.25, 0.5, 0.75, 1])) if number else (),
        mean=float(known.data.mean()) if values.kind in (Kind.NUMBER, Kind.BOOLEAN) and not empty else NAN,
        whole=values.kind is Kind.NUMBER and bool((known.data == np.rint(known.data)).all()),
        bins=_bins(known, labels[~nulls]) if number else (),
        extremes=extremes_of(name, known, labels[~nulls]) if values.kind is Kind.NUMBER and not empty else None,
        grouping=grouping,
        groups=grouped.rates(labels) if grouped is not None else (),
        auc=alone(_finite(values), labels, seed).auc if told else NAN,
        drift=stability_index(grouped.codes, periods.late) if grouped is not None and periods is not None else NAN,
        lines=lines_of(values, periods, grouping) if periods is not None and not (text or empty) else (),
    )


def _most(known: Values) -> tuple[int, str, int]:
    """Different values, the most frequent one in words, and its rows."""
    if not len(known):
        return 0, "", 0
    if known.kind is Kind.TEXT:
        return len(set(known.data.tolist())), "", 0
    values, counts = np.unique(known.data, return_counts=True)
    at = int(np.argmax(counts))
    match known.kind:
        case Kind.CATEGORY:
            shown = known.categories[int(values[at])]
        case Kind.BOOLEAN:
            shown = said("true") if values[at] else said("false")
        case _:
            shown = said("{value}", value=Shown(float(values[at]), known.kind is Kind.TIME))
    return len(values), shown, int(counts[at])


def _bins(known: Values, labels: Array) -> tuple[Bin, ...]:
    numbers = known.data / 1000.0 if known.kind is Kind.TIME else known.data
    low, high = (float(q) for q in np.quantile(numbers, CLIP))
    return tuple(histogram(numbers, labels, bins=HISTOGRAM, limits=(low, high) if low < high else None))


def _infinite(values: Values) -> bool:
    return values.kind is Kind.NUMBER and bool(np.isinf(values.data).any())


def _finite(values: Values) -> Values:
    """Infinite numbers as nulls: they have no place on a scale."""
    if not _infinite(values):
        return values
    return Values(Kind.NUMBER, np.where(np.isinf(values.data), np.nan, values.data))
