"""From rows in the lake's types to arrivals for the online store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from vigie.definition import Events, Kind, Table
from vigie.features.history import ALWAYS
from vigie.features.online.arrivals import Arrivals
from vigie.features.values import NULL_TIME, Values

if TYPE_CHECKING:
    from vigie.features.online.holding import Holding


def arrivals_of(good: pl.DataFrame, holding: Holding) -> Arrivals:
    """What an online store is given of *good*.

    Args:
        good: Rows as :class:`~vigie.data.enforce.Enforcer` admits them, with ``_id``, in order of arrival.
        holding: Which columns are held.
    """
    source = holding.source
    time = source.time if isinstance(source, Events) else source.known_at
    times = np.full(good.height, ALWAYS, dtype=np.int64) if time is None else good[time].cast(pl.Int64).to_numpy()
    known = source.known_at if isinstance(source, Events) else None
    return Arrivals(
        good[source.key].to_list(),
        times,
        {name: _values(good[name], kind) for name, kind in holding.columns.items()},
        None if isinstance(source, Table) else good["_id"].to_list(),
        None if known is None else good[known].cast(pl.Int64).to_numpy(),
    )


def _values(series: pl.Series, kind: Kind) -> Values:
    match kind:
        case Kind.NUMBER | Kind.BOOLEAN:
            return Values(kind, series.cast(pl.Float64).fill_null(np.nan).to_numpy())
        case Kind.TIME:
            return Values(kind, series.cast(pl.Int64).fill_null(NULL_TIME).to_numpy())
        case Kind.TEXT | Kind.CATEGORY:
            return Values.of(kind, series.to_list())
