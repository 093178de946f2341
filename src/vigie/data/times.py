"""Moments in text: which way of writing them a column uses, and reading it."""

from __future__ import annotations

import itertools
import re

import polars as pl

from vigie.data.contract import AMBIGUOUS

_ISO = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
)
_ISO_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d %H:%M%z")
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_CLOCKS = ("", " %H:%M", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p")
_DATES = ("%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y")
_ORDERS = tuple(
    (f"%d{mark}%m{mark}{year}", f"%m{mark}%d{mark}{year}") for mark, year in itertools.product("/.-", ("%Y", "%y"))
)

UTC = pl.Datetime("us", "UTC")


def read_times(text: pl.Series, pattern: str, zone: str) -> pl.Series:
    """Moments of trimmed *text* as timestamps in UTC; null where it does not fit.

    Args:
        text: Strings.
        pattern: ``"iso"``, an ``"epoch_…"`` or a strptime pattern.
        zone: Time zone of moments without an offset.
    """
    if pattern in _EPOCHS:
        number = text.cast(pl.Float64, strict=False)
        return from_epoch(number, pattern)
    if pattern != "iso":
        read = text.str.to_datetime(pattern, time_unit="us", strict=False)
        return in_utc(read, zone)
    # Without four digits strptime would take 01-02-20 for a day of the year 1.
    text = text.set(~text.str.contains(r"^\d{4}-").fill_null(value=True), None)
    result = in_utc(text.str.to_datetime(_ISO[0], time_unit="us", strict=False), zone)
    for known in _ISO[1:]:
        result = _filled(result, text, known, zone)
    # Z is an offset; +01 lacks its minutes.
    if (result.is_null() & text.is_not_null()).any():
        offset = text.str.replace(r"[zZ]$", "+0000").str.replace(r"([+-]\d\d):?(\d\d)$", "$1$2")
        offset = offset.str.replace(r"(:\d\d(?:\.\d+)?[+-]\d\d)$", "${1}00")
        for known in _ISO_OFFSET:
            result = _filled(result, offset, known, zone)
    return result


def from_epoch(number: pl.Series, pattern: str) -> pl.Series:
    """Moments of seconds, milli- or microseconds since 1970; null where they are beyond the years that exist."""
    micro = (number * _EPOCHS[pattern]).round()
    inside = micro.is_between(-62_135_596_800_000_000, 253_402_300_799_999_999)
    return micro.set(~inside.fill_null(value=False), None).cast(pl.Int64).cast(UTC)


def in_utc(moments: pl.Series, zone: str) -> pl.Series:
    """Timestamps with or without a zone, in UTC to the microsecond.

    A local time that a clock change repeats is read as the earlier of the two, one that it skips as an hour later.
    """
    moments = moments.dt.cast_time_unit("us")
    if moments.dtype != pl.Datetime("us"):
        return moments.dt.convert_time_zone("UTC")
    if zone == "UTC":
        return moments.dt.replace_time_zone("UTC")
    read = moments.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    if read.null_count() > moments.null_count():
        later = moments.dt.offset_by("1h").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        read = read.zip_with(read.is_not_null(), later)
    return read.dt.convert_time_zone("UTC")


def time_format(text: pl.Series, *, declared: bool) -> str | None:
    """How a column writes moments: a pattern, ``"ambiguous"``, or ``None``.

    A pattern has to read every value, and of a declared time 95 % of them: some rows may be broken.

    Args:
        text: Trimmed values.
        declared: The column is declared to be a time, so that digits alone may be one.
    """
    values = text.drop_nulls().unique()
    least = 0.95 if declared else 1.0
    if not len(values):
        return None
    if 1 - read_times(values, "iso", "UTC").null_count() / len(values) >= least:
        return "iso"
    if declared and _fits(values, "%Y%m%d", least):
        return "%Y%m%d"
    if declared and values.str.contains(r"^-?\d{9,17}(\.\d+)?$").mean() == 1:
        return epoch_format(values.cast(pl.Float64, strict=False))
    for date, clock in itertools.product(_DATES, _CLOCKS):
        if _fits(values, date + clock, least):
            return date + clock
    for orders, clock in itertools.product(_ORDERS, _CLOCKS):
        fitting = [order + clock for order in orders if _fits(values, order + clock, least)]
        if fitting:
            # One broken row must not hide the order that the others show.
            full = [pattern for pattern in fitting if _fits(values, pattern, 1.0)]
            best = full or fitting
            return best[0] if len(best) == 1 else AMBIGUOUS
    return None


def epoch_format(numbers: pl.Series) -> str | None:
    """The unit in which these numbers are moments between 1973 and 2100, if there is one."""
    for pattern, micro in _EPOCHS.items():
        if (numbers.drop_nulls() * micro).is_between(10**14, 41 * 10**14).all():
            return pattern
    return None


def _filled(result: pl.Series, text: pl.Series, pattern: str, zone: str) -> pl.Series:
    left = result.is_null() & text.is_not_null()
    if not left.any():
        return result
    read = text.filter(left).str.to_datetime(pattern, time_unit="us", strict=False)
    if read.null_count() == len(read):
        return result
    return result.scatter(left.arg_true(), in_utc(read, zone))


def _fits(values: pl.Series, pattern: str, least: float) -> bool:
    # strptime reads "11" as the year 11: the number of digits decides between %Y and %y.
    shape = re.escape(pattern).replace(r"\.f", ".f")
    for sign, digits in {
        "%Y": r"\d{4}", "%y": r"\d{2}", "%m": r"\d{1,2}", "%d": r"\d{1,2}", "%H": r"\d{1,2}", "%I": r"\d{1,2}",
        "%M": r"\d{2}", "%S": r"\d{2}", "%.f": r"(?:\.\d+)?", "%p": "(?i:[ap]m)", "%b": r"\p{L}{3}", "%B": r"\p{L}{3,}",
    }.items():  # fmt: skip
        shape = shape.replace(sign, digits)
    shape = shape.replace(r"\ ", " ")
    alike = values.filter(values.str.contains(f"^{shape}$"))
    if len(alike) < least * len(values):
        return False
    read = alike.str.to_datetime(pattern, time_unit="us", strict=False)
    return len(read) - read.null_count() >= least * len(values)
