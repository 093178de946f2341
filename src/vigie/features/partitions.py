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
from typing import Protocol, Self

import numpy as np
import polars as pl

from vigie.definition.kind import Kind
from vigie.definition.source import Events, Table
from vigie.errors import FeatureError, did_you_mean
from vigie.features.history import ALWAYS, Block
from vigie.features.lake_ids import LakeIds
from vigie.features.values import NULL_TIME, Array, Values

_BYTES = {Kind.NUMBER: 8, Kind.TIME: 8, Kind.BOOLEAN: 1, Kind.CATEGORY: 4, Kind.TEXT: 64}
_BATCH = 250_000
_SMALLEST = 10_000
_EVENTS = 160_000
"""Events in a partition that the processor's cache can hold, about."""
_MOST = 1024
_WORKING = 8
"""Memory that computing a partition takes, in times of its size, two at once."""


class SourceLake(Protocol):
    """What is asked of a lake."""

    def version(self, name: str) -> int:
        """The newest version of a source."""
        ...

    def scan(self, name: str, *, version: int | None = None) -> pl.LazyFrame:
        """Its rows, in an order that does not change."""
        ...


@dataclass(frozen=True, slots=True)
class Need:
    """What is read of a source.

    Attributes:
        source: The source, without filter.
        columns: Kinds of the columns that features use.
    """

    source: Table | Events
    columns: Mapping[str, Kind]


@dataclass(frozen=True, eq=False, slots=True)
class Histories:
    """The histories of some customers.

    Attributes:
        customers: Their keys, an object array of ``str``, sorted; codes in the blocks are positions in it.
        blocks: A block for every source, by name.
    """

    customers: Array
    blocks: Mapping[str, Block]


@dataclass(eq=False)
class _Reading:
    """How the rows of a source are read."""

    scan: pl.LazyFrame
    chosen: dict[str, pl.Expr]
    conditions: list[pl.Expr]

    @property
    def schema(self) -> pl.Schema:
        """Columns and their types."""
        return self.scan.select(**self.chosen).collect_schema()

    def rows(self, begin: int, size: int) -> pl.DataFrame:
        """Those of the rows from *begin* on that fulfil the conditions."""
        return self.scan.slice(begin, size).select(**self.chosen).filter(*self.conditions).collect()


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
    _readings: dict[str, _Reading] = field(default_factory=dict)
    _parts: dict[str, list[list[pl.DataFrame]]] = field(default_factory=dict)
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _held: int = 0
    _flushes: int = 0

    def __enter__(self) -> Self:
        self._readings = {name: self._reading(need) for name, need in self.needs.items()}
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

    def _reading(self, need: Need) -> _Reading:
        source = need.source
        frame = self.lake.scan(source.name, version=self.versions[source.name])
        schema = frame.collect_schema()
        for column in (source.key, *need.columns):
            if column not in schema:
                raise FeatureError(
                    f"the lake's '{source.name}' has no column '{column}'",
                    where=source.name,
                    remedy=did_you_mean(column, schema.names()),
                )
        time = source.time if isinstance(source, Events) else source.known_at
        chosen = {"_key": _key(source.key, schema[source.key])}
        known = [pl.col("_key").is_not_null()]
        if time is not None:
            chosen["_time"] = _moment(time)
            known.append(pl.col("_time") < self.as_of if isinstance(source, Events) else pl.col("_time") <= self.as_of)
        if isinstance(source, Events) and source.known_at is not None:
            chosen["_known"] = _moment(source.known_at)
            known.append(pl.col("_known") <= self.as_of)
        if isinstance(source, Events) and "_id" in schema:
            chosen["_id"] = pl.col("_id")
        if "_batch" in schema and "_row" in schema:
            chosen["_batch"] = pl.col("_batch").cast(pl.Categorical(pl.Categories.random()))
            chosen["_row"] = pl.col("_row").cast(pl.Int64)
        for i, (column, kind) in enumerate(need.columns.items()):
            chosen[f"c{i}"] = _stored(column, kind)
        return _Reading(frame, chosen, known)

    def _size(self, name: str, need: Need) -> tuple[int, int]:
        """Number of rows and bytes of each, about."""
        width = 16 + sum(_BYTES[kind] for kind in need.columns.values())
        schema = self._readings[name].schema
        width += 32 * (schema["_key"] == pl.String) + 64 * ("_id" in schema) + 12 * ("_row" in schema)
        return int(self._readings[name].scan.select(pl.len()).collect().item()), width

    def _unify_keys(self) -> None:
        # Whole numbers stay numbers where every source has them, else every key becomes its string.
        whole = all(reading.schema["_key"] == pl.Int64 for reading in self._readings.values())
        wanted = None
        if self.customers is not None:
            keys = [key for key in self.customers if _is_whole(key)] if whole else self.customers
            wanted = pl.Series(keys, dtype=pl.String).cast(pl.Int64 if whole else pl.String)
        for reading in self._readings.values():
            if not whole:
                reading.chosen["_key"] = reading.chosen["_key"].cast(pl.String)
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
        customers, codes = _customers([frame["_key"] for frame in frames.values()])
        blocks = {
            name: self._block(self.needs[name], frame, len(customers), codes[j])
            for j, (name, frame) in enumerate(frames.items())
        }
        return Histories(customers, blocks)

    def _take(self, name: str, i: int) -> pl.DataFrame:
        frames, self._parts[name][i] = self._parts[name][i], []
        if self._folder is not None:
            for path in sorted(Path(self._folder.name).glob(f"{name}-{i}-*.parquet"), key=_sequence):
                frames.append(pl.read_parquet(path))
                path.unlink()
        return pl.concat(frames, how="vertical_relaxed")

    def _block(self, need: Need, frame: pl.DataFrame, customers: int, codes: Array) -> Block:
        columns = {name: _values(frame[f"c{i}"], kind) for i, (name, kind) in enumerate(need.columns.items())}
        times = _int64(frame["_time"]) if "_time" in frame.columns else np.full(frame.height, ALWAYS, dtype=np.int64)
        return Block.build(
            customers,
            codes,
            times,
            columns,
            known_at=_int64(frame["_known"]) if "_known" in frame.columns else None,
            ids=LakeIds(frame["_id"]) if "_id" in frame.columns else None,
            arrival=_arrival(frame) if "_row" in frame.columns else None,
        )


def _is_whole(key: str) -> bool:
    digits = key.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 18 and str(int(key)) == key


def _sequence(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _key(column: str, dtype: pl.DataType) -> pl.Expr:
    """A key as Int64 where it is a whole number by type, else as its string; 17.0 is "17"."""
    key = pl.col(column)
    if dtype.is_integer():
        return key.cast(pl.Int64)
    if dtype.is_float():
        whole = key.cast(pl.Int64, strict=False)
        return pl.when(whole == key).then(whole.cast(pl.String)).otherwise(key.cast(pl.String))
    return key.cast(pl.String)


def _moment(column: str) -> pl.Expr:
    return pl.col(column).dt.timestamp("us")


def _stored(column: str, kind: Kind) -> pl.Expr:
    value = pl.col(column)
    match kind:
        case Kind.TIME:
            return _moment(column)
        case Kind.BOOLEAN:
            return value.cast(pl.Boolean)
        case Kind.CATEGORY:
            return value.cast(pl.String).cast(pl.Categorical(pl.Categories.random()))
        case Kind.TEXT:
            return value.cast(pl.String)
        case Kind.NUMBER:
            return value


def _int64(series: pl.Series) -> Array:
    return series.cast(pl.Int64).to_numpy()


def _values(series: pl.Series, kind: Kind) -> Values:
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


def _arrival(frame: pl.DataFrame) -> Array:
    """Order of arrival: by batch, then row."""
    return np.asarray((_codes(frame["_batch"])[0] << 40) | frame["_row"].to_numpy())


def _customers(keys: list[pl.Series]) -> tuple[Array, list[Array]]:
    """All keys once, as sorted strings, and the code of each row's key."""
    if all(series.dtype == pl.Int64 for series in keys):
        return _whole_customers([series.to_numpy() for series in keys])
    unique = pl.concat([series.unique() for series in keys]).unique().sort()
    codes = [series.cast(pl.Enum(unique)).to_physical().to_numpy() for series in keys]
    return _strings(unique), [code.astype(np.int64) for code in codes]


def _whole_customers(keys: list[Array]) -> tuple[Array, list[Array]]:
    full = [key for key in keys if len(key)]
    if not full:
        return np.empty(0, dtype=object), [np.zeros(0, dtype=np.int64) for _ in keys]
    low, high = min(int(key.min()) for key in full), max(int(key.max()) for key in full)
    if high - low < 8 * sum(len(key) for key in full) + 1_000_000:
        # A narrow range: a table of flags is faster than sorting.
        there = np.zeros(high - low + 1, dtype=bool)
        for key in full:
            there[key - low] = True
        unique = np.flatnonzero(there) + low
    else:
        unique = np.unique(np.concatenate(full))
    texts = pl.Series(unique).cast(pl.String)
    order = texts.arg_sort().to_numpy()
    rank = np.empty(len(unique), dtype=np.int64)
    rank[order] = np.arange(len(unique))
    if high - low < 8 * sum(len(key) for key in full) + 1_000_000:
        table = np.zeros(high - low + 1, dtype=np.int32)
        table[unique - low] = rank
        codes = [table[key - low] for key in keys]
    else:
        codes = [rank[np.searchsorted(unique, key)] for key in keys]
    return _strings(texts[order]), codes


def _strings(series: pl.Series) -> Array:
    found = np.empty(len(series), dtype=object)
    found[:] = series.to_list()
    return found
