"""Histories from the lake, some customers at a time, in bounded memory.

The rows of every source are read once, in batches, and dealt out by a hash of the customer's key: in memory, or to a
temporary file where the sources are larger than the memory allowed. Then one partition after the other becomes blocks. What a customer's features are does not depend on the partition it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self

import numpy as np
import polars as pl

from vigie.features.dealt import Dealt, row_bytes, temporary_file
from vigie.features.history import Histories
from vigie.features.keys import is_whole
from vigie.features.loading import histories_from
from vigie.features.reading import Need, Reading, SourceLake, reading_of
from vigie.features.records import Records
from vigie.features.values import Array

_BATCH = 500_000
_SMALLEST = 10_000
_EVENTS = 160_000
"""Events in a partition that the processor's cache can hold, about."""
_MOST = 1 << 16
"""Partitions at most: as many as numbers of two bytes can name, which NumPy sorts several times faster."""
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
    _dealt: dict[str, Dealt] = field(default_factory=dict)
    _file: IO[bytes] | None = None

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
            self._file = temporary_file()
        done = 0
        try:
            for name, (n, width) in sizes.items():
                self._deal(name, done, n, rows, width)
                done += n
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dealt.clear()
        if self._file is not None:
            self._file.close()

    # -- reading -------------------------------------------------------------------------------------------------

    def _size(self, name: str, need: Need) -> tuple[int, int]:
        """Number of rows and bytes of each, about."""
        layout = Records.of(need, pl.DataFrame(schema=self._readings[name].schema)).layout
        return int(self._readings[name].scan.select(pl.len()).collect().item()), row_bytes(layout)

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
        reading, need = self._readings[name], self.needs[name]
        dealt = self._dealt[name] = Dealt(self.count, self._file)
        dealt.add(Records.of(need, pl.DataFrame(schema=reading.schema)), np.zeros(0, dtype=np.uint16))
        dated = "_time" in reading.chosen
        step = max(min(_BATCH, self.memory // (_WORKING * width)), _SMALLEST)

        def read(begin: int) -> tuple[Records, Array]:
            batch = reading.rows(begin, step)
            return Records.of(need, batch), self._parts(batch["_key"])

        begins = list(range(0, expected, step))
        with ThreadPoolExecutor(2) as readers:
            # Slices bound the memory that reading takes; the batches of Polars' streaming engine do not, where dealing
            # out is slower than reading.
            pending = [readers.submit(read, begin) for begin in begins[:2]]
            for i, begin in enumerate(begins):
                records, parts = pending.pop(0).result()
                if i + 2 < len(begins):
                    pending.append(readers.submit(read, begins[i + 2]))
                if len(records):
                    if dated:
                        first = int(records.rows["_time"].min())
                        self.earliest = first if self.earliest is None else min(first, self.earliest)
                    dealt.add(records, parts)
                if self.progress is not None:
                    self.progress((done + min(begin + step, expected)) / rows)

    def _parts(self, keys: pl.Series) -> Array:
        """The partition of each key."""
        return (keys.hash(seed=7).to_numpy() % np.uint64(self.count)).astype(np.uint16)

    # -- partitions ----------------------------------------------------------------------------------------------

    def load(self, i: int) -> Histories:
        """The histories of partition *i*, 0 … ``count`` − 1."""
        return histories_from(self.needs, {name: self._dealt[name].take(i) for name in self.needs})
