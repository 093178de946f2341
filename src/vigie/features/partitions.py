"""Histories from the lake, some customers at a time, in bounded memory.

The rows of every source are read once, in batches, and dealt out by a hash of the customer's key: to lists in memory, or
to files in a temporary folder where the sources are larger than the memory allowed. Then one partition after the other
becomes blocks. What a customer's features are does not depend on the partition it is in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from vigie.definition.kind import Kind
from vigie.features.history import Histories
from vigie.features.keys import is_whole
from vigie.features.loading import histories_of
from vigie.features.reading import Need, Reading, SourceLake, reading_of

_BYTES = {Kind.NUMBER: 8, Kind.TIME: 8, Kind.BOOLEAN: 1, Kind.CATEGORY: 4, Kind.TEXT: 64}
_BATCH = 250_000
_SMALLEST = 10_000
_EVENTS = 160_000
"""Events in a partition that the processor's cache can hold, about."""
_MOST = 1024
_WORKING = 8
"""Memory that computing a partition takes, in times of its size, two at once."""


@dataclass(eq=False)
class Partitions:
    """The sources of a score, dealt out by customer. A context manager: leaving it removes its files.

    Args:
        needs: What is read of each source, by name.
        lake: Where from.
        versions: Version of each source.
        as_of: Rows that were not known at this moment are left out.
        memory: Bytes that may be used, about.
        customers: Keys of the only customers wanted; ``None``: all.
        progress: Told the share, 0 … 1, that has been read.
    """

    needs: Mapping[str, Need]
    lake: SourceLake
    versions: Mapping[str, int]
    as_of: int
    memory: int
    customers: Sequence[str] | None = None
    progress: Callable[[float], None] | None = None
    earliest: int | None = None
    """Moment of the first event, or of the first row known, of all customers."""
    count: int = 1
    """Number of partitions."""
    _readings: dict[str, Reading] = field(default_factory=dict)
    _parts: dict[str, list[list[pl.DataFrame]]] = field(default_factory=dict)
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _held: int = 0
    _flushes: int = 0

    def __enter__(self) -> Self:
        self._readings = {
            name: reading_of(need, self.lake, self.versions[name], self.as_of) for name, need in self.needs.items()
        }
        self._unify_keys()
        sizes = {name: self._size(name, need) for name, need in self.needs.items()}
        rows, total = sum(n for n, _ in sizes.values()), sum(n * width for n, width in sizes.values())
        wanted = max(-(-rows // _EVENTS), -(-total * _WORKING // max(self.memory, 1)))
        most = min(rows, _MOST) if self.customers is None else min(rows, _MOST, len(self.customers))
        self.count = int(max(min(wanted, most), 1))
        if total * 2 > self.memory:
            self._folder = tempfile.TemporaryDirectory(prefix="vigie-features-")
        done = 0
        try:
            for name, (n, width) in sizes.items():
                self._deal(name, done, n, rows, width)
                done += n
            if self._folder is not None:
                self._flush()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.clear()
        if self._folder is not None:
            self._folder.cleanup()

    # -- reading -------------------------------------------------------------------------------------------------

    def _size(self, name: str, need: Need) -> tuple[int, int]:
        """Number of rows and bytes of each, about."""
        width = 16 + sum(_BYTES[kind] for kind in need.columns.values())
        schema = self._readings[name].schema
        width += 32 * (schema["_key"] == pl.String) + 64 * ("_id" in schema) + 12 * ("_row" in schema)
        return int(self._readings[name].scan.select(pl.len()).collect().item()), width

    def _unify_keys(self) -> None:
        # Whole numbers stay numbers where every source has them, else every key becomes its string.
        whole = all(reading.whole_keys for reading in self._readings.values())
        wanted = None
        if self.customers is not None:
            keys = [key for key in self.customers if is_whole(key)] if whole else self.customers
            wanted = pl.Series(keys, dtype=pl.String).cast(pl.Int64 if whole else pl.String)
        for reading in self._readings.values():
            if not whole:
                reading.text_keys()
            if wanted is not None:
                reading.conditions.append(pl.col("_key").is_in(wanted.implode()))

    def _deal(self, name: str, done: int, expected: int, rows: int, width: int) -> None:
        reading = self._readings[name]
        parts = [[pl.DataFrame(schema=reading.schema)] for _ in range(self.count)]
        self._parts[name] = parts
        dated = "_time" in reading.chosen
        step = max(min(_BATCH, self.memory // (_WORKING * width)), _SMALLEST)
        begins = range(0, expected, step)
        with ThreadPoolExecutor(1) as reader:
            # The next slice is read while this one is dealt out. Slices bound the memory that reading takes; the
            # batches of Polars' streaming engine do not, where dealing out is slower than reading.
            following = reader.submit(reading.rows, 0, step)
            for begin in begins:
                batch = following.result()
                following = reader.submit(reading.rows, begin + step, step)
                if dated and batch.height:
                    first = batch["_time"].min()
                    assert isinstance(first, int)
                    self.earliest = first if self.earliest is None else min(first, self.earliest)
                if batch.height:
                    self._route(batch, parts)
                self._held += batch.height * width
                if self._folder is not None and self._held * 4 > self.memory:
                    self._flush()
                if self.progress is not None:
                    self.progress((done + min(begin + step, expected)) / rows)

    def _route(self, batch: pl.DataFrame, parts: list[list[pl.DataFrame]]) -> None:
        # Small whole numbers are kept in few bytes; taking a partition widens them again.
        narrow = [name for name, dtype in batch.schema.items() if dtype == pl.Int64]
        keys = batch["_key"]
        batch = batch.with_columns(batch[name].shrink_dtype() for name in narrow)
        if self.count == 1:
            parts[0].append(batch)
            return
        part = (keys.hash(seed=7).to_numpy() % np.uint64(self.count)).astype(np.uint16)
        order = np.argsort(part, kind="stable")
        ends = np.cumsum(np.bincount(part, minlength=self.count))
        batch = batch[order]
        begin = 0
        for i, end in enumerate(ends.tolist()):
            if end > begin:
                parts[i].append(batch.slice(begin, end - begin))
            begin = end

    def _flush(self) -> None:
        assert self._folder is not None
        for name, parts in self._parts.items():
            for i, frames in enumerate(parts):
                if sum(frame.height for frame in frames):
                    path = Path(self._folder.name) / f"{name}-{i}-{self._flushes}.parquet"
                    pl.concat(frames, how="vertical_relaxed").write_parquet(path, compression="lz4", statistics=False)
                    del frames[1:]
        self._flushes += 1
        self._held = 0

    # -- partitions ----------------------------------------------------------------------------------------------

    def load(self, i: int) -> Histories:
        """The histories of partition *i*, 0 … ``count`` − 1. Each can be loaded once."""
        frames = {name: self._take(name, i) for name in self.needs}
        return histories_of(self.needs, frames)

    def _take(self, name: str, i: int) -> pl.DataFrame:
        frames, self._parts[name][i] = self._parts[name][i], []
        if self._folder is not None:
            for path in sorted(Path(self._folder.name).glob(f"{name}-{i}-*.parquet"), key=_sequence):
                frames.append(pl.read_parquet(path))
                path.unlink()
        return pl.concat(frames, how="vertical_relaxed")


def _sequence(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
