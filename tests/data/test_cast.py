from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.data import ColumnRule
from vigie.data.batch import series_of
from vigie.data.cast import absent, cast, commas_are_decimal
from vigie.data.times import in_utc, read_times, time_format
from vigie.definition import Kind


def read(values, kind: Kind, *, identifier: bool = False, nulls=("",), zone: str = "UTC", **rule):
    column = values if isinstance(values, pl.Series) else pl.Series("c", values)
    return cast(column, ColumnRule("c", kind, **rule), zone, nulls, identifier=identifier).to_list()


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


def test_numbers_in_text() -> None:
    texts = [" 12", "+5", "-1e3", "nan", "inf", "", "x", "1_000", "1,5", None]
    assert read(texts, Kind.NUMBER) == [12, 5, -1000, None, None, None, None, None, None, None]
    rule = ColumnRule("c", Kind.NUMBER)
    assert absent(pl.Series(texts), rule, ("",)).to_list() == [False] * 3 + [True, False, True] + [False] * 3 + [True]
    assert read(["1.234,5", "12", "-1,5"], Kind.NUMBER, decimal=",") == [1234.5, 12, -1.5]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_written_by_python_is_the_same_number(values: list[float]) -> None:
    assert read(pl.Series([repr(value) for value in values], dtype=pl.String), Kind.NUMBER) == values


@pytest.mark.parametrize("values", [[17850], [17850.0], ["17850"], ["17850.0"], [Decimal("17850")], [" 17850 "]])
def test_a_customer_has_one_name_however_it_is_written(values: list[object]) -> None:
    assert read(values, Kind.CATEGORY, identifier=True) == ["17850"]


def test_categories_keep_what_is_not_an_identifier() -> None:
    assert read(["1.50", " b ", "Select", ""], Kind.CATEGORY) == ["1.50", "b", "Select", None]
    assert read(["Select"], Kind.CATEGORY, nulls=("", "Select")) == [None]
    assert read([True, None], Kind.CATEGORY) == ["true", None]
    assert read([1.5, float("nan")], Kind.CATEGORY) == ["1.5", None]
    assert read([[1, 2]], Kind.CATEGORY) == ["[1, 2]"]


def test_booleans() -> None:
    assert read(["True", "no", "1", "2", ""], Kind.BOOLEAN) == [True, False, True, None, None]
    assert read([1, 0, 2], Kind.BOOLEAN) == [True, False, None]


def test_free_text_is_not_trimmed() -> None:
    assert read(["  a b ", "  "], Kind.TEXT) == ["  a b ", None]


def test_iso_in_all_its_forms() -> None:
    texts = {
        "2011-01-02": utc(2011, 1, 1, 23),
        "2011-01-02 03:04": utc(2011, 1, 2, 2, 4),
        "2011-01-02T03:04:05.123456Z": utc(2011, 1, 2, 3, 4, 5, 123456),
        "2011-01-02T03:04:05+01:00": utc(2011, 1, 2, 2, 4, 5),
        "2011-01-02 03:04:05-0230": utc(2011, 1, 2, 5, 34, 5),
        "2011-01-02 03:04:05+01": utc(2011, 1, 2, 2, 4, 5),
        "2011-01-02T03:04Z": utc(2011, 1, 2, 3, 4),
        "11-01-02": None,
        "2011-02-30": None,
    }
    assert read_times(pl.Series(list(texts)), "iso", "Europe/Paris").to_list() == list(texts.values())


@given(st.lists(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))))
def test_iso_is_read_as_python_reads_it(moments: list[dt.datetime]) -> None:
    texts = pl.Series([moment.isoformat() for moment in moments], dtype=pl.String)
    assert read_times(texts, "iso", "UTC").to_list() == [moment.replace(tzinfo=dt.UTC) for moment in moments]


def test_clock_changes() -> None:
    local = pl.Series([dt.datetime(2011, 3, 27, 2, 30), dt.datetime(2011, 10, 30, 2, 30)])
    assert in_utc(local, "Europe/Paris").to_list() == [utc(2011, 3, 27, 1, 30), utc(2011, 10, 30, 0, 30)]


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        (["1/2/2011", "13/2/2011"], "%d/%m/%Y"),
        (["1/2/2011 8:26", "1/13/2011 12:00"], "%m/%d/%Y %H:%M"),
        (["1/2/11", "1/13/11"], "%m/%d/%y"),
        (["31.12.2011"], "%d.%m.%Y"),
        (["01/02/2011"], "ambiguous"),
        (["01/02/2011 03:04:05 PM", "01/20/2011 03:04:05 AM"], "%m/%d/%Y %I:%M:%S %p"),
        (["02-Jan-2011"], "%d-%b-%Y"),
        (["May 3, 2012"], "%b %d, %Y"),
        (["20110102"], "%Y%m%d"),
        (["1300000000"], "epoch_s"),
        (["1300000000000"], "epoch_ms"),
        (["hello"], None),
        (["12"], None),
    ],
)
def test_the_way_dates_are_written_is_found_out(texts: list[str], pattern: str | None) -> None:
    assert time_format(pl.Series(texts), declared=True) == pattern
    if pattern not in (None, "ambiguous"):
        assert read(texts, Kind.TIME, format=pattern)[0] is not None


def test_one_broken_row_does_not_hide_the_order() -> None:
    texts = [f"{day}/{month}/2011" for day in range(1, 29) for month in (1, 2)] + ["broken"]
    assert time_format(pl.Series(texts), declared=True) == "%d/%m/%Y"
    assert time_format(pl.Series(texts), declared=False) is None


def test_times_in_their_own_type() -> None:
    assert read([dt.date(2011, 1, 2)], Kind.TIME, zone="Europe/Paris") == [utc(2011, 1, 1, 23)]
    assert read([dt.datetime(2011, 1, 2, tzinfo=ZoneInfo("Europe/Paris"))], Kind.TIME) == [utc(2011, 1, 1, 23)]
    assert read([1300000000], Kind.TIME, format="epoch_s") == [utc(2011, 3, 13, 7, 6, 40)]
    assert read(pl.Series([dt.datetime(2011, 1, 2)], dtype=pl.Datetime("ns")), Kind.TIME) == [utc(2011, 1, 2)]


def test_thousands_are_not_taken_for_decimals() -> None:
    assert commas_are_decimal(pl.Series(["12,5", "3"]))
    assert not commas_are_decimal(pl.Series(["1,234", "5,678"]))
    assert not commas_are_decimal(pl.Series(["12,5", "x"]))


def test_values_of_a_driver_become_columns() -> None:
    assert series_of("c", [1, None]).dtype == pl.Int64
    assert series_of("c", [1, 2.5, Decimal("3.5")]).to_list() == [1.0, 2.5, 3.5]
    assert series_of("c", [1, "x", None, b"\x01", {"a": 1}]).to_list() == ["1", "x", None, "01", '{"a": 1}']
    assert series_of("c", [2**70]).to_list() == [str(2**70)]
    assert series_of("c", [dt.date(2011, 1, 2), None]).dtype == pl.Datetime("us")
    assert series_of("c", [None, None]).dtype == pl.Null
