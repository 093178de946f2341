"""Reads a column as the kind its contract says, value by value: one that does not fit costs its row, not the file."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from vigie.data.batch import text_of
from vigie.data.contract import ColumnRule
from vigie.data.times import UTC, from_epoch, in_utc, read_times
from vigie.definition import Kind

TYPES: dict[Kind, pl.DataType | type[pl.DataType]] = {
    Kind.NUMBER: pl.Float64,
    Kind.CATEGORY: pl.String,
    Kind.TEXT: pl.String,
    Kind.BOOLEAN: pl.Boolean,
    Kind.TIME: UTC,
}
"""How the lake stores each kind. Every number is a float64: a column whose first file holds only integers would refuse
the fractions of the second."""

_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def cast(column: pl.Series, rule: ColumnRule, zone: str, nulls: Sequence[str], *, identifier: bool) -> pl.Series:
    """The column as ``TYPES[rule.kind]``; null where there is no value, or where it cannot be read so.

    Args:
        column: As it came from the source.
        rule: Kind, and format of times and numbers.
        zone: Time zone of moments without an offset.
        nulls: Texts that stand for no value.
        identifier: The column is a key or an id: ``17850.0`` is the same customer as ``17850``.
    """
    column = plain(column)
    if column.dtype == pl.Null:
        return pl.Series(column.name, [None] * len(column), dtype=TYPES[rule.kind])
    match rule.kind:
        case Kind.NUMBER:
            return _number(column, rule, nulls)
        case Kind.TIME:
            return _time(column, rule, zone, nulls)
        case Kind.BOOLEAN:
            return _boolean(column, nulls)
        case Kind.TEXT:
            text = as_text(column)
            return text.set(trimmed(text, nulls).is_null(), None)
        case Kind.CATEGORY:
            text = trimmed(as_text(column), nulls)
            return text.str.replace(r"^(-?\d+)\.0+$", "$1") if identifier and column.dtype == pl.String else text


def absent(column: pl.Series, rule: ColumnRule, nulls: Sequence[str]) -> pl.Series:
    """Where there is no value in the source, as opposed to one that cannot be read."""
    column = plain(column)
    if column.dtype.is_float():
        return column.is_null() | column.is_nan()
    if column.dtype != pl.String:
        return column.is_null()
    text = trimmed(column, nulls)
    if rule.kind is Kind.NUMBER:
        return text.is_null() | text.str.contains(r"^(?i)[+-]?nan$").fill_null(value=False)
    return text.is_null()


def plain(column: pl.Series) -> pl.Series:
    """The column in one of: Null, String, Boolean, an integer, a float, a datetime."""
    kind = column.dtype
    if kind == pl.Null or kind == pl.String or kind == pl.Boolean or kind.is_integer() or kind.is_float():
        return column
    if kind == pl.Date:
        return column.cast(pl.Datetime("us"))
    if isinstance(kind, pl.Datetime):
        return column
    if kind.is_decimal():
        return column.cast(pl.Float64)
    if isinstance(kind, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    return pl.Series(column.name, [text_of(value) for value in column.to_list()], dtype=pl.String)


def as_text(column: pl.Series) -> pl.Series:
    """Each value of a plain column as text: whole floats without ``.0``, times in ISO 8601."""
    if column.dtype.is_float():
        whole = column.is_finite() & (column.floor() == column) & (column.abs() < 2**63)
        digits = column.set(~whole.fill_null(value=False), None).cast(pl.Int64).cast(pl.String)
        return digits.zip_with(digits.is_not_null(), column.set(column.is_nan(), None).cast(pl.String))
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.to_string("iso")
    return column if column.dtype == pl.String else column.cast(pl.String)


def trimmed(text: pl.Series, nulls: Sequence[str]) -> pl.Series:
    """Without white space at both ends; null where what is left stands for no value."""
    text = text.str.strip_chars()
    return text.set(text.is_in(list(nulls)).fill_null(value=False), None) if nulls else text


def _number(column: pl.Series, rule: ColumnRule, nulls: Sequence[str]) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        return pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    if column.dtype == pl.String:
        text = trimmed(column, nulls)
        if rule.decimal == ",":
            text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        column = text.str.strip_prefix("+").cast(pl.Float64, strict=False)
    number = column.cast(pl.Float64)
    return number.set(~number.is_finite().fill_null(value=False), None)


def _time(column: pl.Series, rule: ColumnRule, zone: str, nulls: Sequence[str]) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        return in_utc(column, zone)
    if column.dtype.is_numeric() and rule.format.startswith("epoch_"):
        return from_epoch(column.cast(pl.Float64), rule.format)
    return read_times(trimmed(as_text(column), nulls), rule.format, zone)


def _boolean(column: pl.Series, nulls: Sequence[str]) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    text = trimmed(as_text(column), nulls).str.to_lowercase()
    return text.replace_strict(
        {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}, default=None, return_dtype=pl.Boolean
    )


def digits_that_are_names(text: pl.Series) -> bool:
    """Whether trimmed numbers in text are codes: a leading zero, or more digits than a float64 keeps apart."""
    return bool(text.str.contains(r"^[+-]?0\d|^[+-]?\d{16,}$").any())


def commas_are_decimal(text: pl.Series) -> bool:
    """Whether trimmed text holds numbers such as ``12,5`` or ``1.234,56``, and no other. ``1,234`` alone may be thousands."""
    values = text.drop_nulls()
    return bool(
        values.str.contains(r",(\d{1,2}|\d{4,})$").any()
        and values.str.contains(r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$").all()
    )
