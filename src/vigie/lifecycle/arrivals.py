"""What has come to the lake since something was made from it, and how far back it reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from vigie.definition import Events, Table
from vigie.errors import DataError
from vigie.features.tables import Mark

if TYPE_CHECKING:
    from vigie.data import Lake

EVER = int(np.iinfo(np.int64).min)
"""Stands for a change that reaches back to the beginning."""


class Arrived:
    """Looks at what the sources have got since.

    Args:
        lake: Where they are.
        versions: Version of each that counts as now.
    """

    def __init__(self, lake: Lake, versions: Mapping[str, int]) -> None:
        self._lake, self._versions = lake, versions
        self._found: dict[tuple[str, Mark], int | None] = {}

    def mark(self, name: str) -> Mark:
        """How far a source has come now."""
        version = self._versions[name]
        rows = self._lake.scan(name, version=version)
        last = None
        if "_batch" in rows.collect_schema():
            last = rows.select(pl.col("_batch").cast(pl.String).max()).collect().item()
        return Mark(version, last or "")

    def earliest(self, sources: Sequence[Table | Events]) -> int | None:
        """The first moment at which anything happened or became known, µs; ``None`` where nothing says when."""
        found = []
        for source in sources:
            column = source.time if isinstance(source, Events) else source.known_at
            if column is not None:
                rows = self._lake.scan(source.name, version=self._versions[source.name])
                found.append(rows.select(pl.col(column).min().dt.timestamp("us")).collect().item())
        return min((moment for moment in found if moment is not None), default=None)

    def since(self, source: Table | Events, mark: Mark) -> int | None:
        """The first moment, µs, whose features may differ by what came since *mark*; ``None`` where nothing did."""
        key = (source.name, mark)
        if key not in self._found:
            self._found[key] = self._since(source, mark)
        return self._found[key]

    def _since(self, source: Table | Events, mark: Mark) -> int | None:
        name, version = source.name, self._versions[source.name]
        if mark.version == version:
            return None
        said = [v.metadata for v in self._lake.versions(name) if v.version > mark.version]
        if any("retyped" in metadata for metadata in said):
            return EVER
        rows = self._appended(name, mark.version, version)
        if rows is None:
            # The table was rewritten: rows keep their batch, but those released from quarantine have an old one.
            if any("released" in metadata for metadata in said):
                return EVER
            rows = self._lake.scan(name, version=version).filter(pl.col("_batch").cast(pl.String) > mark.batch)
        return _known_from(source, rows)

    def _appended(self, name: str, before: int, now: int) -> pl.LazyFrame | None:
        """The rows of the files that were added; ``None`` where files were taken away as well."""
        try:
            old = set(self._lake.table(name, before).file_uris())
        except DataError:
            return None  # the log of an old version may be gone
        new = set(self._lake.table(name, now).file_uris())
        if not old <= new:
            return None
        added = sorted(new - old)
        return pl.scan_parquet(added) if added else self._lake.scan(name, version=now).clear()


def _known_from(source: Table | Events, rows: pl.LazyFrame) -> int | None:
    if isinstance(source, Table):
        if source.known_at is None:
            return EVER if rows.select(pl.len()).collect().item() else None
        found = rows.select(pl.col(source.known_at).min().dt.timestamp("us"))
    else:
        # An event counts from the microsecond after it, or when it became known.
        since = pl.col(source.time).dt.timestamp("us") + 1
        if source.known_at is not None:
            since = pl.max_horizontal(since, pl.col(source.known_at).dt.timestamp("us"))
        found = rows.select(since.min())
    moment = found.collect().item()
    return None if moment is None else int(moment)
