"""Days and the windows made of them.

A day is a number: µs since 1970-01-01 UTC divided by :data:`vigie.clock.DAY`. A window is half-open, ``[first, last)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from vigie.clock import DAY
from vigie.watch.profile import Profile, merged

T = TypeVar("T")

WEEK = 7
YEAR = 364
"""Days to the same season a year ago: 52 weeks, so that it is the same weekday."""


def day_of(moment: int) -> int:
    """The day that *moment*, µs, belongs to.

    >>> day_of(86_400_000_000)
    1
    """
    return moment // DAY


def start_of(day: int) -> int:
    """First moment of *day*, µs."""
    return day * DAY


def name_of(day: int) -> str:
    """*day* as a date; sorts as text.

    >>> name_of(1)
    '1970-01-02'
    """
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()


def day_named(name: str) -> int:
    """The day of a date such as :func:`name_of` writes."""
    return (datetime.fromisoformat(name).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days


def window(days: Mapping[int, Profile], first: int, last: int) -> Profile | None:
    """What was counted from *first* up to and without *last*; ``None`` for nothing."""
    return together(days.get(day) for day in range(first, last))


def together(profiles: Iterable[Profile | None]) -> Profile | None:
    """All of *profiles* as one; ``None`` for nothing counted."""
    found = [one for one in profiles if one is not None and one.rows]
    return merged(found) if found else None


def ends(days: Mapping[int, Profile], today: int, count: int) -> list[int]:
    """Ends (exclusive) of the last *count* windows, the newest first.

    The newest ends with the last day before *today* that has rows: a base that is scored once a month is looked at once a
    month, and what was found then holds until the next time.

    Args:
        days: Profiles by day.
        today: The day that is not over.
        count: How many ends, a day apart.
    """
    last = max((day for day, one in days.items() if day < today and one.rows), default=None)
    return [] if last is None else [last + 1 - i for i in range(count)]


def same_weekdays(days: Mapping[int, Profile], day: int, weeks: int, least: int) -> Profile | None:
    """The same weekday in the *weeks* before *day*; ``None`` where fewer than *least* of them have rows."""
    found = [one for i in range(1, weeks + 1) if (one := days.get(day - i * WEEK)) is not None and one.rows]
    return merged(found) if len(found) >= least else None
