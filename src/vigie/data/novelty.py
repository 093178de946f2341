"""Which rows the lake does not have yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from vigie.data.lake import Lake, latest_rows
from vigie.definition import Events, Table

CHEAP = 20_000_000
"""Rows that one commit's rows are compared with. Beyond that, events may be kept twice until they are read: readers take
each ``_id`` once anyway. Files are read once, whatever their size; only overlapping deliveries and SQL sources without a
watermark come to this."""

_Hashes = np.ndarray[Any, np.dtype[np.uint64]]


class Novelty:
    """Tells, during one ingest, which rows say something new.

    An event is new if its customer has none of its ``_id``, a version of a table's row (``known_at``) if its ``_id`` is
    not there: of two events of one customer and id the first to arrive stays, whatever they say. A row of a ``Table``
    without ``known_at`` is new if it differs from the latest row of its key: delivering the same dump again adds
    nothing, and a value that went and came back is kept.

    Args:
        source: The definition.
        lake: Where the rows go.
    """

    def __init__(self, source: Table | Events, lake: Lake) -> None:
        self._source, self._lake = source, lake
        self._before = lake.version(source.name) if lake.has(source.name) else None
        # What a row is known by. A hash of all that it contains covers the customer too.
        declared = isinstance(source, Events) and source.id_columns and source.key not in source.id_columns
        self._names = [source.key, "_id"] if declared else ["_id"]
        # 64 bits of each id kept since then: enough to tell nearly all new rows without reading the lake again.
        self._since: _Hashes = np.zeros(0, dtype=np.uint64)

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """*rows*, in order of arrival and with ``_id``, without those that say nothing new. The others are to be kept."""
        if rows.is_empty():
            return rows
        if isinstance(self._source, Table) and self._source.known_at is None:
            return _changed(self._source, rows, self._lake)
        names, hashes = self._names, np.sort(self._hashes(rows))
        if (hashes[1:] == hashes[:-1]).any():  # seldom, and comparing the ids themselves costs ten times as much
            rows = rows.unique(subset=names, keep="first", maintain_order=True)
        rows = _without(rows, self._kept_before(rows), names)
        hashes = self._hashes(rows)
        again = rows.filter(pl.Series(_within(hashes, self._since)))
        if len(again):
            there = self._lake.scan(self._source.name, columns=names)
            rows = _without(rows, there.join(again.select(names).lazy(), on=names, how="semi").collect(), names)
            hashes = self._hashes(rows)
        if len(self._since) + len(hashes) <= CHEAP:
            # Two sorted runs: a stable sort merges them in one pass.
            self._since = np.sort(np.concatenate((self._since, np.sort(hashes))), kind="stable")
        return rows

    def _hashes(self, rows: pl.DataFrame) -> _Hashes:
        hashes = rows["_id"].hash(seed=0).to_numpy()
        for name in self._names[:-1]:
            hashes = hashes ^ rows[name].hash(seed=1).to_numpy()
        return hashes

    def _kept_before(self, rows: pl.DataFrame) -> pl.DataFrame | None:
        """The ids of *rows* that were there when the ingest began."""
        if self._before is None:
            return None
        source = self._source
        everything = there = self._lake.scan(source.name, version=self._before)
        time = source.time if isinstance(source, Events) else source.known_at
        if time is not None and not (isinstance(source, Events) and source.id_columns):
            # The hash covers the time: only rows of the same moments can be the same. Statistics tell most files away.
            there = there.filter(pl.col(time).is_between(rows[time].min(), rows[time].max()))
        # All rows are counted from the files' footers, those of a span of time by reading it.
        if all(_count(span) > CHEAP for span in (everything, there)):
            return None
        wanted = rows.select(self._names).lazy()
        return there.select(self._names).join(wanted, on=self._names, how="semi").collect(engine="streaming")


def _changed(source: Table, rows: pl.DataFrame, lake: Lake) -> pl.DataFrame:
    key = source.key
    latest = pl.DataFrame(schema={key: pl.String, "_latest": pl.String})
    if lake.has(source.name):
        there = lake.scan(source.name, columns=[key, "_id", "_batch", "_row"])
        wanted = rows.select(key).unique().lazy()
        latest = (
            latest_rows(there.join(wanted, on=key, how="semi"), key)
            .select(key, pl.col("_id").alias("_latest"))
            .collect(engine="streaming")
        )
    before = pl.col("_id").shift(1).over(key)
    return (
        rows.join(latest, on=key, how="left", maintain_order="left")
        .filter(pl.coalesce(before, pl.col("_latest")).ne_missing(pl.col("_id")))
        .drop("_latest")
    )


def _without(rows: pl.DataFrame, known: pl.DataFrame | None, names: list[str]) -> pl.DataFrame:
    if known is None or known.is_empty():
        return rows
    return rows.join(known, on=names, how="anti", maintain_order="left")


def _within(hashes: _Hashes, known: _Hashes) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of *hashes* are in the sorted *known*."""
    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    order = np.argsort(hashes)  # neighbours in turn are found in cache
    place = np.minimum(np.searchsorted(known, hashes[order]), len(known) - 1)
    found = np.empty(len(hashes), dtype=bool)
    found[order] = known[place] == hashes[order]
    return found


def _count(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect(engine="streaming").item())
