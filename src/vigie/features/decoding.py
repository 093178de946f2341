"""From columns of a data frame, as :mod:`vigie.features.reading` makes them, to arrays."""

from __future__ import annotations

import numpy as np
import polars as pl

from vigie.definition.kind import Kind
from vigie.features.values import NULL_TIME, Array, Values


def int64(series: pl.Series) -> Array:
    """Whole numbers or moments, no null."""
    return series.cast(pl.Int64).to_numpy()


def values_of(series: pl.Series, kind: Kind) -> Values:
    """A column of values; the categories of a CATEGORY are those that occur, sorted."""
    match kind:
        case Kind.NUMBER | Kind.BOOLEAN:
            return Values(kind, series.cast(pl.Float64).fill_null(np.nan).to_numpy())
        case Kind.TIME:
            return Values(kind, series.cast(pl.Int64).fill_null(NULL_TIME).to_numpy())
        case Kind.TEXT:
            return Values(kind, np.array(series.to_list() or [None], dtype=object)[: len(series)])
        case Kind.CATEGORY:
            codes, categories = _codes(series)
            return Values(kind, codes.astype(np.int32), categories)


def _codes(series: pl.Series) -> tuple[Array, tuple[str, ...]]:
    """Codes of a Categorical in the sorted list of the categories that occur; −1 for null."""
    unique = series.unique().drop_nulls()
    texts = unique.cast(pl.String).to_list()
    categories = tuple(sorted(texts))
    rank = {text: i for i, text in enumerate(categories)}
    physical = unique.to_physical().to_numpy()
    table = np.full(int(physical.max()) + 2 if len(physical) else 1, -1, dtype=np.int64)
    table[physical] = [rank[text] for text in texts]
    return table[series.to_physical().cast(pl.Int64).fill_null(len(table) - 1).to_numpy()], categories


def arrival_of(frame: pl.DataFrame) -> Array:
    """Order of arrival: by batch, then row."""
    return np.asarray((_codes(frame["_batch"])[0] << 40) | frame["_row"].to_numpy())
