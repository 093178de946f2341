"""The aggregations, one function each, registered by name in :data:`AGGREGATE`.

Each is a function of the events inside the window alone: nothing that lies before it, and no other row, changes a bit
of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from vigie.clock import DAY
from vigie.definition.aggregate import FUNCTIONS, Aggregate
from vigie.definition.kind import Kind
from vigie.features.expanded import chunks, positions
from vigie.features.history import Block
from vigie.features.rowwise import evaluate, is_one_of
from vigie.features.sums import ExactSums
from vigie.features.values import NULL_TIME, Array, Values, picked
from vigie.features.windows import Windows


@dataclass(eq=False, slots=True)
class Valued:
    """One value for each event, and what is computed from all of them once."""

    values: Values
    _valid: Array | None = None
    _sums: ExactSums | None = None
    _edged: dict[bool, Array] = field(default_factory=dict)

    @property
    def valid(self) -> Array:
        """Shape (n + 1,), int64: how many of the first events have a value."""
        if self._valid is None:
            null = self.values.nulls()
            self._valid = np.arange(len(null) + 1, dtype=np.int64)
            if null.any():
                self._valid[1:] -= np.cumsum(null, dtype=np.int64)
        return self._valid

    def edged(self, *, highest: bool) -> Array:
        """The values and one more, with what changes no highest (or lowest) value in place of nulls and behind the last.

        −0 is 0 among them.
        """
        if highest not in self._edged:
            values = self.values
            found = np.empty(len(values) + 1, dtype=values.data.dtype)
            if values.kind is Kind.TIME:
                found[:-1], found[-1] = values.data, NULL_TIME if highest else np.iinfo(np.int64).max
            else:
                np.add(values.data, 0.0, out=found[:-1])
                found[-1] = -np.inf if highest else np.inf
            null = values.nulls()
            if null.any():
                found[:-1][null] = found[-1]
            self._edged[highest] = found
        return self._edged[highest]

    @property
    def sums(self) -> ExactSums:
        """Sums over slices."""
        if self._sums is None:
            self._sums = ExactSums(self.values.data)
        return self._sums


@dataclass(eq=False, slots=True)
class Scope:
    """Events after their filter, the rows they are aggregated for, and what aggregates of them share."""

    windows: Windows
    values: dict[str, Valued] = field(default_factory=dict)
    totals: dict[tuple[str, int | None, bool], tuple[Array, Array]] = field(default_factory=dict)

    @property
    def block(self) -> Block:
        """The events."""
        return self.windows.block

    def value(self, aggregate: Aggregate) -> Valued:
        """What is aggregated, for each event."""
        assert aggregate.value is not None
        key = aggregate.value.fingerprint
        if key not in self.values:
            self.values[key] = Valued(evaluate(aggregate.value, self.block.columns, len(self.block)))
        return self.values[key]

    def slices(self, aggregate: Aggregate) -> tuple[Array, Array]:
        """``lo:hi`` of each row's window."""
        return self.windows.bounds(aggregate.window, future=aggregate.future)

    def counted(self, aggregate: Aggregate) -> Array:
        """How many events with a value each window has."""
        lo, hi = self.slices(aggregate)
        valid = self.value(aggregate).valid
        return np.asarray(valid[hi] - valid[lo])

    def total(self, aggregate: Aggregate) -> tuple[Array, Array]:
        """Sum and count of the values of each window."""
        assert aggregate.value is not None
        window = aggregate.window.microseconds if aggregate.window else None
        key = (aggregate.value.fingerprint, window, aggregate.future)
        if key not in self.totals:
            lo, hi = self.slices(aggregate)
            self.totals[key] = self.value(aggregate).sums.of(lo, hi), self.counted(aggregate)
        return self.totals[key]


def _number(data: Array, null: Array) -> Values:
    data = data.astype(np.float64, copy=False)
    return Values(Kind.NUMBER, np.where(null, np.nan, data) if null.any() else data)


def _count(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    return Values(Kind.NUMBER, (hi - lo).astype(np.float64))


def _sum(scope: Scope, aggregate: Aggregate) -> Values:
    total, n = scope.total(aggregate)
    return _number(total, n == 0)


def _mean(scope: Scope, aggregate: Aggregate) -> Values:
    total, n = scope.total(aggregate)
    return _number(total / np.maximum(n, 1), n == 0)


# -- extremes --------------------------------------------------------------------------------------------------------


def _extreme(function: np.ufunc, scope: Scope, aggregate: Aggregate) -> Values:
    valued = scope.value(aggregate)
    n = scope.counted(aggregate)
    lo, hi = scope.slices(aggregate)
    found = _reduced(function, valued.edged(highest=function is np.maximum), lo, hi)
    null = NULL_TIME if valued.values.kind is Kind.TIME else np.nan
    return Values(valued.values.kind, np.where(n == 0, null, found))


def _reduced(function: np.ufunc, padded: Array, lo: Array, hi: Array) -> Array:
    """*function* over ``padded[lo:hi]`` for each pair; anything where it is empty. Behind the last value stands one more."""
    pairs = np.empty(2 * len(lo), dtype=np.int64)
    pairs[0::2], pairs[1::2] = lo, hi
    if not len(pairs):
        return np.zeros(0, dtype=padded.dtype)
    return np.asarray(function.reduceat(padded, pairs)[::2])


# -- spread ----------------------------------------------------------------------------------------------------------


def _spread(data: Array, lo: Array, hi: Array, total: Array, n: Array) -> Array:
    """Standard deviation of ``data[lo:hi]`` (n − 1), NaN below two values or where it is not finite.

    Squared distances from the mean, in doubles, are summed in integers on a grid that the window's own largest
    one and its number of values set: fine enough to lose nothing, coarse enough not to overflow. So the order does not
    matter, and neither does the machine.
    """
    mean = total / np.maximum(n, 1)
    found = np.full(len(lo), np.nan)
    wanted = np.flatnonzero(n >= 2)
    sizes = (hi - lo)[wanted]
    for first, last in chunks(sizes):
        rows, size = wanted[first:last], sizes[first:last]
        place, starts = positions(lo[rows], size)
        with np.errstate(all="ignore"):
            squares = (data[place] - np.repeat(mean[rows], size)) ** 2
            infinite = np.logical_or.reduceat(~np.isfinite(squares) & ~np.isnan(data[place]), starts)
            squares[~np.isfinite(squares)] = 0.0
            largest = np.maximum.reduceat(squares, starts)
            exponent = 62 - _bit_length(n[rows]) - np.frexp(largest)[1].astype(np.int64)
            grid = np.rint(np.ldexp(squares, np.repeat(exponent, size)))
            summed = np.ldexp(np.add.reduceat(grid.astype(np.int64), starts).astype(np.float64), -exponent)
            found[rows] = np.where(infinite, np.nan, np.sqrt(summed / (n[rows] - 1)))
    return found


def _bit_length(n: Array) -> Array:
    return np.frexp(n.astype(np.float64))[1].astype(np.int64)


def _std(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    total, n = scope.total(aggregate)
    return Values(Kind.NUMBER, _spread(scope.value(aggregate).values.data, lo, hi, total, n))


def _std_gap(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    times = scope.block.times
    n = hi - lo - 1
    some = n >= 1
    total = np.where(some, times[hi - 1] - times[np.where(some, lo, 0)], 0) if len(times) else np.zeros(len(lo))
    gaps = np.diff(times).astype(np.float64)
    return Values(Kind.NUMBER, _spread(gaps, lo, np.maximum(hi - 1, lo), total.astype(np.float64), n) / DAY)


# -- first and last --------------------------------------------------------------------------------------------------


def _last(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    values = scope.value(aggregate).values
    place = np.where(values.nulls(), -1, np.arange(len(values), dtype=np.int64))
    latest = np.concatenate([[-1], np.maximum.accumulate(place)]) if len(values) else np.array([-1])
    return picked(values, latest[hi], latest[hi] < lo)


def _first(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    values = scope.value(aggregate).values
    n = len(values)
    place = np.where(values.nulls(), n, np.arange(n, dtype=np.int64))
    earliest = np.append(np.minimum.accumulate(place[::-1])[::-1], n) if n else np.array([n])
    return picked(values, earliest[lo], earliest[lo] >= hi)


# -- categories ------------------------------------------------------------------------------------------------------


def _codes(values: Values) -> Array:
    """Integers equal for equal values, −1 for null."""
    if values.kind is Kind.CATEGORY:
        return values.data.astype(np.int64)
    if values.kind is Kind.TEXT:
        seen: dict[str, int] = {}
        found = (-1 if text is None else seen.setdefault(text, len(seen)) for text in values.data)
        return np.fromiter(found, dtype=np.int64, count=len(values))
    codes = np.unique(values.data, return_inverse=True)[1].astype(np.int64)
    codes[values.nulls()] = -1
    return codes


def _distinct(scope: Scope, aggregate: Aggregate) -> Values:
    """An event counts where the one before it with the same value and customer lies before the window."""
    lo, hi = scope.slices(aggregate)
    values = scope.value(aggregate).values
    codes = _codes(values)
    order = np.lexsort((codes, scope.block.codes))
    same = (codes[order][1:] == codes[order][:-1]) & (scope.block.codes[order][1:] == scope.block.codes[order][:-1])
    previous = np.full(len(values), -1, dtype=np.int64)
    previous[order[1:][same]] = order[:-1][same]
    previous[codes < 0] = len(values)
    found = np.zeros(len(lo))
    wanted = np.flatnonzero(hi > lo)
    sizes = (hi - lo)[wanted]
    for first, last in chunks(sizes):
        rows, size = wanted[first:last], sizes[first:last]
        place, starts = positions(lo[rows], size)
        new = previous[place] < np.repeat(lo[rows], size)
        found[rows] = np.add.reduceat(new.astype(np.int64), starts)
    return Values(Kind.NUMBER, found)


_FEW = 64


def _mode(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    values = scope.value(aggregate).values
    count = np.zeros(len(lo), dtype=np.int64)
    seen = np.full(len(lo), -1, dtype=np.int64)
    codes = _codes(values)
    distinct = int(codes.max(initial=-1)) + 1
    if distinct <= _FEW:
        for code in range(distinct):
            is_code = codes == code
            counts = np.concatenate([[0], np.cumsum(is_code, dtype=np.int64)])
            latest = np.concatenate([[-1], np.maximum.accumulate(np.where(is_code, np.arange(len(codes)), -1))])
            n, last_seen = counts[hi] - counts[lo], latest[hi]
            better = (n > 0) & ((n > count) | ((n == count) & (last_seen > seen)))
            count, seen = np.where(better, n, count), np.where(better, last_seen, seen)
        return picked(values, seen, count == 0)
    wanted = np.flatnonzero(hi > lo)
    sizes = (hi - lo)[wanted]
    for begin, end in chunks(sizes):
        rows, size = wanted[begin:end], sizes[begin:end]
        place, _ = positions(lo[rows], size)
        row = np.repeat(np.arange(len(rows), dtype=np.int64), size)[codes[place] >= 0]
        place = place[codes[place] >= 0]
        if not len(place):
            continue
        order = np.lexsort((place, codes[place], row))
        row, place = row[order], place[order]
        ends = np.append((row[1:] != row[:-1]) | (codes[place][1:] != codes[place][:-1]), True)
        n = np.diff(np.flatnonzero(ends), prepend=-1)
        row, place = row[ends], place[ends]
        best = np.lexsort((place, n, row))
        winner = best[np.append(row[best][1:] != row[best][:-1], True)]
        count[rows[row[winner]]], seen[rows[row[winner]]] = n[winner], place[winner]
    return picked(values, seen, count == 0)


def _share(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    values = scope.value(aggregate).values
    matching = is_one_of(values, aggregate.parameters) & ~values.nulls()
    matches = np.concatenate([[0], np.cumsum(matching, dtype=np.int64)])
    n = scope.counted(aggregate)
    return _number((matches[hi] - matches[lo]) / np.maximum(n, 1), n == 0)


# -- time ------------------------------------------------------------------------------------------------------------


def _days_since_last(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    return _days(scope.windows.rows.moments, scope.block.times, hi - 1, hi <= lo)


def _days_since_first(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    return _days(scope.windows.rows.moments, scope.block.times, lo, hi <= lo)


def _days(moments: Array, times: Array, place: Array, null: Array) -> Values:
    if not len(times):
        return Values.missing(Kind.NUMBER, len(moments))
    return _number((moments - times[np.where(null, 0, place)]) / DAY, null)


def _mean_gap(scope: Scope, aggregate: Aggregate) -> Values:
    lo, hi = scope.slices(aggregate)
    times, n = scope.block.times, hi - lo
    if not len(times):
        return Values.missing(Kind.NUMBER, len(lo))
    some = n >= 2
    between = times[np.where(some, hi - 1, 0)] - times[np.where(some, lo, 0)]
    return _number(between / (np.maximum(n - 1, 1) * DAY), ~some)


AGGREGATE: dict[str, Callable[[Scope, Aggregate], Values]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "min": lambda scope, aggregate: _extreme(np.minimum, scope, aggregate),
    "max": lambda scope, aggregate: _extreme(np.maximum, scope, aggregate),
    "std": _std,
    "first": _first,
    "last": _last,
    "distinct": _distinct,
    "mode": _mode,
    "share": _share,
    "days_since_last": _days_since_last,
    "days_since_first": _days_since_first,
    "mean_gap": _mean_gap,
    "std_gap": _std_gap,
}
"""How each of :data:`vigie.definition.aggregate.FUNCTIONS` is computed."""

assert AGGREGATE.keys() == FUNCTIONS.keys()
