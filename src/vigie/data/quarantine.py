"""Rows that broke a rule: kept as they came, with the rule, until the contract admits them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from vigie.data.lake import Lake
from vigie.data.row_ids import content_ids

SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "rule": pl.String,
    "column": pl.String,
    "reason": pl.String,
    "text": pl.String,
    "contract": pl.String,
    "_origin": pl.String,
    "_row": pl.Int64,
    "_batch": pl.String,
    "_ingested_at": pl.Datetime("us", "UTC"),
    "_id": pl.String,
}
"""Columns of a quarantine table.

``rule``, ``column`` and ``reason`` say what was wrong; ``text`` is the row as JSON, an object of its values as they came
or, where it could not be split, the line itself; ``contract`` is the fingerprint of the contract that refused it;
``_origin`` and ``_row`` are the file and the line in it (number of the row in Parquet and SQL).
"""


class Quarantine:
    """The quarantine table of one source.

    Args:
        lake: The lake beside which it lies, under ``_quarantine/``.
        source: Name of the source.
    """

    def __init__(self, lake: Lake, source: str) -> None:
        self._tables, self._source = Lake(lake.root / "_quarantine"), source

    def rows(self) -> pl.DataFrame:
        """All rows in quarantine now."""
        if not self._tables.has(self._source):
            return pl.DataFrame(schema=SCHEMA)
        return self._tables.scan(self._source, columns=list(SCHEMA)).collect()

    def add(self, rows: pl.DataFrame, *, numbered: bool, moment: int) -> int:
        """Add those rows that are not there; how many they are. Adding the same twice changes nothing.

        Args:
            rows: The columns of :data:`SCHEMA` without ``_id``.
            numbered: Whether ``_row`` stays the same from ingest to ingest, as a line in a file does and the number of
                a row in a query does not.
            moment: Now, µs since 1970-01-01 UTC.
        """
        if rows.is_empty():
            return 0
        same = ["_origin", "_row", "text"] if numbered else ["_origin", "text"]
        rows = rows.with_columns(content_ids(rows.select(same))).select(*SCHEMA).unique("_id", maintain_order=True)
        if self._tables.has(self._source):
            origins = rows["_origin"].unique().to_list()
            there = self._tables.scan(self._source).filter(pl.col("_origin").is_in(origins)).select("_id").collect()
            rows = rows.join(there, on="_id", how="anti", maintain_order="left")
        if len(rows):
            self._tables.append(self._source, rows, moment=moment)
        return len(rows)

    def replace(self, rows: pl.DataFrame, *, moment: int) -> None:
        """Make *rows* all that is in quarantine. Earlier versions of the table keep what was."""
        self._tables.replace(self._source, rows.select(*SCHEMA), moment=moment)
