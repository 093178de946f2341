"""Rows that came one by one, as JSON objects, as a frame for the enforcer.

A file's reader types a column by all of its values. A row that is received must be good or bad for itself, whoever came with it:
here a value becomes what it would be in a column of its like, as the contract's kind of the column reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from vigie.data.batch import ColumnNames, series_of, text_of
from vigie.data.cast import as_text
from vigie.data.contract import ColumnRule, Contract
from vigie.definition import Kind


def frame_of(rows: Sequence[Mapping[str, Any]], contract: Contract | None, nulls: Sequence[str]) -> pl.DataFrame:
    """The rows as columns, each value untouched in meaning. Columns that the contract does not know come last.

    Args:
        rows: JSON objects: values are ``None``, ``bool``, ``int``, ``float``, ``str``, lists or objects.
        contract: Says of which kind the columns are; ``None`` at first contact.
        nulls: Texts that stand for no value.
    """
    known = {rule.name: rule for rule in contract.columns} if contract is not None else {}
    found = dict.fromkeys(key for row in rows for key in row)
    given = [*(name for name in known if name in found), *(key for key in found if key not in known)]
    names = ColumnNames().of(given)
    return pl.DataFrame(
        [
            _column(name, [row.get(key) for row in rows], known.get(name), nulls)
            for key, name in zip(given, names, strict=True)
        ]
    )


def _column(name: str, values: Sequence[Any], rule: ColumnRule | None, nulls: Sequence[str]) -> pl.Series:
    if rule is None:
        return series_of(name, values)
    types = set(map(type, values))
    types.discard(type(None))
    if not types:
        return pl.Series(name, values, dtype=pl.Null)
    if types == {str}:
        return pl.Series(name, values, dtype=pl.String)
    if rule.kind in (Kind.CATEGORY, Kind.TEXT):
        return pl.Series(name, _texts(values), dtype=pl.String)
    if types == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if types <= {int, float} and (rule.kind is Kind.NUMBER or not any(_is_long(value) for value in values)):
        try:
            return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
        except OverflowError:  # an integer of more than 308 digits
            pass
    # Types are mixed: all becomes text, written so that it is read as what it was.
    return pl.Series(name, [_as_read(value, rule, nulls) for value in values], dtype=pl.String)


def _texts(values: Sequence[Any]) -> list[str | None]:
    texts = [None if isinstance(value, float) else text_of(value) for value in values]
    numbers = [place for place, value in enumerate(values) if isinstance(value, float)]
    if numbers:
        written = as_text(pl.Series([values[place] for place in numbers], dtype=pl.Float64))
        for place, text in zip(numbers, written.to_list(), strict=True):
            texts[place] = text
    return texts


def _is_long(value: Any) -> bool:
    """Whether a float64 would change it."""
    return type(value) is int and abs(value) > 1 << 53


def _as_read(value: Any, rule: ColumnRule, nulls: Sequence[str]) -> str | None:
    if isinstance(value, bool) and rule.kind is Kind.NUMBER:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text_of(value)
    if rule.kind is not Kind.NUMBER:
        return str(value) if isinstance(value, int) else _texts([value])[0]
    text = repr(value)
    if rule.decimal == ",":
        text = text.replace(".", ",")
    # A number is one, even where its text, sent as text, would stand for no value.
    return f"{text}e0" if text in nulls and "e" not in text else text
