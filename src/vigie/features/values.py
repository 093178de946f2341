"""A column of values of one kind, as NumPy arrays: what features are computed in and models are fed from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from vigie.clock import moment_of
from vigie.definition.kind import Kind
from vigie.errors import FeatureError

Array = np.ndarray[Any, np.dtype[Any]]

NULL_TIME = int(np.iinfo(np.int64).min)
"""The null of a TIME column."""

_DTYPES: dict[Kind, Any] = {
    Kind.NUMBER: np.float64,
    Kind.BOOLEAN: np.float64,
    Kind.CATEGORY: np.int32,
    Kind.TIME: np.int64,
    Kind.TEXT: object,
}
_NULLS: dict[Kind, Any] = {
    Kind.NUMBER: math.nan,
    Kind.BOOLEAN: math.nan,
    Kind.CATEGORY: -1,
    Kind.TIME: NULL_TIME,
    Kind.TEXT: None,
}


@dataclass(frozen=True, eq=False, slots=True)
class Values:
    """A column of *n* values.

    Attributes:
        kind: What the values are.
        data: Shape (n,). NUMBER: float64, NaN is null. BOOLEAN: float64 of 0 and 1, NaN is null. CATEGORY: int32 codes
            into ``categories``, −1 is null. TIME: int64 µs since 1970-01-01 UTC, :data:`NULL_TIME` is null. TEXT: object
            array of ``str`` and ``None``.
        categories: The string of each code of a CATEGORY, each once; empty for other kinds.
    """

    kind: Kind
    data: Array
    categories: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.data)

    def take(self, index: Array) -> Values:
        """The values at *index* (int positions, or a boolean mask of shape (n,))."""
        return Values(self.kind, self.data[index], self.categories)

    def nulls(self) -> Array:
        """Boolean mask of shape (n,): where there is no value."""
        match self.kind:
            case Kind.NUMBER | Kind.BOOLEAN:
                return np.isnan(self.data)
            case Kind.CATEGORY:
                return np.less(self.data, 0)
            case Kind.TIME:
                return np.equal(self.data, NULL_TIME)
            case Kind.TEXT:
                return np.fromiter((value is None for value in self.data), dtype=bool, count=len(self.data))

    def to_list(self) -> list[Any]:
        """Python values, ``None`` for null; a TIME as ``int`` µs, a BOOLEAN as ``bool``."""
        match self.kind:
            case Kind.NUMBER:
                return [None if value != value else value for value in self.data.tolist()]
            case Kind.BOOLEAN:
                return [None if value != value else bool(value) for value in self.data.tolist()]
            case Kind.CATEGORY:
                return [None if code < 0 else self.categories[code] for code in self.data.tolist()]
            case Kind.TIME:
                return [None if value == NULL_TIME else value for value in self.data.tolist()]
            case Kind.TEXT:
                return list(self.data)

    @classmethod
    def of(cls, kind: Kind, values: Sequence[object]) -> Values:
        """A column from Python values; ``None`` and NaN are null.

        Args:
            kind: What the values are.
            values: ``float``/``int``/``bool`` for NUMBER, ``bool``/0/1 for BOOLEAN, ``str`` for CATEGORY and TEXT, ``int``
                µs or an aware ``datetime`` for TIME.

        Raises:
            FeatureError: A value is not of the kind.
        """
        plain = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
        match kind:
            case Kind.NUMBER | Kind.BOOLEAN:
                return cls(kind, np.array([_float(kind, value) for value in plain], dtype=np.float64))
            case Kind.TIME:
                return cls(kind, np.array([_time(value) for value in plain], dtype=np.int64))
            case Kind.TEXT:
                return cls(kind, _objects([_text(kind, value) for value in plain]))
            case Kind.CATEGORY:
                texts = [_text(kind, value) for value in plain]
                categories = tuple(sorted({text for text in texts if text is not None}))
                codes = {text: code for code, text in enumerate(categories)}
                data = np.array([-1 if text is None else codes[text] for text in texts], dtype=np.int32)
                return cls(kind, data, categories)

    @classmethod
    def missing(cls, kind: Kind, n: int) -> Values:
        """*n* nulls."""
        return cls(kind, np.full(n, _NULLS[kind], dtype=_DTYPES[kind]))

    @classmethod
    def concat(cls, parts: Sequence[Values]) -> Values:
        """The parts one after the other; the categories of all, in order of first appearance.

        Raises:
            FeatureError: There are no parts, or they are of different kinds.
        """
        if not parts:
            raise FeatureError("nothing to join", where="Values.concat", remedy="give at least one column")
        kind = parts[0].kind
        if any(part.kind is not kind for part in parts):
            raise FeatureError(
                f"columns of kinds {', '.join(sorted({part.kind for part in parts}))} cannot be joined",
                where="Values.concat",
                remedy="join columns of one kind",
            )
        if kind is not Kind.CATEGORY:
            return cls(kind, np.concatenate([part.data for part in parts]))
        categories = tuple(dict.fromkeys(text for part in parts for text in part.categories))
        return cls(kind, np.concatenate([part.recoded(categories) for part in parts]), categories)

    def recoded(self, categories: tuple[str, ...]) -> Array:
        """Codes of a CATEGORY in another dictionary: int32, −1 for null and for what *categories* does not hold."""
        if self.categories == categories:
            return self.data
        codes = {text: code for code, text in enumerate(categories)}
        table = np.array([codes.get(text, -1) for text in self.categories] + [-1], dtype=np.int32)
        return np.asarray(table[self.data])

    def strings(self) -> Array:
        """The values of a CATEGORY or TEXT as an object array of ``str`` and ``None``."""
        if self.kind is Kind.TEXT:
            return self.data
        return np.asarray(_objects([*self.categories, None])[self.data])


Columns = Mapping[str, Values]
"""Name → column; all of one length."""


def picked(values: Values, place: Array, null: Array) -> Values:
    """The values at *place*, null where *null*; there, *place* may be anything."""
    if not len(values):
        return Values(values.kind, Values.missing(values.kind, len(place)).data, values.categories)
    found = values.take(np.where(null, 0, place))
    if null.any():
        found.data[null] = _NULLS[values.kind]
    return found


def _objects(values: Sequence[object]) -> Array:
    data = np.empty(len(values), dtype=object)
    data[:] = values
    return data


def _float(kind: Kind, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool | int | float | np.integer | np.floating | np.bool_) and (
        kind is Kind.NUMBER or value in (0, 1)
    ):
        return float(value)
    raise _mistaken(kind, value)


def _time(value: object) -> int:
    if value is None:
        return NULL_TIME
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return moment_of(value)
    raise _mistaken(Kind.TIME, value)


def _text(kind: Kind, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _mistaken(kind, value)


def _mistaken(kind: Kind, value: object) -> FeatureError:
    wanted = {
        Kind.NUMBER: "a number",
        Kind.BOOLEAN: "true, false, 0 or 1",
        Kind.TIME: "an int of microseconds or a datetime with a time zone",
    }.get(kind, "a string")
    return FeatureError(f"{value!r} is not a {kind}", where="Values.of", remedy=f"give {wanted}, or None")
