"""Which rows the lake does not have yet."""

from __future__ import annotations

import polars as pl

from vigie.data.lake import Lake, latest_rows
from vigie.definition import Events, Table

CHEAP = 20_000_000
"""Rows of the lake that are compared with one commit's rows. Beyond that, events may be kept twice until they are read:
readers take each ``_id`` once anyway. Files are read once, whatever their size; only overlapping deliveries and SQL
sources without a watermark come to this."""


def new_rows(source: Table | Events, rows: pl.DataFrame, lake: Lake) -> pl.DataFrame:
    """*rows* without those that say nothing new.

    An event, or a version of a table's row (``known_at``), is new if its ``_id`` is not there. A row of a ``Table``
    without ``known_at`` is new if it differs from the latest row of its key: delivering the same dump again adds
    nothing, and a value that went and came back is kept.

    Args:
        source: The definition.
        rows: Rows in order of arrival, with ``_id``.
        lake: Where they will go.
    """
    if rows.is_empty():
        return rows
    if isinstance(source, Table) and source.known_at is None:
        return _changed(source, rows, lake)
    rows = rows.unique(subset="_id", keep="first", maintain_order=True)
    if not lake.has(source.name):
        return rows
    time = source.time if isinstance(source, Events) else source.known_at
    there = lake.scan(source.name)
    if time is not None and not (isinstance(source, Events) and source.id_columns):
        # The hash covers the time: only rows of the same moments can be the same. Statistics of the files tell most away.
        there = there.filter(pl.col(time).is_between(rows[time].min(), rows[time].max()))
    # All rows are counted from the files' footers, those of a span of time by reading it.
    if all(_count(span) > CHEAP for span in (lake.scan(source.name), there)):
        return rows
    wanted = rows.select("_id").lazy()
    known = there.select("_id").join(wanted, on="_id", how="semi").collect(engine="streaming")
    return rows.join(known, on="_id", how="anti", maintain_order="left")


def _count(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect(engine="streaming").item())


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
