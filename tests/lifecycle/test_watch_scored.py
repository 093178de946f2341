"""What the record says of the hold-out, and how many customers are decided on a day."""

from __future__ import annotations

from typing import Any

import pytest

from vigie.clock import DAY
from vigie.data.lake import Version
from vigie.lifecycle.watch_deliveries import last_delivery
from vigie.lifecycle.watch_performance import customers_a_day
from vigie.lifecycle.watch_scored import held_share

from .scored_shop import START


@pytest.mark.parametrize(
    ("rows", "share"),
    [
        ([("champion", 1.0, "")], 0.0),
        ([("champion", 0.95, "")], 0.05),
        ([("champion", 0.95, ""), ("holdout", 0.05, "")], 0.05),
        # It was turned on within the day.
        ([("champion", 1.0, ""), ("champion", 0.95, ""), ("holdout", 0.05, "")], 0.0),
        ([("champion", 0.72, "r"), ("challenger", 0.18, "r"), ("holdout", 0.1, "r")], 0.1),
        ([("champion", 0.72, "r"), ("fallback", 0.18, "r")], 0.1),
        ([("champion", 0.8, "r"), ("challenger", 0.2, "r")], 0.0),
    ],
)
def test_the_share_held_out_is_that_of_the_record(rows: list[tuple[str, float, str]], share: float) -> None:
    import polars as pl

    frame = pl.DataFrame(rows, schema=["arm", "assignment_probability", "rollout"], orient="row")
    assert held_share(frame) == share


@pytest.mark.parametrize(
    ("every", "count", "since", "rate"),
    [(1, 40, 1, 700.0), (7, 8, 3, 100.0), (30, 3, 10, 700 / 30), (30, 1, 25, 700 / 24), (1, 1, 1, 700.0)],
)
def test_customers_a_day_are_those_of_the_time_that_runs_stand_for(
    every: int, count: int, since: int, rate: float
) -> None:
    runs = {START + i * every * DAY: 700 for i in range(count)}
    now = max(runs) + since * DAY
    assert customers_a_day(runs, [*runs], DAY, now) == pytest.approx(rate)
    # A version that had the last run alone: the runs before say how often there is one.
    if count > 2:
        assert customers_a_day({max(runs): 700}, [*runs], DAY, now) == pytest.approx(rate)
    assert customers_a_day({}, [], DAY, now) == 0


def test_weekdays_are_a_week() -> None:
    runs = {START + day * DAY: 700 for day in range(28) if day % 7 < 5}
    assert customers_a_day(runs, [*runs], DAY, START + 28 * DAY) == pytest.approx(500, rel=0.08)


@pytest.mark.parametrize(
    ("rows", "said", "counts"),
    [
        (5, {"ingest": DAY, "read": 5}, True),
        (5, {"received": DAY, "read": 5}, True),
        (5, {}, True),
        # Nothing happened on that day, or nothing new.
        (0, {"ingest": DAY, "read": 0, "quarantined": 0}, True),
        (0, {"ingest": DAY, "read": 7, "quarantined": 0, "duplicates": 7}, True),
        (0, {"ingest": DAY, "read": 7, "quarantined": 7}, False),
        (3, {"ingest": DAY, "released": 3}, False),
        (0, {"erased": 2}, False),
    ],
)
def test_what_is_a_delivery(rows: int, said: dict[str, int], counts: bool) -> None:
    from types import SimpleNamespace

    lake = SimpleNamespace(has=lambda name: name == "orders", versions=lambda _: [Version(0, DAY, rows, said)])
    project: Any = SimpleNamespace(lake=lake)
    assert last_delivery(project, "orders") == (DAY if counts else 0) and last_delivery(project, "visits") == 0
