"""The aggregations of one window of one customer, in plain Python: equal to :mod:`~vigie.features.aggregates` to the bit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from vigie.clock import DAY
from vigie.definition.aggregate import Aggregate
from vigie.definition.kind import Kind
from vigie.features.scalar import one_of
from vigie.features.sums import exact_sum

_DAY = float(DAY)

OfValues = Callable[[list[Any], float], Any]
"""From the values of a window, not null and at least one, and their sum (0 where it is not asked for)."""

OfTimes = Callable[[Sequence[int], int, int, int], Any]
"""From the times of events, the window's first and the one behind its last, at least one, and the moment."""

NEED_SUM = frozenset({"sum", "mean", "std"})
"""Functions that are given the sum."""


def of_values(aggregate: Aggregate, kind: Kind) -> OfValues:
    """How an aggregation of values of *kind* is computed."""
    if aggregate.function == "share":
        members = one_of(aggregate.parameters, kind)
        return lambda values, _: len([value for value in values if value in members]) / len(values)
    if aggregate.function in ("min", "max"):
        function = min if aggregate.function == "min" else max
        if kind is Kind.TIME:
            return lambda values, _: function(values)
        return lambda values, _: function(values) + 0.0
    return _OF_VALUES[aggregate.function]


def total(values: list[float]) -> float:
    """The sum of numbers that are multiples of 2**-52, rounded once, as :mod:`~vigie.features.sums` defines it."""
    try:
        return math.fsum(values) + 0.0
    except (OverflowError, ValueError):  # beyond the largest double on the way, or both infinities
        return exact_sum(values)


def on_grid(values: list[float]) -> list[float]:
    """Numbers rounded to multiples of 2**-52.

    Between 1 and 2 doubles are that far apart: adding 1 rounds, and taking it away again loses nothing.
    """
    return [
        value if not -1.0 < value < 1.0 else (value + 1.0) - 1.0 if value >= 0.0 else (value - 1.0) + 1.0
        for value in values
    ]


def _number(found: float) -> float | None:
    return found if found == found else None


def spread(values: Sequence[float], summed: float) -> float | None:
    """Standard deviation (n − 1), on the grid of :mod:`~vigie.features.aggregates`."""
    n = len(values)
    if n < 2:
        return None
    mean = summed / n
    squares = [(value - mean) * (value - mean) for value in values]
    largest = max(squares)
    if not math.isfinite(largest) or any(square != square for square in squares):
        return None
    exponent = 62 - n.bit_length() - math.frexp(largest)[1]
    units = sum([round(math.ldexp(square, exponent)) for square in squares])
    try:
        return math.sqrt(math.ldexp(float(units), -exponent) / (n - 1))
    except OverflowError:
        return math.inf


def _mode(values: list[Any], _: float) -> Any:
    counts = Counter(values)
    most = max(counts.values())
    return next(value for value in reversed(values) if counts[value] == most)


_OF_VALUES: dict[str, OfValues] = {
    "sum": lambda _, summed: _number(summed),
    "mean": lambda values, summed: _number(summed / len(values)),
    "std": spread,
    "first": lambda values, _: values[0],
    "last": lambda values, _: values[-1],
    "distinct": lambda values, _: float(len(set(values))),
    "mode": _mode,
}


def _std_gap(times: Sequence[int], lo: int, hi: int, _: int) -> float | None:
    if hi - lo < 3:
        return None
    gaps = [float(later - earlier) for earlier, later in pairwise(times[lo:hi])]
    found = spread(gaps, float(times[hi - 1] - times[lo]))
    return None if found is None else found / _DAY


def _mean_gap(times: Sequence[int], lo: int, hi: int, _: int) -> float | None:
    return float(times[hi - 1] - times[lo]) / float((hi - lo - 1) * DAY) if hi - lo > 1 else None


OF_TIMES: dict[str, OfTimes] = {
    "count": lambda _times, lo, hi, _t: float(hi - lo),
    "days_since_last": lambda times, _lo, hi, t: (t - times[hi - 1]) / _DAY,
    "days_since_first": lambda times, lo, _hi, t: (t - times[lo]) / _DAY,
    "mean_gap": _mean_gap,
    "std_gap": _std_gap,
}
"""The aggregations of times alone."""

OF_NOTHING: dict[str, float] = {"count": 0.0, "distinct": 0.0}
"""What an aggregation gives without events, or without values; ``None`` where it is not listed."""
