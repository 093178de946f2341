"""The only place that knows what time it is.

Every other module is given a :class:`Clock` or a moment. Moments are ``int`` microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

DAY = 86_400_000_000
"""Microseconds in a day: 86,400 s, whatever the calendar says."""


class Clock(Protocol):
    """Tells the current moment."""

    def now(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still at one moment: for ``--as-of``, rehearsal and tests."""

    moment: int

    def now(self) -> int:
        """The moment it was given."""
        return self.moment


@dataclass(frozen=True, slots=True)
class AcceleratedClock:
    """A clock that runs faster than the machine's: to see months of a stack in an hour.

    Attributes:
        start: What it tells at *anchor*, µs UTC.
        rate: How many times as fast it runs.
        anchor: A moment of *real*, µs UTC: processes that have the same one tell the same time.
        real: The clock that it follows.
    """

    start: int
    rate: float
    anchor: int
    real: Clock = field(default_factory=SystemClock)

    def now(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        return self.start + int((self.real.now() - self.anchor) * self.rate)

    @property
    def text(self) -> str:
        """As :func:`parse_accelerated` reads it."""
        return f"{iso(self.start)}@{iso(self.anchor)}*{self.rate:g}"


def rate_of(clock: Clock) -> float:
    """How many times as fast as the machine's *clock* runs: 1 but for an accelerated one."""
    return clock.rate if isinstance(clock, AcceleratedClock) else 1.0


def parse_accelerated(text: str) -> AcceleratedClock:
    """The clock that ``MOMENT@ANCHOR*RATE`` spells.

    >>> parse_accelerated("2011-03-01@2026-11-22*3600").text
    '2011-03-01T00:00:00Z@2026-11-22T00:00:00Z*3600'

    Raises:
        ValueError: *text* is not of that form, or the rate is not above 0.
    """
    start, _, rest = text.partition("@")
    anchor, _, rate = rest.partition("*")
    if not 0 < float(rate) < 1e9:
        raise ValueError(f"{rate} is no rate")
    return AcceleratedClock(parse_moment(start), float(rate), parse_moment(anchor))


def stopwatch() -> float:
    """Seconds on a clock that only goes forward: for durations, never for dates."""
    return time.perf_counter()


def moment_of(when: datetime) -> int:
    """Microseconds of an aware ``datetime``.

    Raises:
        ValueError: *when* has no time zone.
    """
    if when.tzinfo is None:
        raise ValueError("a moment needs a time zone: datetime(..., tzinfo=UTC)")
    delta = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def parse_moment(text: str) -> int:
    """Microseconds of an ISO 8601 date or time; without an offset it is read as UTC.

    >>> parse_moment("1970-01-02")
    86400000000

    Raises:
        ValueError: *text* is not ISO 8601.
    """
    when = datetime.fromisoformat(text)
    return moment_of(when if when.tzinfo else when.replace(tzinfo=UTC))


def iso(moment: int) -> str:
    """ISO 8601 in UTC, to the second where that loses nothing.

    >>> iso(86400000000)
    '1970-01-02T00:00:00Z'
    """
    seconds, micro = divmod(moment, 1_000_000)
    return f"{_second(seconds)}.{micro:06d}Z" if micro else f"{_second(seconds)}Z"


@lru_cache(1024)
def _second(seconds: int) -> str:
    """A whole second without its offset; moments come in runs of the same one."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat()[:19]
