"""What is read of a source: the columns that features need, in a form that can be dealt out and computed with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from vigie.definition.kind import Kind
from vigie.definition.source import Events, Table
from vigie.errors import FeatureError, did_you_mean


class SourceLake(Protocol):
    """What is asked of a lake."""

    def version(self, name: str) -> int:
        """The newest version of a source."""
        ...

    def scan(self, name: str, *, version: int | None = None) -> pl.LazyFrame:
        """Its rows, in an order that does not change."""
        ...


@dataclass(frozen=True, slots=True)
class Need:
    """What is read of a source.

    Attributes:
        source: The source, without filter.
        columns: Kinds of the columns that features use.
    """

    source: Table | Events
    columns: Mapping[str, Kind]


@dataclass(eq=False)
class Reading:
    """How the rows of a source are read.

    Attributes:
        scan: All rows as they lie in the lake.
        chosen: What is taken of them, by name.
        conditions: What they must fulfil, in those names.
    """

    scan: pl.LazyFrame
    chosen: dict[str, pl.Expr]
    conditions: list[pl.Expr]

    @property
    def schema(self) -> pl.Schema:
        """Columns and their types."""
        return self.scan.select(**self.chosen).collect_schema()

    @property
    def whole_keys(self) -> bool:
        """Whether keys are whole numbers by type."""
        return bool(self.schema["_key"] == pl.Int64)

    def text_keys(self) -> None:
        """From now on keys are strings."""
        self.chosen["_key"] = self.chosen["_key"].cast(pl.String)

    def rows(self, begin: int, size: int) -> pl.DataFrame:
        """Those of the rows from *begin* on that fulfil the conditions."""
        return self.scan.slice(begin, size).select(**self.chosen).filter(*self.conditions).collect()


def reading_of(need: Need, lake: SourceLake, version: int, as_of: int) -> Reading:
    """How a source is read: one column for each thing that is needed, only rows known at *as_of*.

    The columns are ``_key``, ``_time``, ``_known``, ``_id``, ``_batch``, ``_row``, where there is such a thing, and ``c0``,
    ``c1``, … in the order of ``need.columns``.

    Raises:
        FeatureError: The lake's table has not a column.
    """
    source = need.source
    frame = lake.scan(source.name, version=version)
    schema = frame.collect_schema()
    for column in (source.key, *need.columns):
        if column not in schema:
            raise FeatureError(
                f"the lake's '{source.name}' has no column '{column}'",
                where=source.name,
                remedy=did_you_mean(column, schema.names()),
            )
    time = source.time if isinstance(source, Events) else source.known_at
    chosen = {"_key": _key(source.key, schema[source.key])}
    known = [pl.col("_key").is_not_null()]
    if time is not None:
        chosen["_time"] = _moment(time)
        known.append(pl.col("_time") < as_of if isinstance(source, Events) else pl.col("_time") <= as_of)
    if isinstance(source, Events) and source.known_at is not None:
        chosen["_known"] = _moment(source.known_at)
        known.append(pl.col("_known") <= as_of)
    if isinstance(source, Events) and "_id" in schema:
        chosen["_id"] = pl.col("_id")
    if "_batch" in schema and "_row" in schema:
        chosen["_batch"] = pl.col("_batch").cast(pl.Categorical(pl.Categories.random()))
        chosen["_row"] = pl.col("_row").cast(pl.Int64)
    for i, (column, kind) in enumerate(need.columns.items()):
        chosen[f"c{i}"] = _stored(column, kind)
    return Reading(frame, chosen, known)


def columns_read(need: Need, there: Collection[str]) -> list[str]:
    """The columns of the lake's table, which has the columns *there*, that :func:`reading_of` looks at."""
    source = need.source
    time = source.time if isinstance(source, Events) else source.known_at
    known = [source.known_at] if isinstance(source, Events) else []
    asked = [source.key, time, *known, "_id", "_batch", "_row", *need.columns]
    return list(dict.fromkeys(column for column in asked if column is not None and column in there))


def _key(column: str, dtype: pl.DataType) -> pl.Expr:
    """A key as Int64 where it is a whole number by type, else as its string; 17.0 is "17"."""
    key = pl.col(column)
    if dtype.is_integer():
        return key.cast(pl.Int64)
    if dtype.is_float():
        whole = key.cast(pl.Int64, strict=False)
        return pl.when(whole == key).then(whole.cast(pl.String)).otherwise(key.cast(pl.String))
    return key.cast(pl.String)


def _moment(column: str) -> pl.Expr:
    return pl.col(column).dt.timestamp("us")


def _stored(column: str, kind: Kind) -> pl.Expr:
    value = pl.col(column)
    match kind:
        case Kind.TIME:
            return _moment(column)
        case Kind.BOOLEAN:
            return value.cast(pl.Boolean)
        case Kind.CATEGORY:
            return value.cast(pl.String).cast(pl.Categorical(pl.Categories.random()))
        case Kind.TEXT:
            return value.cast(pl.String)
        case Kind.NUMBER:
            return value
