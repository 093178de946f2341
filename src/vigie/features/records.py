"""Rows of a source as records of fixed size: dealing them out copies one short run of bytes a row.

What has no fixed size, texts and long keys, lies beside the records one after the other, its sizes in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from vigie.definition.kind import Kind
from vigie.features.reading import Need
from vigie.features.values import NULL_TIME, Array, Values
from vigie.features.words import (
    hex_words,
    is_short,
    short_words,
    strings_of_hex,
    strings_of_short,
    text_bytes,
    text_series,
)


class Form(StrEnum):
    """How a column lies in records."""

    WHOLE = "whole"
    """int64; null is NULL_TIME."""
    NUMBER = "number"
    """float64; null is NaN."""
    BOOLEAN = "boolean"
    """int8; null is −1."""
    CODE = "code"
    """int32, of a category; null is −1."""
    SHORT = "short"
    """Two words: a string of at most 12 bytes."""
    HEX = "hex"
    """Two words: a string of 32 hexadecimal digits."""
    TEXT = "text"
    """int32, the size of a string; null is −1."""


_TYPES: dict[Form, tuple[Any, ...]] = {
    Form.WHOLE: ("<i8",),
    Form.NUMBER: ("<f8",),
    Form.BOOLEAN: ("i1",),
    Form.CODE: ("<i4",),
    Form.SHORT: ("V16",),
    Form.HEX: ("V16",),
    Form.TEXT: ("<i4",),
}


@dataclass(frozen=True)
class Layout:
    """What the records of some rows look like.

    Attributes:
        forms: Of each column, by name.
        categories: Of each column of form CODE: what its codes mean.
    """

    forms: Mapping[str, Form]
    categories: Mapping[str, pl.Categories]

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Of a record."""
        return np.dtype([(name, *_TYPES[form]) for name, form in self.forms.items()])


@dataclass(frozen=True, eq=False, slots=True)
class Records:
    """Some rows.

    Attributes:
        layout: Of the records.
        rows: Shape (n,), of type ``layout.dtype``.
        texts: For each column of form TEXT the bytes of all its strings.
    """

    layout: Layout
    rows: Array
    texts: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, need: Need, frame: pl.DataFrame) -> Records:
        """Rows as :func:`~vigie.features.reading.reading_of` chooses them."""
        kinds = {f"c{i}": kind for i, kind in enumerate(need.columns.values())}
        columns = {name: _packed(frame[name], kinds.get(name)) for name in frame.columns}
        categories = {
            name: frame[name].dtype.categories  # type: ignore[attr-defined]
            for name, (form, _, _) in columns.items()
            if form is Form.CODE
        }
        layout = Layout({name: form for name, (form, _, _) in columns.items()}, categories)
        rows = np.empty(frame.height, dtype=layout.dtype)
        for name, (_, data, _) in columns.items():
            rows[name] = data if data.ndim == 1 else np.ascontiguousarray(data).view("V16")[:, 0]
        return cls(layout, rows, {name: text for name, (_, _, text) in columns.items() if text is not None})

    def strings(self, name: str) -> pl.Series:
        """A column of strings."""
        match self.layout.forms[name]:
            case Form.SHORT:
                return strings_of_short(joined([self], name))
            case Form.HEX:
                return strings_of_hex(joined([self], name))
            case Form.WHOLE:
                return pl.Series(np.ascontiguousarray(self.rows[name])).cast(pl.String)
            case _:
                return text_series(self.texts[name], np.ascontiguousarray(self.rows[name]))


def _packed(series: pl.Series, kind: Kind | None) -> tuple[Form, Array, Array | None]:
    """Form and data of a column; *kind* is that of a column of features, ``None`` for what all sources have."""
    if isinstance(series.dtype, pl.Categorical):
        return Form.CODE, series.to_physical().cast(pl.Int64).fill_null(-1).to_numpy().astype(np.int32), None
    if kind is Kind.TEXT:
        data, sizes = text_bytes(series)
        return Form.TEXT, sizes, data
    if kind is Kind.NUMBER:
        return Form.NUMBER, series.cast(pl.Float64).fill_null(np.nan).to_numpy(), None
    if kind is Kind.BOOLEAN:
        return Form.BOOLEAN, series.cast(pl.Int8).fill_null(-1).to_numpy(), None
    if series.dtype != pl.String:
        return Form.WHOLE, series.cast(pl.Int64).fill_null(NULL_TIME).to_numpy(), None
    if is_short(series):
        return Form.SHORT, short_words(series), None
    words = hex_words(series)
    if words is not None:
        return Form.HEX, words, None
    data, sizes = text_bytes(series)
    return Form.TEXT, sizes, data


# -- columns of many pieces ------------------------------------------------------------------------------------------


def form_of(pieces: Sequence[Records], name: str) -> Form | None:
    """The form of a column in all *pieces*; ``None`` where it differs."""
    forms = {piece.layout.forms[name] for piece in pieces}
    return forms.pop() if len(forms) == 1 else None


def joined(pieces: Sequence[Records], name: str) -> Array:
    """What lies in the records of all *pieces*, one after the other; words in two columns."""
    found = np.concatenate([piece.rows[name] for piece in pieces])
    return found.view(np.uint64).reshape(-1, 2) if found.dtype.itemsize == 16 else found


def strings_of(pieces: Sequence[Records], name: str) -> pl.Series:
    """A column of strings of all *pieces*."""
    return pl.concat([piece.strings(name) for piece in pieces])


def values_of(pieces: Sequence[Records], name: str, kind: Kind) -> Values:
    """A column of values; the categories of a CATEGORY are those that occur, sorted."""
    match kind:
        case Kind.TEXT:
            return Values(kind, np.array(strings_of(pieces, name).to_list() or [None], dtype=object)[: _size(pieces)])
        case Kind.CATEGORY:
            codes, categories = codes_of(pieces, name)
            return Values(kind, codes.astype(np.int32), categories)
        case Kind.BOOLEAN:
            data = joined(pieces, name)
            found = data.astype(np.float64)
            found[data < 0] = np.nan
            return Values(kind, found)
        case _:
            return Values(kind, joined(pieces, name))


def codes_of(pieces: Sequence[Records], name: str) -> tuple[Array, tuple[str, ...]]:
    """Codes in the sorted list of the categories that occur, −1 for null: int64."""
    codes, known = joined(pieces, name), pieces[0].layout.categories[name]
    there = np.zeros(int(codes.max(initial=-1)) + 1, dtype=bool)
    there[codes[codes >= 0]] = True
    unique = np.flatnonzero(there)
    texts = [known[code] for code in unique.tolist()]
    categories = tuple(sorted(str(text) for text in texts))
    rank = {text: i for i, text in enumerate(categories)}
    table = np.full(len(there) + 1, -1, dtype=np.int64)
    table[unique] = [rank[str(text)] for text in texts]
    return table[codes], categories


def _size(pieces: Sequence[Records]) -> int:
    return sum(map(len, pieces))
