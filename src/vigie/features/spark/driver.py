"""Training sets, feature sets and features at given rows, computed on a Spark session.

They are equal to the last bit to what one machine computes. The workers read the files of a lake version themselves, so the lake must lie where they reach it under the same path.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from vigie.definition.expression import Feature
from vigie.definition.kind import Schema
from vigie.definition.moments import Every
from vigie.definition.score import Score
from vigie.features.keys import is_whole
from vigie.features.reading import Need, columns_read
from vigie.features.rowset import Gathering, RowSet
from vigie.features.spark.dealing import DEALT, Dealing, FirstMoment, Taking
from vigie.features.spark.grouping import (
    FOUND,
    MOMENTS,
    FeaturesAt,
    Grouping,
    LabelledRows,
    Piece,
    ScoredRows,
    Work,
    for_spark,
    travelling,
)
from vigie.features.spark.packing import packed, unpack_rows, unpack_values
from vigie.features.spark.related import ShippedRelations
from vigie.features.spark.session import failures
from vigie.features.spark.tables import FILE, ROW, FileLake, LakeTable
from vigie.features.training_set import FeatureSet, Progress, TrainingSet, needs_of, related_needs_of
from vigie.features.values import Array, Values

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import DataFrame, SparkSession

_ROWS = 500_000
"""Rows of all sources in a bucket, about: some hundred MB while it is computed."""
_SMALL = 20_000
"""A bucket that is smaller is not worth a task of its own."""
_TASKS = 4096


def build_training_set_spark(
    score: Score,
    lake: FileLake,
    schema: Schema,
    *,
    as_of: int,
    spark: SparkSession,
    buckets: int | None = None,
    progress: Progress | None = None,
) -> TrainingSet:
    """What :func:`~vigie.features.training_set.build_training_set` builds, on a Spark session.

    Args:
        score: Bound: ``score.bound(schema)``.
        lake: Where the sources are; the workers reach its files under the same paths.
        schema: Kinds of the columns of every source.
        as_of: µs. Events from this moment on and rows known after it do not exist.
        spark: The session. The result is gathered in the memory of this process.
        buckets: How many parts the customers are dealt out to; ``None``: as their number of rows asks for.
        progress: Told about the work.

    Raises:
        FeatureError: The lake has not a source or column that is needed, or the workers cannot do it.
    """
    run = _Run.of(spark, score, lake, schema, as_of, buckets)
    with failures(run.where):
        earliest = run.earliest() if isinstance(score.moments, Every) else None
        work = LabelledRows(travelling(score), earliest, as_of)
        gathering = Gathering(run.count)
        for header, data in run.pieces(work, progress):
            gathering.add(unpack_rows(header, data))
    found = gathering.joined()
    return TrainingSet(
        customers=found.customers,
        moments=found.moments,
        features=found.features,
        extras=found.extras,
        labels=found.labels,
        score=score,
        schema=schema,
        as_of=as_of,
        versions=run.versions,
        immature=found.immature,
        unknown=found.unknown,
    )


def build_feature_set_spark(
    score: Score,
    lake: FileLake,
    schema: Schema,
    *,
    as_of: int,
    spark: SparkSession,
    customers: Collection[str] | None = None,
    buckets: int | None = None,
    progress: Progress | None = None,
) -> Iterator[FeatureSet]:
    """What :func:`~vigie.features.training_set.build_feature_set` yields, on a Spark session.

    Arguments as in :func:`build_training_set_spark`; *customers* are the only ones wanted.
    """
    run = _Run.of(spark, score, lake, schema, as_of, buckets, customers)
    with failures(run.where):
        for header, data in run.pieces(ScoredRows(travelling(score), as_of), progress):
            rows: RowSet = unpack_rows(header, data)
            if len(rows):
                yield FeatureSet(rows.customers[rows.codes], rows.moments, rows.features, rows.extras)


def scored_pieces(
    score: Score,
    lake: FileLake,
    schema: Schema,
    work: ScoredRows,
    *,
    spark: SparkSession,
    buckets: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Piece]:
    """What ``work.then`` makes of the feature sets, on the workers."""
    run = _Run.of(spark, score, lake, schema, work.as_of, buckets)
    with failures(run.where):
        yield from run.pieces(work, progress)


def features_on_spark(
    features: Sequence[Feature],
    needs: Mapping[str, Need],
    lake: FileLake,
    rows: Sequence[tuple[str, int]],
    *,
    as_of: int,
    spark: SparkSession,
    related: Mapping[str, Need] | None = None,
    versions: Mapping[str, int] | None = None,
    buckets: int | None = None,
) -> list[Values]:
    """Values of *features* for given customers at given moments.

    Args:
        features: What to compute; none of them the value of the event at the moment.
        needs: What is read of each source by the customer's key, by name; at least one.
        lake: Where the sources are.
        rows: Customers and moments, µs; in any order, any number of times, known or not.
        as_of: µs. Events from this moment on and rows known after it do not exist.
        spark: The session.
        related: What is read of each source by the key of what a customer belongs to.
        versions: Of each source; left out, the newest.
        buckets: How many parts the customers are dealt out to.

    Returns:
        For each feature one value a row, in the order of *rows*. The categories of a category are those of all rows,
        sorted.
    """
    others = related or {}
    chosen = versions or {name: lake.version(name) for name in (*needs, *others)}
    run = _Run(spark, lake, needs, others, chosen, as_of, buckets, rows=rows)
    places: list[Array] = []
    parts: list[list[Values]] = []
    with failures(run.where):
        for header, data in run.pieces(FeaturesAt(tuple(features)), None):
            columns, place = unpack_values(header, data)
            parts.append(columns)
            places.append(place)
    order = np.argsort(np.concatenate(places), kind="stable")
    whole = [Values.concat(list(columns)).take(order) for columns in zip(*parts, strict=True)]
    return [_tidy(values) for values in whole]


def _tidy(values: Values) -> Values:
    if not values.categories:
        return values
    categories = tuple(sorted({values.categories[code] for code in np.unique(values.data).tolist() if code >= 0}))
    return Values(values.kind, values.recoded(categories), categories)


@dataclass(eq=False)
class _Run:
    """One computation: tables, buckets and what is dealt out."""

    spark: SparkSession
    lake: FileLake
    needs: Mapping[str, Need]
    related: Mapping[str, Need]
    versions: Mapping[str, int]
    as_of: int
    buckets: int | None
    customers: Collection[str] | None = None
    rows: Sequence[tuple[str, int]] | None = None

    @classmethod
    def of(
        cls,
        spark: SparkSession,
        score: Score,
        lake: FileLake,
        schema: Schema,
        as_of: int,
        buckets: int | None,
        customers: Collection[str] | None = None,
    ) -> _Run:
        versions = {name: lake.version(name) for name in sorted(score.sources)}
        needs, related = needs_of(score, schema), related_needs_of(score, schema)
        return cls(spark, lake, needs, related, versions, as_of, buckets, customers)

    def __post_init__(self) -> None:
        self.where = str(self.spark.sparkContext.master)
        self.tables = {name: LakeTable(self.lake, name, self.versions[name]) for name in self.needs}
        first = {name: self._taking(need, name, text_keys=False) for name, need in self.needs.items()}
        # Whole numbers stay numbers where everything has them, else every key becomes its string.
        whole = all(taking.reading(self._sample(name)).whole_keys for name, taking in first.items())
        whole = whole and all(is_whole(key) for key, _ in self.rows or ())
        self.takings = {name: self._taking(need, name, text_keys=not whole) for name, need in self.needs.items()}
        self.whole = whole
        self.count = self.buckets or self._enough()

    def _taking(self, need: Need, name: str, *, text_keys: bool) -> Taking:
        return Taking(need, self.as_of, text_keys, self.tables[name].file_order, self.customers)

    def _sample(self, name: str) -> pl.DataFrame:
        """No rows, in the columns that the workers see."""
        table = self.tables[name]
        frame = table.empty.select(columns_read(self.needs[name], table.empty.columns))
        if table.arrival_told:
            return frame
        return frame.with_columns(pl.Series(FILE, [], dtype=pl.String), pl.Series(ROW, [], dtype=pl.Int64))

    def _enough(self) -> int:
        scans = [self.lake.scan(name, version=self.versions[name]).select(pl.len()) for name in self.needs]
        rows = sum(int(frame.item()) for frame in pl.collect_all(scans))
        wanted = max(rows // _ROWS, min(3 * self.spark.sparkContext.defaultParallelism, rows // _SMALL))
        return max(wanted, 1)

    def _frame(self, name: str) -> DataFrame:
        table = self.tables[name]
        return table.frame(self.spark, columns_read(self.needs[name], table.empty.columns))

    def earliest(self) -> int | None:
        """First moment of the rows of all sources."""
        found: list[int] = []
        for name, taking in self.takings.items():
            bare = Need(self.needs[name].source, {})
            taking = Taking(bare, self.as_of, taking.text_keys, taking.file_order, self.customers)
            if "_time" not in taking.reading(self._sample(name)).chosen:
                continue
            table = self.tables[name]
            frame = table.frame(self.spark, columns_read(bare, table.empty.columns))
            rows = frame.mapInArrow(FirstMoment(taking), "first long").agg({"first": "min"}).collect()
            if rows[0][0] is not None:
                found.append(int(rows[0][0]))
        return min(found, default=None)

    def pieces(self, work: Work, progress: Progress | None) -> Iterator[Piece]:
        """The results of all buckets, as they come."""
        from pyspark import StorageLevel

        empty = {name: packed(self.takings[name].rows(self._sample(name))) for name in self.needs}
        dealt = [
            self._frame(name).mapInArrow(Dealing(self.takings[name], i, self.count), DEALT)
            for i, name in enumerate(self.needs)
        ]
        if self.rows is not None:
            frame = self._moments()
            empty[MOMENTS] = packed(frame.clear())
            if frame.height:
                batch = Dealing(next(iter(self.takings.values())), len(self.needs), self.count).dealt(frame)
                dealt.append(self.spark.createDataFrame(pa.Table.from_batches([batch]), DEALT))
        together = dealt[0]
        for other in dealt[1:]:
            together = together.unionByName(other)
        tasks = min(self.count, _TASKS)
        together = together.repartitionById(tasks, together["bucket"])
        related = ShippedRelations.read(self.related, self.lake, self.versions, self.as_of)
        grouping = Grouping(self.needs, empty, work, related)
        found = together.groupBy("bucket").applyInArrow(for_spark(grouping), FOUND)
        # Computed everywhere at once and kept on the workers' disks; then fetched one task's result at a time.
        found = found.persist(StorageLevel.DISK_ONLY)
        try:
            with _watched(self.spark.sparkContext, progress, tasks):
                pieces = found.count()
            if not pieces:  # no rows anywhere: nobody, but with all the columns that somebody would have
                yield from grouping.results([])
            for i, row in enumerate(found.toLocalIterator()):
                if progress is not None:
                    progress("fetch", 0.9 + 0.1 * (i + 1) / pieces)
                yield row["header"], bytes(row["data"])
        finally:
            found.unpersist()

    def _moments(self) -> pl.DataFrame:
        assert self.rows is not None
        key = pl.Int64 if self.whole else pl.String
        keys = [key for key, _ in self.rows]
        frame = pl.DataFrame(
            {"_key": pl.Series(keys, dtype=pl.String), "_time": pl.Series([t for _, t in self.rows], dtype=pl.Int64)}
        )
        return frame.with_columns(pl.col("_key").cast(key), pl.int_range(pl.len()).alias("_place"))


@contextmanager
def _watched(context: SparkContext, progress: Progress | None, last: int) -> Iterator[None]:
    """Tell *progress* about the tasks that are done, a few times a second; *last* tasks follow the first stage's."""
    if progress is None:
        yield
        return
    tracker, over = context.statusTracker(), Event()
    stages: dict[int, tuple[int, int]] = {}

    def watch() -> None:
        share = 0.0
        while not over.wait(0.4):
            for stage in tracker.getActiveStageIds():
                told = tracker.getStageInfo(stage)
                if told is not None:
                    stages[stage] = (told.numCompletedTasks, told.numTasks)
            done = sum(completed for completed, _ in stages.values())
            known = sum(tasks for _, tasks in stages.values()) + (last if len(stages) < 2 else 0)
            share = max(share, 0.9 * done / max(known, 1))
            progress("on Spark", share)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
