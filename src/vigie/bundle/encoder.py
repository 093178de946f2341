"""From a customer's values to the numbers that a model reads: fitted once, stored with the model, the same everywhere.

There are two ways through an encoder, for many rows (:meth:`Encoder.transform`) and for one (:meth:`Encoder.row`).
Both do the same IEEE operations in the same order, so their results are equal to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from vigie.clock import DAY
from vigie.definition.kind import Kind
from vigie.economics.payoff import Array
from vigie.errors import BundleError, FeatureError
from vigie.features.values import NULL_TIME, Columns, Values

LARGEST = 1e38
"""Numbers beyond are cut off here: forests read float32."""
SMALLEST = 1e-34
"""Numbers nearer to zero are zero. LightGBM reads those below 1e-35 as zero, scikit-learn does not: here all models do."""

_DAY = float(DAY)

One = Callable[[Any], float]
"""The column of one value, ``None`` for null."""
Several = Callable[[Any], list[float]]
"""Its columns, where there are several."""


class _Levels(dict[str | None, float]):
    """The level of each category; of every other one :attr:`other`."""

    other: float

    def __missing__(self, _: str | None) -> float:
        return self.other


class NumberColumn(msgspec.Struct, frozen=True, tag="number", forbid_unknown_fields=True):
    """How a NUMBER, BOOLEAN (0 and 1) or TIME (days since 1970) becomes one column, or two with the indicator.

    Attributes:
        name: The input.
        kind: NUMBER, BOOLEAN or TIME.
        impute: What stands for a missing value, before scaling; ``None``: NaN stays NaN.
        indicator: Whether a second column says 1 where the value is missing.
        low: Values below are raised to it; ``None``: no limit.
        high: Values above are lowered to it; ``None``: no limit.
        center: Subtracted.
        scale: Divided by, then.
    """

    name: str
    kind: Kind
    impute: float | None = None
    indicator: bool = False
    low: float | None = None
    high: float | None = None
    center: float = 0.0
    scale: float = 1.0

    def names(self) -> list[str]:
        """Names of the columns made."""
        return [self.name, f"{self.name}_missing"] if self.indicator else [self.name]

    def write(self, values: Values, out: Array) -> None:
        """Fills the columns *out*, shape (n, number of names)."""
        if values.kind is Kind.TIME:
            x = values.data.astype(np.float64) / _DAY
            x[values.data == NULL_TIME] = np.nan
        else:
            x = values.data
        # NaN fails every comparison and so passes through all of these.
        x = np.where(np.abs(x) <= SMALLEST, 0.0, x)
        x = np.where(x > LARGEST, LARGEST, np.where(x < -LARGEST, -LARGEST, x))
        if self.low is not None:
            x = np.where(x < self.low, self.low, x)
        if self.high is not None:
            x = np.where(x > self.high, self.high, x)
        missing = np.isnan(x)
        if self.impute is not None:
            x = np.where(missing, self.impute, x)
        out[:, 0] = (x - self.center) / self.scale if self._scaled else x
        if self.indicator:
            out[:, 1] = missing

    @property
    def _scaled(self) -> bool:
        return self.center != 0.0 or self.scale != 1.0

    def row(self) -> One | Several:
        """Makes of one value its column, or a list of its columns where :meth:`names` has several."""
        time = self.kind is Kind.TIME
        low = -LARGEST if self.low is None else max(self.low, -LARGEST)
        high = LARGEST if self.high is None else min(self.high, LARGEST)
        impute, scaled, center, scale = self.impute, self._scaled, self.center, self.scale
        blank = math.nan if impute is None else ((impute - center) / scale if scaled else impute)

        def one(value: float | None) -> float:
            if value is None or value != value:
                return blank
            x = value / _DAY if time else value + 0.0
            if -SMALLEST <= x <= SMALLEST:
                x = 0.0
            if not low <= x <= high:
                x = low if x < low else high
            return (x - center) / scale if scaled else x

        def with_indicator(value: float | None) -> list[float]:
            return [one(value), 1.0 if value is None or value != value else 0.0]

        return with_indicator if self.indicator else one


class CategoryColumn(msgspec.Struct, frozen=True, tag="category", forbid_unknown_fields=True):
    """How a CATEGORY becomes one column of codes, or one column of 0 and 1 for each level.

    Attributes:
        name: The input.
        kept: Categories with a level of their own.
        codes: The level of each, 0 … ``levels`` − 1.
        unseen: The level of every other category: *other*, or where there is none the most frequent one.
        null: The level of a missing value: its own, or where training had none ``unseen``.
        levels: Number of levels.
        onehot: Whether each level has a column.
    """

    name: str
    kept: tuple[str, ...]
    codes: tuple[int, ...]
    unseen: int
    null: int
    levels: int
    onehot: bool = False

    def __post_init__(self) -> None:
        known = all(0 <= code < self.levels for code in (*self.codes, self.unseen, self.null))
        if not known or len(self.kept) != len(self.codes) or len(set(self.kept)) != len(self.kept):
            raise BundleError("categories and codes do not fit together", where=f"encoder of '{self.name}'")

    def level_names(self) -> list[str]:
        """A word for each level: the category, ``other`` or ``missing``."""
        words = ["other"] * self.levels
        if self.null not in self.codes and self.null != self.unseen:
            words[self.null] = "missing"
        for text, code in zip(self.kept, self.codes, strict=True):
            words[code] = text
        return words

    def names(self) -> list[str]:
        """Names of the columns made."""
        return [f"{self.name}={word}" for word in self.level_names()] if self.onehot else [self.name]

    def write(self, values: Values, out: Array) -> None:
        """Fills the columns *out*, shape (n, number of names)."""
        level = dict(zip(self.kept, self.codes, strict=True))
        # The last entry is what a null's code, −1, finds.
        table = np.array([level.get(text, self.unseen) for text in values.categories] + [self.null], dtype=np.intp)
        codes = table[values.data]
        if self.onehot:
            out[:] = 0.0
            out[np.arange(len(codes)), codes] = 1.0
        else:
            out[:, 0] = codes

    def row(self) -> One | Several:
        """Makes of one value its column, or a list of its columns where :meth:`names` has several."""
        codes = dict(zip(self.kept, self.codes, strict=True))
        if not self.onehot:
            levels = _Levels({text: float(code) for text, code in codes.items()})
            levels[None], levels.other = float(self.null), float(self.unseen)
            return levels.__getitem__
        lines = [[float(j == code) for j in range(self.levels)] for code in range(self.levels)]
        line, other, missing = {text: lines[code] for text, code in codes.items()}, lines[self.unseen], lines[self.null]
        return lambda value: missing if value is None else line.get(value, other)


EncoderColumn = NumberColumn | CategoryColumn

_DECODE = list[EncoderColumn]


@dataclass(frozen=True)
class Encoder:
    """One specification an input, in the order of the model's columns.

    Attributes:
        columns: How each input is encoded. None at all for a model that reads nothing.
    """

    columns: tuple[EncoderColumn, ...] = ()
    _steps: tuple[tuple[str, Any], ...] = field(init=False, repr=False, compare=False)
    _wide: tuple[bool, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_steps", tuple((column.name, column.row()) for column in self.columns))
        wide = tuple(_is_wide(column) for column in self.columns)
        object.__setattr__(self, "_wide", wide if any(wide) else ())

    @property
    def width(self) -> int:
        """Number of columns that the model reads."""
        return len(self.feature_names())

    @property
    def input_names(self) -> tuple[str, ...]:
        """Inputs read, in order."""
        return tuple(column.name for column in self.columns)

    def feature_names(self) -> list[str]:
        """A name for each of the model's columns."""
        return [name for column in self.columns for name in column.names()]

    def feature_inputs(self) -> list[str]:
        """For each of the model's columns the input it is made from."""
        return [column.name for column in self.columns for _ in column.names()]

    def categorical(self) -> list[int]:
        """Positions of the model's columns that hold codes: ``categorical_feature`` of LightGBM, *nominal* for EBM."""
        found: list[int] = []
        position = 0
        for column in self.columns:
            if isinstance(column, CategoryColumn) and not column.onehot:
                found.append(position)
            position += len(column.names())
        return found

    def transform(self, columns: Columns, n: int | None = None) -> Array:
        """The model's matrix, float64 of shape (n, width), C order.

        Args:
            columns: Values by input name; others are ignored.
            n: Number of rows; may be left out where there is a column.

        Raises:
            FeatureError: A column is missing or of another kind.
        """
        rows = len(next(iter(columns.values()))) if n is None else n
        out = np.empty((rows, self.width))
        position = 0
        for column in self.columns:
            values = _column(columns, column)
            end = position + len(column.names())
            column.write(values, out[:, position:end])
            position = end
        return out

    def row(self, values: Mapping[str, Any]) -> list[float]:
        """The model's row for one customer, equal to :meth:`transform` to the bit.

        Args:
            values: By input name; ``None`` or absent is null. NUMBER and BOOLEAN as numbers, CATEGORY as ``str``, TIME
                as ``int`` µs.
        """
        get = values.get
        if not self._wide:
            return [column(get(name)) for name, column in self._steps]
        out: list[float] = []
        for (name, column), wide in zip(self._steps, self._wide, strict=True):
            if wide:
                out += column(get(name))
            else:
                out.append(column(get(name)))
        return out

    def to_data(self) -> list[Any]:
        """Plain data."""
        return msgspec.to_builtins(list(self.columns))  # type: ignore[no-any-return]

    @classmethod
    def from_data(cls, data: Any) -> Encoder:
        """The encoder that :meth:`to_data` wrote.

        Raises:
            BundleError: *data* was not written by it.
        """
        try:
            return cls(tuple(msgspec.convert(data, type=_DECODE)))
        except msgspec.ValidationError as error:
            raise BundleError(f"not a stored encoder: {error}", where="encoder") from error


def _is_wide(column: EncoderColumn) -> bool:
    return column.onehot if isinstance(column, CategoryColumn) else column.indicator


def _column(columns: Columns, column: EncoderColumn) -> Values:
    kind = column.kind if isinstance(column, NumberColumn) else Kind.CATEGORY
    if column.name not in columns:
        raise FeatureError(f"no values for '{column.name}'", where="encoder")
    values = columns[column.name]
    if values.kind is not kind:
        raise FeatureError(
            f"'{column.name}' is a {values.kind} and was a {kind} in training",
            where="encoder",
            remedy="correct its kind in the contract, or train again",
        )
    return values
