"""When customers are scored: at regular snapshots, at an event, or once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from vigie.clock import parse_moment
from vigie.definition.source import Events, Table
from vigie.definition.window import Window
from vigie.errors import DefinitionError

CALENDAR_PERIODS = ("hour", "day", "week", "month", "quarter", "year")


@dataclass(frozen=True, slots=True)
class Every:
    """Regular snapshots of everybody in the population, at the beginning of each period in UTC; weeks begin on Monday.

    Attributes:
        period: One of :data:`CALENDAR_PERIODS`, or a length counted from 1970-01-01 UTC.
        start: First moment allowed, in microseconds; ``None``: as soon as there is history.
        end: No moment after this one; ``None``: up to now.
    """

    period: str | Window
    start: int | None = None
    end: int | None = None

    def meaning(self) -> list[Any]:
        """Plain data equal for moments that mean the same."""
        period = self.period if isinstance(self.period, str) else self.period.microseconds
        return ["every", period, self.start, self.end]


@dataclass(frozen=True)
class At:
    """The moments at which rows of a source came to be: a lead is submitted, a loan is requested."""

    source: Table | Events

    def meaning(self) -> list[Any]:
        """Plain data equal for moments that mean the same."""
        return ["at", self.source.meaning()]


@dataclass(frozen=True, slots=True)
class Once:
    """One moment for everybody.

    Attributes:
        moment: Microseconds; ``None``: now.
    """

    moment: int | None = None

    def meaning(self) -> list[Any]:
        """Plain data equal for moments that mean the same."""
        return ["once", self.moment]


Moments = Every | At | Once


def _moment(value: str | date | datetime | None, what: str) -> int | None:
    if value is None:
        return None
    try:
        return parse_moment(value if isinstance(value, str) else value.isoformat())
    except ValueError as error:
        raise DefinitionError(
            f"{what} {value!r} is not a date", remedy="write it as '2026-01-31' or '2026-01-31T12:00:00+01:00'"
        ) from error


def every(period: str | Window, *, start: str | date | None = None, end: str | date | None = None) -> Every:
    """Snapshots at the beginning of each ``"hour"``, ``"day"``, ``"week"``, ``"month"``, ``"quarter"``, ``"year"`` or length.

    Args:
        period: A calendar period, or a length such as ``days(14)``.
        start: First date allowed.
        end: Last date allowed.

    Raises:
        DefinitionError: No such period, or *end* before *start*.
    """
    if not isinstance(period, Window) and period not in CALENDAR_PERIODS:
        raise DefinitionError(
            f"every({period!r}) is not a period", remedy=f"use one of {', '.join(CALENDAR_PERIODS)}, or days(14)"
        )
    first, last = _moment(start, "start"), _moment(end, "end")
    if first is not None and last is not None and last < first:
        raise DefinitionError(f"every({period!r}) ends before it starts")
    return Every(period, first, last)


def at(source: Table | Events) -> At:
    """One moment for each row of *source*: a table at its ``known_at``, events at their time.

    Raises:
        DefinitionError: A table without ``known_at`` has no moments.
    """
    if not isinstance(source, Table | Events):
        raise DefinitionError(f"at({source!r}) takes a table or events", remedy="write moments=at(leads)")
    if isinstance(source, Table) and source.known_at is None:
        raise DefinitionError(
            f"table '{source.name}' does not say when its rows came to be",
            remedy=f"declare Table('{source.name}', key='{source.key}', known_at='submitted_at')",
        )
    return At(source)


def once(moment: str | date | None = None) -> Once:
    """Everybody at one moment: now, or the date given."""
    return Once(_moment(moment, "once()"))
