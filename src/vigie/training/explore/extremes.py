"""Values that lie far out, and what models make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.bundle.encoder import NumberColumn
from vigie.bundle.encoder_fit import CLIP, fit_encoder
from vigie.definition.kind import Kind
from vigie.features.values import Array, Values
from vigie.report.condense import wilson

__all__ = ["CLIP", "FAR", "Box", "Extremes", "extremes_of"]

FAR = 3.0
"""Interquartile ranges beyond the quartiles from which a value is called far out (Tukey 1977)."""
DRAWN = 30
"""Most values beyond the whiskers that are drawn as points."""


@dataclass(frozen=True, slots=True)
class Box:
    """The five numbers of a box plot, and what lies outside.

    Attributes:
        low: Lower whisker: the quantile that linear models clip at.
        first: First quartile.
        middle: Median.
        third: Third quartile.
        high: Upper whisker.
        outside: Some values beyond the whiskers, the farthest among them.
    """

    low: float
    first: float
    middle: float
    third: float
    high: float
    outside: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Extremes:
    """A number's extremes.

    Attributes:
        lowest: Smallest value.
        highest: Largest value.
        whole: Box of all rows.
        positive: Box of the rows whose outcome is true; ``None`` where there are none.
        negative: Box of the others; ``None`` where there are none.
        limits: What a linear model raises or lowers values to; ``None``: it does not clip this column.
        below: Rows under the lower limit.
        above: Rows over the upper limit.
        far: Rows more than :data:`FAR` interquartile ranges from the quartiles; 0 where the quartiles are equal.
        rate: Share of the clipped rows whose outcome is true; NaN where none is clipped.
        rate_low: Lower end of its 95 % interval.
        rate_high: Upper end.
        rest_rate: The same share of the other rows that have a value.
        powers: Powers of ten between the median and the highest value, of columns that are never negative; 0 for others.
    """

    lowest: float
    highest: float
    whole: Box
    positive: Box | None
    negative: Box | None
    limits: tuple[float, float] | None
    below: int
    above: int
    far: int
    rate: float
    rate_low: float
    rate_high: float
    rest_rate: float
    powers: float

    @property
    def clipped(self) -> int:
        """Rows that a linear model reads as another value than theirs."""
        return self.below + self.above

    @property
    def differs(self) -> bool:
        """Whether the clipped rows' outcome is true more or less often than the others', beyond chance."""
        return self.clipped > 0 and not self.rate_low <= self.rest_rate <= self.rate_high


def extremes_of(name: str, values: Values, labels: Array) -> Extremes | None:
    """The extremes of a NUMBER; ``None`` where it has fewer than three values.

    The limits are those of :func:`vigie.bundle.encoder_fit.fit_encoder`, which every linear model is fed by.

    Args:
        name: Of the column, for messages.
        values: A NUMBER.
        labels: 0 or 1 for each row.
    """
    known = np.isfinite(values.data)
    x, y = values.data[known], labels[known]
    if len(np.unique(x[:1000])) < 3 and len(np.unique(x)) < 3:
        return None
    column = fit_encoder({name: Values(Kind.NUMBER, x)}, style="linear").columns[0]
    assert isinstance(column, NumberColumn), "a number is encoded as one"
    limits = None if column.low is None or column.high is None else (column.low, column.high)
    below = x < limits[0] if limits else np.zeros(len(x), dtype=bool)
    above = x > limits[1] if limits else np.zeros(len(x), dtype=bool)
    outside = below | above
    first, third = (float(q) for q in np.quantile(x, [0.25, 0.75]))
    reach = FAR * (third - first)
    far = int(np.count_nonzero((x < first - reach) | (x > third + reach))) if reach else 0
    clipped, hits = int(outside.sum()), int(y[outside].sum())
    rest = len(x) - clipped
    median, highest = float(np.median(x)), float(x.max())
    return Extremes(
        lowest=float(x.min()),
        highest=highest,
        whole=_box(x),
        positive=_box(x[y == 1]) if (y == 1).any() else None,
        negative=_box(x[y != 1]) if (y != 1).any() else None,
        limits=limits,
        below=int(below.sum()),
        above=int(above.sum()),
        far=far,
        rate=hits / clipped if clipped else float("nan"),
        rate_low=wilson(hits, clipped)[0],
        rate_high=wilson(hits, clipped)[1],
        rest_rate=float((int(y.sum()) - hits) / rest) if rest else float("nan"),
        powers=float(np.log10(highest / median)) if x.min() >= 0 and median > 0 else 0.0,
    )


def _box(x: Array) -> Box:
    low, first, middle, third, high = (float(q) for q in np.quantile(x, [CLIP[0], 0.25, 0.5, 0.75, CLIP[1]]))
    outside = np.unique(x[(x < low) | (x > high)])
    if len(outside) > DRAWN:
        outside = outside[np.unique(np.linspace(0, len(outside) - 1, DRAWN).round().astype(int))]
    return Box(low, first, middle, third, high, tuple(float(v) for v in outside))
