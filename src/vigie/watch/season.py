"""What was usual at such an hour of such a day.

Moments are of buckets of one width, µs UTC. The calendar is that of UTC: where a country changes its clocks, its rhythm
moves by an hour against it, and what was learned follows within the weeks that are looked back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vigie.clock import DAY

HOUR = DAY // 24
WEEK = 7 * DAY
LOOK_BACK = 8 * WEEK
"""How far back is looked: long enough for each hour of the week to be seen a few times, short enough to follow growth."""
LEAST = 4
"""Fewest buckets of the same season that something can be said from."""

Moments = npt.NDArray[np.int64]
_EPOCH = 3  # 1970-01-01 was a Thursday; Monday is 0


def seasons(moments: Moments, width: int) -> list[npt.NDArray[np.int64]]:
    """The season of each bucket, from the finest division to the coarsest.

    Hour of the week; hour of a working day or of the weekend; hour of the day; no division. Buckets of a day and more know
    weekday; working day or weekend; no division.

    Args:
        moments: Beginnings of buckets.
        width: Of a bucket, µs.
    """
    day = moments // DAY
    weekday = (day + _EPOCH) % 7
    kind = (weekday >= 5).astype(np.int64)
    none = np.zeros(len(moments), dtype=np.int64)
    if width >= DAY:
        return [weekday, kind, none]
    hour = moments % DAY // HOUR
    return [weekday * 24 + hour, kind * 24 + hour, hour, none]


def season_of(at: int, moments: Moments, width: int, least: int = LEAST) -> npt.NDArray[np.int64] | None:
    """The season of every past bucket in the finest division in which that of *at* was seen often enough.

    Args:
        at: Beginning of the bucket that is judged.
        moments: Beginnings of past buckets.
        width: Of a bucket, µs.
        least: How often is enough.

    Returns:
        Seasons of *moments* followed by the one of *at*; ``None`` where even without division there are too few.
    """
    for division in seasons(np.append(moments, at), width):
        if np.count_nonzero(division[:-1] == division[-1]) >= least:
            return division
    return None


def within(at: int, moments: Moments, back: int = LOOK_BACK) -> npt.NDArray[np.bool_]:
    """Which past buckets are looked at."""
    return (moments < at) & (moments >= at - back)
