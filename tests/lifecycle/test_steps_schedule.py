"""Which slots there are, and which are due: properties, daylight saving, and settings that cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vigie.clock import iso, parse_moment
from vigie.errors import SettingsError
from vigie.lifecycle.steps_schedule import LATE, MOST_MISSED, Schedule, due, following, schedules_of, slots

MINUTE = 60_000_000
HOUR = 60 * MINUTE
SCHEDULES = st.one_of(
    st.builds(Schedule, st.just("ingest"), every=st.sampled_from([MINUTE, 7 * MINUTE, HOUR, 24 * HOUR])),
    st.builds(
        Schedule,
        st.just("ingest"),
        cron=st.sampled_from(
            ["*/5 * * * *", "30 2 * * *", "0 * * * *", "0 6 * * mon-fri", "15 2,3 * * *", "0 0 1 * *"]
        ),
        zone=st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    ),
)
MOMENTS = st.integers(parse_moment("2026-03-20"), parse_moment("2026-11-10"))


def told(schedule: Schedule, after: str, until: str) -> list[str]:
    return [iso(slot) for slot in slots(schedule, parse_moment(after), parse_moment(until))]


@given(SCHEDULES, MOMENTS, st.integers(0, 3 * 24 * HOUR), st.integers(0, 3 * 24 * HOUR))
@example(Schedule("ingest", cron="30 2 * * *", zone="Europe/Paris"), parse_moment("2026-10-25T00:45:00"), HOUR, HOUR)
@example(Schedule("ingest", cron="30 2 * * *", zone="Europe/Paris"), parse_moment("2026-03-29T00:59:00"), HOUR, HOUR)
def test_slots_of_two_spans_are_those_of_both_together(schedule: Schedule, begin: int, first: int, second: int) -> None:
    middle, end = begin + first, begin + first + second

    whole = list(slots(schedule, begin, end))

    assert whole == [*slots(schedule, begin, middle), *slots(schedule, middle, end)]
    assert whole == sorted(set(whole))
    assert all(begin < slot <= end for slot in whole)


@given(
    SCHEDULES,
    MOMENTS,
    st.lists(st.integers(1, 30 * HOUR), min_size=1, max_size=12),
    st.sampled_from(["last", "all", "none"]),
)
def test_a_slot_is_due_at_most_once_whenever_one_looks(
    schedule: Schedule, begin: int, steps: list[int], catch_up: Any
) -> None:
    schedule = Schedule(schedule.step, schedule.every, schedule.cron, schedule.zone, catch_up)
    last, now, ran = begin, begin, list[int]()
    for step in steps:
        now += step
        found, missed = due(schedule, last, now), tuple(slots(schedule, last, now))
        assert due(schedule, last, now) == found
        if catch_up == "last":
            assert found == missed[-1:]
        elif catch_up == "all":
            assert found == missed[-MOST_MISSED:]
        else:
            assert found == tuple(slot for slot in missed if slot >= now - LATE)[-1:]
        ran += found
        last = max([last, *found])
        assert due(schedule, last, now) == ()
    assert ran == sorted(set(ran))


def test_a_time_of_day_follows_the_clocks_of_its_zone() -> None:
    six = Schedule("score", cron="0 6 * * *", zone="Europe/Paris")

    assert told(six, "2026-03-28", "2026-03-30") == ["2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z"]
    assert told(six, "2026-10-24", "2026-10-26") == ["2026-10-24T04:00:00Z", "2026-10-25T05:00:00Z"]


def test_a_time_that_does_not_exist_runs_when_the_clocks_go_forward_and_one_that_exists_twice_once() -> None:
    half = Schedule("score", cron="30 2 * * *", zone="Europe/Paris")

    assert told(half, "2026-03-28T12:00", "2026-03-29T12:00") == ["2026-03-29T01:00:00Z"]
    assert told(half, "2026-10-24T12:00", "2026-10-25T12:00") == ["2026-10-25T00:30:00Z"]
    # Begun between the two: it has run, and runs on the next day.
    assert told(half, "2026-10-25T00:45", "2026-10-25T12:00") == []


def test_what_runs_every_hour_does_so_in_time_as_it_passes() -> None:
    hourly = Schedule("ingest", cron="0 * * * *", zone="Europe/Paris")

    assert told(hourly, "2026-10-24T22:00", "2026-10-25T03:00") == [f"2026-10-2{d}T{h}:00:00Z" for d, h in
                                                                 [(4, 23), (5, "00"), (5, "01"), (5, "02"), (5, "03")]]  # fmt: skip


def test_after_a_long_time_the_last_is_found_without_looking_at_all_of_them() -> None:
    minutely = Schedule("ingest", cron="* * * * *")
    now = parse_moment("2026-11-01T10:00:30")

    assert due(minutely, parse_moment("1990-01-01"), now) == (parse_moment("2026-11-01T10:00:00"),)
    rare = Schedule("ingest", cron="0 0 29 2 *")
    assert [iso(slot) for slot in due(rare, parse_moment("2020-03-01"), now)] == ["2024-02-29T00:00:00Z"]


def test_of_very_many_missed_slots_the_latest_are_made_up_for() -> None:
    every = Schedule("ingest", every=MINUTE, catch_up="all")
    cron = Schedule("ingest", cron="* * * * *", catch_up="all")
    last, now = parse_moment("2026-01-01"), parse_moment("2026-02-01")

    assert due(every, last, now) == due(cron, last, now) == tuple(slots(every, now - MOST_MISSED * MINUTE, now))


def test_a_clock_that_was_put_back_makes_nothing_due() -> None:
    assert due(Schedule("ingest", every=HOUR), parse_moment("2026-02-01"), parse_moment("2026-01-01")) == ()


def test_following_is_the_next_slot() -> None:
    assert iso(following(Schedule("ingest", every=HOUR), parse_moment("2026-02-01T10:00:00"))) == "2026-02-01T11:00:00Z"


def test_settings_become_schedules_in_the_order_of_the_steps() -> None:
    found = schedules_of({
        "zone": "Europe/Paris", "tries": 5, "watch": {"cron": "30 6 * * *"},
        "ingest": {"every": "15m", "catch_up": "none", "tries": 2, "backoff": "10s", "at_most": "1h"},
        "retrain": {"every": "1d"},
    })  # fmt: skip

    assert found == (
        Schedule("ingest", 15 * MINUTE, "", "Europe/Paris", "none", 2, 10_000_000, HOUR),
        Schedule("watch", 0, "30 6 * * *", "Europe/Paris", "last", 5, MINUTE, 6 * HOUR),
        Schedule("retrain", 24 * HOUR, "", "Europe/Paris", "last", 5, MINUTE, 72 * HOUR),
    )
    assert [one.words for one in found] == ["every 15m", "30 6 * * * Europe/Paris", "every 1d"]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({}, "needs one of"),
        ({"every": "1h", "cron": "0 * * * *"}, "exclude each other"),
        ({"every": "soon"}, "not a length of time"),
        ({"every": "500us"}, "less than a second"),
        ({"cron": "61 * * * *"}, "no cron expression"),
        ({"cron": "0 0 30 2 *"}, "no cron expression"),
        ({"cron": "0 0 * * * *"}, "no cron expression"),
        ({"every": "1h", "zone": "Europe/Parys"}, "no time zone"),
        ({"every": "1h", "catch_up": "some"}, "not known"),
        ({"every": "1h", "tries": 0}, "no whole number"),
        ({"every": "1h", "tries": True}, "no whole number"),
        ({"every": "1h", "at_most": 6}, "not a length of time"),
    ],
)
def test_what_cannot_be_meant_says_where(said: dict[str, object], what: str) -> None:
    with pytest.raises(SettingsError, match=what) as caught:
        schedules_of({"score": said})

    assert caught.value.where == "[schedule.score]"
    assert caught.value.remedy
