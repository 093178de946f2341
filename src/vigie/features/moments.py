"""The schedule of regular snapshots: the beginning of each calendar period in UTC, or a fixed length from 1970-01-01."""

from __future__ import annotations

import numpy as np

from vigie.clock import DAY
from vigie.definition.moments import Every
from vigie.features.values import Array

_HOUR = 3_600_000_000
# 1970-01-01 was a Thursday, the Monday after it the fifth.
_LENGTHS = {"hour": (_HOUR, 0), "day": (DAY, 0), "week": (7 * DAY, 4 * DAY)}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def schedule(every: Every, first: int, last: int) -> Array:
    """Moments of *every* from *first* to *last*, both included, within the definition's own start and end.

    Returns:
        int64 µs, increasing.
    """
    first = first if every.start is None else max(first, every.start)
    last = last if every.end is None else min(last, every.end)
    if first > last:
        return np.zeros(0, dtype=np.int64)
    if isinstance(every.period, str) and every.period in _MONTHS:
        step = _MONTHS[every.period]
        months = np.array([first, last], dtype="M8[us]").astype("M8[M]").astype(np.int64) // step
        moments = (np.arange(months[0], months[1] + 1) * step).astype("M8[M]").astype("M8[us]").astype(np.int64)
    else:
        length, origin = _LENGTHS[every.period] if isinstance(every.period, str) else (every.period.microseconds, 0)
        moments = np.arange((first - origin) // length, (last - origin) // length + 1, dtype=np.int64) * length + origin
    return np.asarray(moments[(moments >= first) & (moments <= last)])
