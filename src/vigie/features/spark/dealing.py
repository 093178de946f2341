"""Rows of the lake dealt out by customer, on Spark: one group holds some customers, with all their sources.

What is taken of a row, and which rows, :mod:`vigie.features.reading` says, here as on one machine. A group's rows travel
packed, so that Spark shuffles few large values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa

from vigie import __version__
from vigie.definition.kind import Kind
from vigie.errors import FeatureError
from vigie.features.keys import is_whole, stable_hash
from vigie.features.reading import Need, Reading, reading_of
from vigie.features.spark.packing import packed, unpacked
from vigie.features.spark.tables import FILE, ROW
from vigie.features.values import Array

DEALT = "bucket int, source int, data binary"
_ROWS = 1 << 20
"""Rows dealt out at once, at most; and bytes, about."""
_BYTES = 96 << 20


@dataclass(frozen=True)
class OneFrame:
    """A lake that holds a frame."""

    frame: pl.DataFrame

    def version(self, name: str) -> int:  # noqa: ARG002
        """The only version."""
        return 0

    def scan(self, name: str, *, version: int | None = None) -> pl.LazyFrame:  # noqa: ARG002
        """The frame."""
        return self.frame.lazy()


@dataclass(frozen=True, eq=False)
class Taking:
    """How rows of a source are taken. Travels to the workers.

    Attributes:
        need: What is read.
        as_of: Rows that were not known at this moment are left out; µs.
        text_keys: Whether keys become strings, because those of another source are.
        file_order: Of :class:`~vigie.features.spark.tables.LakeTable`.
        customers: Keys of the only customers wanted; ``None``: all.
        program: Version of Vigie that sent it.
    """

    need: Need
    as_of: int
    text_keys: bool
    file_order: Mapping[str, str]
    customers: Collection[str] | None = None
    program: str = field(default=__version__)

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """What is needed of *frame*, whose columns are those of the lake."""
        return self.reading(frame).rows(0, max(frame.height, 1))

    def reading(self, frame: pl.DataFrame) -> Reading:
        """How *frame* is read."""
        same_program(self.program)
        if FILE in frame.columns:
            order = pl.col(FILE).replace_strict(dict(self.file_order), return_dtype=pl.String)
            frame = frame.with_columns(order.alias("_batch"), pl.col(ROW).alias("_row"))
        reading = reading_of(self.need, OneFrame(frame), 0, self.as_of)
        if self.text_keys:
            reading.text_keys()
        if self.customers is not None:
            whole = not self.text_keys
            keys = [key for key in self.customers if is_whole(key)] if whole else list(self.customers)
            wanted = pl.Series(keys, dtype=pl.String).cast(pl.Int64 if whole else pl.String)
            reading.conditions.append(pl.col("_key").is_in(wanted.implode()))
        return reading


def same_program(version: str) -> None:
    """Check that this worker runs the *version* of Vigie that sent the work.

    Raises:
        FeatureError: It does not: results could differ.
    """
    if version != __version__:
        raise FeatureError(
            f"a Spark worker has Vigie {__version__}, the driver {version}",
            remedy="install the same version on the workers",
        )


def buckets_of(keys: pl.Series, count: int) -> Array:
    """The bucket, 0 … *count* − 1, of each customer."""
    return (stable_hash(keys) % np.uint64(count)).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Dealing:
    """Deals the rows of a source out to buckets; for ``mapInArrow``.

    Attributes:
        taking: What is taken.
        source: Number of the source.
        count: Number of buckets.
    """

    taking: Taking
    source: int
    count: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One row for each bucket and so many batches as fit into memory."""
        for frame in _gathered(batches):
            rows = self.taking.rows(frame)
            if rows.height:
                yield self.dealt(rows)

    def dealt(self, rows: pl.DataFrame) -> pa.RecordBatch:
        """Rows by bucket."""
        part = buckets_of(rows["_key"], self.count)
        order = np.argsort(part, kind="stable")
        rows = rows[order]
        present, begins = np.unique(part[order], return_index=True)
        ends = np.append(begins[1:], rows.height)
        data = [packed(rows.slice(b, e - b)) for b, e in zip(begins.tolist(), ends.tolist(), strict=True)]
        source = np.full(len(present), self.source, dtype=np.int32)
        return pa.RecordBatch.from_arrays(
            [pa.array(present), pa.array(source), pa.array(data, pa.binary())], ["bucket", "source", "data"]
        )


@dataclass(frozen=True, eq=False)
class FirstMoment:
    """The first moment of a source's rows; for ``mapInArrow``."""

    taking: Taking

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One row for so many batches as fit into memory; none where there is no row."""
        for frame in _gathered(batches):
            rows = self.taking.rows(frame)
            if rows.height:
                yield pa.RecordBatch.from_pydict({"first": pa.array([rows["_time"].min()], pa.int64())})


def joined(need: Need, empty: bytes, pieces: list[bytes]) -> pl.DataFrame:
    """The rows of a source that a bucket was dealt, in the types of the reading."""
    frame = pl.concat([unpacked(data) for data in [empty, *pieces]], how="vertical_relaxed")
    named = {"_batch", *(f"c{i}" for i, kind in enumerate(need.columns.values()) if kind is Kind.CATEGORY)}
    return frame.with_columns(
        pl.col(name).cast(pl.Categorical(pl.Categories.random())) for name in frame.columns if name in named
    )


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pl.DataFrame]:
    """Spark's batches of some thousand rows, many at once."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _ROWS or size >= _BYTES:
            yield _frame(held)
            held, rows, size = [], 0, 0
    if held:
        yield _frame(held)


def _frame(batches: list[pa.RecordBatch]) -> pl.DataFrame:
    frame = pl.from_arrow(pa.Table.from_batches(batches))
    assert isinstance(frame, pl.DataFrame)
    return frame
