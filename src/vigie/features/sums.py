"""Exact sums of any window in constant time, by prefix sums in fixed point.

Differences of floating-point prefix sums depend on everything that lies before the window; two stores that keep
histories of different length would not agree. Here a sum is a function of the events in the window alone:

    the exact sum of the values, each rounded to a multiple of 2**-52, rounded once to the nearest double.

(Values of 1 and above are such multiples already.) It is computed as ``v = hi·2**-10 + lo·2**-52`` with integers ``hi``
and ``lo``, each summed up in wrapping int64: whatever the prefix, the difference of two prefix sums is exact as long as
the window's own sum fits. Windows for which that is not certain, and those with values from 2**40 on or infinite
ones, are summed with Python's unlimited integers: same definition, same result.

A sum that holds both infinities, or is not a number otherwise, is null; one beyond the largest double is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from vigie.features.values import Array

_LARGE = 2.0**40
_HI, _LO = 10, 52


def exact_sum(values: Iterable[float]) -> float:
    """The sum as defined above, of Python floats; NaN where it is not a number.

    >>> exact_sum([1e30, 1.0, -1e30])
    1.0
    """
    total = 0
    infinite = 0.0
    for value in values:
        if math.isinf(value):
            infinite += value
        elif abs(value) >= 1.0:
            numerator, denominator = value.as_integer_ratio()
            total += (numerator << _LO) // denominator
        else:
            total += round(math.ldexp(value, _LO))
    if infinite:  # NaN, of both infinities, is true too
        return infinite
    try:
        return total / (1 << _LO)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


class ExactSums:
    """Sums over slices of one column.

    Args:
        data: Shape (n,), float64; NaN is null and adds nothing.
    """

    def __init__(self, data: Array) -> None:
        self._data = data
        self._bad: Array | None = None
        self._lo: Array | None = None
        finite = data
        size = np.abs(data)
        outside = ~(size < _LARGE)  # NaN, infinite or large
        if outside.any():
            finite = np.where(outside, 0.0, data)
            size = np.abs(finite)
            bad = outside & ~np.isnan(data)
            if bad.any():
                self._bad = _prefix(bad.astype(np.int64))
        whole = finite.astype(np.int64)
        self._scale = 0
        if not np.array_equal(whole, finite):
            self._scale = _HI
            hi = np.rint(finite * 2.0**_HI)
            whole = hi.astype(np.int64)
            self._lo = _prefix(np.rint((finite - hi * 2.0**-_HI) * 2.0**_LO).astype(np.int64))
        self._hi = _prefix(whole)
        # So many events cannot overflow: their sum stays below 2**62 in both parts.
        largest = (int(size.max()) + 1) << self._scale if len(data) else 1
        self._most = min((1 << 62) // largest, 1 << 20)

    def of(self, lo: Array, hi: Array) -> Array:
        """Sum of ``data[lo:hi]`` for each pair: float64, 0 where there is nothing to sum."""
        high = self._hi[hi] - self._hi[lo]
        slow = hi - lo > self._most
        if self._bad is not None:
            slow |= self._bad[hi] > self._bad[lo]
        if self._lo is None:
            total = high.astype(np.float64)
        else:
            low = self._lo[hi] - self._lo[lo]
            carry = (low + (1 << (_LO - _HI - 1))) >> (_LO - _HI)
            high = high + carry
            low = low - (carry << (_LO - _HI))
            # Both terms are exact doubles, so their floating-point sum is rounded once.
            total = high * 2.0**-_HI + low * 2.0**-_LO
            slow |= np.abs(high) > 1 << 53
        if slow.any():
            for row in np.flatnonzero(slow).tolist():
                total[row] = exact_sum(_numbers(self._data[lo[row] : hi[row]]))
        return total


def _prefix(values: Array) -> Array:
    sums = np.empty(len(values) + 1, dtype=np.int64)
    sums[0] = 0
    np.cumsum(values, out=sums[1:])
    return sums


def _numbers(data: Array) -> list[float]:
    return [value for value in data.tolist() if value == value]
