"""Identities of events as they lie in the lake."""

from __future__ import annotations

import numpy as np
import polars as pl

from vigie.features.values import Array

_WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"


class LakeIds:
    """Ids from a column of strings, in the order of :func:`vigie.features.history.id_order`.

    Args:
        ids: One for each event, no null.
    """

    def __init__(self, ids: pl.Series) -> None:
        self._ids = ids.alias("id")

    @property
    def hashes(self) -> Array:
        """Equal for equal ids: shape (n,), uint64."""
        return self._ids.hash(seed=1).to_numpy()

    def ranks(self, positions: Array) -> Array:
        """Ranks of the ids at *positions*, equal for equal ids: int64."""
        chosen = pl.DataFrame({"id": self._ids.gather(positions)})
        whole = pl.col("id").str.contains(_WHOLE)
        ordered = (
            chosen.lazy()
            .with_columns(
                place=pl.int_range(pl.len()),
                number=pl.when(whole).then(pl.col("id")).cast(pl.Int64),
                text=pl.when(~whole).then(pl.col("id")),
            )
            .sort("number", "text", nulls_last=True)
            .with_columns(rank=(pl.col("id") != pl.col("id").shift()).fill_null(value=False).cum_sum())
            .collect()
        )
        ranks = np.empty(len(positions), dtype=np.int64)
        ranks[ordered["place"].to_numpy()] = ordered["rank"].to_numpy()
        return ranks
