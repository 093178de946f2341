"""Rows of the lake on their way into the online store: all of a version, dealt out by customer, or what is new in it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from vigie.data.lake import Lake
from vigie.definition.source import Events
from vigie.features.decoding import arrival_of, int64, values_of
from vigie.features.history import ALWAYS
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.holding import Holding
from vigie.features.reading import Need, Reading, reading_of

ROWS = 250_000
"""Rows that are put at once: a partition, or a slice of what is new."""
_FOREVER = int(np.iinfo(np.int64).max)


def arrivals_of(holding: Holding, rows: pl.DataFrame) -> Arrivals:
    """Rows as :func:`vigie.features.reading.reading_of` reads them, in order of arrival."""
    rows = rows[np.argsort(arrival_of(rows), kind="stable")] if "_row" in rows.columns else rows
    return Arrivals(
        keys=rows["_key"].cast(pl.String).to_list(),
        times=int64(rows["_time"]) if "_time" in rows.columns else np.full(rows.height, ALWAYS, dtype=np.int64),
        columns={name: values_of(rows[f"c{i}"], kind) for i, (name, kind) in enumerate(holding.columns.items())},
        ids=rows["_id"].to_list() if isinstance(holding.source, Events) else None,
        known_at=int64(rows["_known"]) if "_known" in rows.columns else None,
    )


@dataclass(frozen=True)
class _Rows:
    """Some rows as a lake that has nothing else."""

    frame: pl.LazyFrame

    def version(self, name: str) -> int:
        """There is only one."""
        del name
        return 0

    def scan(self, name: str, *, version: int | None = None) -> pl.LazyFrame:
        """The rows."""
        del name, version
        return self.frame


def reading(holding: Holding, frame: pl.LazyFrame) -> Reading:
    """How *frame*, rows of the lake's table, is read for the store."""
    return reading_of(Need(holding.source, holding.columns), _Rows(frame), 0, _FOREVER)


def newest_batch(frame: pl.LazyFrame) -> str:
    """The batch that arrived last; empty where there are no rows."""
    return str(frame.select(pl.col("_batch").max()).collect().item() or "")


@dataclass(eq=False)
class Dealt:
    """All rows of one version of a source, dealt out by customer. A context manager: leaving it removes its files.

    Args:
        holding: What is taken of them.
        frame: The rows.
        count: Number of partitions.
        rows: Number of rows.
        progress: Told the share, 0 … 1, that has been read.
    """

    holding: Holding
    frame: pl.LazyFrame
    count: int
    rows: int
    progress: Callable[[float], None] = lambda _: None
    _folder: tempfile.TemporaryDirectory[str] | None = field(default=None, init=False)
    _reading: Reading = field(init=False)

    def __enter__(self) -> Self:
        self._reading = reading(self.holding, self.frame)
        if self.count <= 1:
            return self
        self._folder = tempfile.TemporaryDirectory(prefix="vigie-online-")
        try:
            step = 4 * ROWS
            for number, begin in enumerate(range(0, self.rows, step)):
                self._deal(self._reading.rows(begin, step), number)
                self.progress(min(begin + step, self.rows) / self.rows)
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def _deal(self, rows: pl.DataFrame, number: int) -> None:
        assert self._folder is not None
        part = (rows["_key"].hash(seed=7).to_numpy() % np.uint64(self.count)).astype(np.int64)
        rows = rows[np.argsort(part, kind="stable")]
        ends = np.cumsum(np.bincount(part, minlength=self.count)).tolist()
        for i, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if end > begin:
                path = Path(self._folder.name) / f"{i}-{number}.parquet"
                rows.slice(begin, end - begin).write_parquet(path, compression="lz4", statistics=False)

    def arrivals(self, i: int) -> Arrivals:
        """The rows of partition *i*, 0 … ``count`` − 1, in order of arrival."""
        if self._folder is None:
            return arrivals_of(self.holding, self._reading.rows(0, self.rows))
        paths = sorted(Path(self._folder.name).glob(f"{i}-*.parquet"), key=lambda path: int(path.stem.split("-")[1]))
        frames = [pl.read_parquet(path) for path in paths]
        empty = pl.DataFrame(schema=self._reading.schema)
        return arrivals_of(self.holding, pl.concat([empty, *frames], how="vertical_relaxed"))


def since(holding: Holding, lake: Lake, before: int, after: int, batch: str) -> Iterator[Arrivals]:
    """What *after* has and *before* has not, versions of the lake's table, some rows at a time, in order of arrival.

    Rows that were there already may be among them, where something rewrote their file: putting them again changes
    nothing.

    Args:
        holding: What is taken of the rows.
        lake: Where they are.
        before: Version that was absorbed.
        after: Version to be absorbed.
        batch: The batch of *before* that arrived last.
    """
    name = holding.source.name
    files = new_files(lake, name, before, after)
    if not files:
        return
    there = lake.scan(name, version=after)
    if isinstance(holding.source, Events):
        # In whatever order they are put, the same is held: a file at a time bounds the memory.
        for file in files:
            yield from _slices(holding, _of_files([file], there))
        return
    frame = _of_files(files, there)
    first = frame.select(pl.col("_batch").min()).collect().item()
    if first is not None and first <= batch:
        # Rows let out of quarantine take their first place in the order of arrival, behind which others may be
        # that are held: all rows of these customers, in their order, make what a whole load would.
        keys = frame.select(holding.source.key).unique()
        frame = there.join(keys, on=holding.source.key, how="semi")
    yield from _slices(holding, frame)


def _of_files(files: list[str], like: pl.LazyFrame) -> pl.LazyFrame:
    return pl.scan_parquet(files, schema=like.collect_schema(), missing_columns="insert", extra_columns="ignore")


def _slices(holding: Holding, frame: pl.LazyFrame) -> Iterator[Arrivals]:
    how = reading(holding, frame)
    rows = frame.select(**how.chosen).filter(*how.conditions).collect()
    rows = rows[np.argsort(arrival_of(rows), kind="stable")]
    for begin in range(0, rows.height, ROWS):
        yield arrivals_of(holding, rows.slice(begin, ROWS))


def new_files(lake: Lake, name: str, before: int, after: int) -> list[str]:
    """Data files that *after* has and *before* had not."""
    had = set(lake.table(name, before).file_uris())
    return sorted(uri for uri in lake.table(name, after).file_uris() if uri not in had)
