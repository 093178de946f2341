from __future__ import annotations

import pytest

from vigie.clock import DAY, iso, parse_moment
from vigie.definition import days, every, hours
from vigie.features.moments import schedule


@pytest.mark.parametrize(
    ("moments", "first", "last", "expected"),
    [
        (every("month"), "2023-12-15", "2024-03-01", ["2024-01-01", "2024-02-01", "2024-03-01"]),
        (every("month"), "2024-01-01", "2024-01-31", ["2024-01-01"]),
        (every("quarter"), "2023-11-01", "2024-07-02", ["2024-01-01", "2024-04-01", "2024-07-01"]),
        (every("year"), "1968-06-01", "1971-01-01", ["1969-01-01", "1970-01-01", "1971-01-01"]),
        (every("week"), "2024-02-26", "2024-03-05", ["2024-02-26", "2024-03-04"]),
        (every("week"), "1969-12-20", "1970-01-06", ["1969-12-22", "1969-12-29", "1970-01-05"]),
        (every("day"), "2024-02-28T01:00", "2024-03-01", ["2024-02-29", "2024-03-01"]),
        (every("hour"), "2024-01-01T00:30", "2024-01-01T02:30", ["2024-01-01T01:00", "2024-01-01T02:00"]),
        (every(days(14)), "1970-01-02", "1970-02-01", ["1970-01-15", "1970-01-29"]),
        (every(hours(36)), "1969-12-30", "1970-01-02", ["1969-12-30T12:00", "1970-01-01"]),
        (
            every("month", start="2024-02-01", end="2024-03-15"),
            "2020-01-01",
            "2025-01-01",
            ["2024-02-01", "2024-03-01"],
        ),
        (every("month"), "2024-02-02", "2024-02-28", []),
        (every("month"), "2024-03-01", "2024-02-01", []),
    ],
)
def test_snapshots_are_at_the_beginning_of_each_period(moments, first, last, expected):
    found = schedule(moments, parse_moment(first), parse_moment(last))
    assert [iso(t) for t in found.tolist()] == [iso(parse_moment(t)) for t in expected]


def test_weeks_begin_on_monday():
    found = schedule(every("week"), 0, 365 * DAY)
    assert {(t // DAY + 3) % 7 for t in found.tolist()} == {0}
