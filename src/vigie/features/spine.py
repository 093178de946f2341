"""Features of given customers at given moments, from the lake: any number of pairs, each with its own "as known then".

Training sets choose their rows themselves; here the caller names them: the predictions of a journal that are computed
again, the rows of a feature table. The kernel and the partitions are the same, so the values are too. With *seen* a pair
also has its own "as received by then": rows that came to the lake later do not exist for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from vigie.definition.aggregate import AtMoment
from vigie.definition.expression import Feature
from vigie.definition.kind import Kind, Schema
from vigie.definition.related import own_columns, own_sources, related_columns, related_sources
from vigie.definition.source import Events, Table
from vigie.features import rowwise
from vigie.features.history import Block, Histories
from vigie.features.kernel import evaluate
from vigie.features.partitions import Partitions
from vigie.features.reading import Need, SourceLake
from vigie.features.relations import load_relations, memory_left, needs_in
from vigie.features.text.columns import TextColumns
from vigie.features.training_set import MEMORY, Progress
from vigie.features.values import Array, Columns, Values
from vigie.features.windows import Rows, Windows

FOREVER = int(np.iinfo(np.int64).max)
_CELL = 64
"""Bytes that a value takes while it is computed, about."""
_FEWEST = 10_000
"""Rows computed together at least."""


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Features of *n* pairs, in the order in which they were asked for.

    Attributes:
        columns: *n* values of each feature, by name.
        known: Shape (n,), bool: whether the sources have any row of the customer, at whatever moment. Without one counts
            are 0 and everything else is null.
    """

    columns: Columns
    known: Array


@dataclass(frozen=True, eq=False)
class PairPart:
    """Features of some of the pairs.

    Attributes:
        places: Shape (m,), int64: which of the pairs.
        columns: *m* values of each feature, by name.
        known: Shape (m,), bool; see :class:`PairFeatures`.
    """

    places: Array
    columns: Columns
    known: Array


def pair_features(
    features: Sequence[Feature],
    lake: SourceLake,
    schema: Schema,
    *,
    customers: Sequence[str] | Array | pl.Series,
    moments: Sequence[int] | Array,
    at: Table | Events | None = None,
    seen: int | Sequence[int] | Array | None = None,
    versions: Mapping[str, int] | None = None,
    texts: TextColumns | None = None,
    memory: int = MEMORY,
    progress: Progress | None = None,
) -> PairFeatures:
    """Features of each customer at its moment: events with ``time < t`` and ``known_at ≤ t``, and no others.

    Args:
        features: What to compute, each with a name of its own.
        lake: Where the sources are.
        schema: Kinds of the columns of every source.
        customers: Key of each pair, in any order, repeated as one likes.
        moments: Moment of each pair, µs.
        at: Source that the moments are taken at, where features ask for the event at the moment. Of several events of a
            customer at one moment the first pair gets the first, the second the second. A pair without one has null.
        seen: Only rows that the lake had received by then (``_ingested_at ≤ seen``), µs: for all pairs or for each.
        versions: Version of each source; left out, the newest.
        texts: Gives the components of texts that features embed.
        memory: Bytes that may be used, about, besides the result.
        progress: Told about the work.

    Raises:
        FeatureError: The lake has not a source or column that is needed.
    """
    n = len(moments)
    known = np.zeros(n, dtype=bool)
    data: dict[str, Array] = {}
    kinds: dict[str, Kind] = {}
    codes: dict[str, dict[str, int]] = {}
    for part in each_part(
        features, lake, schema,
        customers=customers, moments=moments, at=at, seen=seen, versions=versions, texts=texts, memory=memory,
        progress=progress,
    ):  # fmt: skip
        known[part.places] = part.known
        for name, values in part.columns.items():
            if name not in data:
                kinds[name], codes[name] = values.kind, {}
                data[name] = np.empty(n, dtype=values.data.dtype)
            data[name][part.places] = coded(values, codes[name])
    columns = {name: _sorted(kinds[name], column, tuple(codes[name])) for name, column in data.items()}
    missing = {f.name: Values.missing(f.kind(schema), 0) for f in features if f.name not in columns}
    return PairFeatures({f.name: {**missing, **columns}[f.name] for f in features}, known)


def coded(values: Values, codes: dict[str, int]) -> Array:
    """The data of a part, categories in the codes of the whole, which grow by those that are new."""
    if values.kind is not Kind.CATEGORY:
        return values.data
    table = [codes.setdefault(text, len(codes)) for text in values.categories]
    return np.array([*table, -1], dtype=np.int32)[values.data]


def _sorted(kind: Kind, data: Array, texts: tuple[str, ...]) -> Values:
    """The column with the categories that occur, sorted: the same whatever the parts were."""
    if kind is not Kind.CATEGORY:
        return Values(kind, data)
    there = tuple(sorted(texts[code] for code in np.unique(data).tolist() if code >= 0))
    return Values(kind, Values(kind, data, texts).recoded(there), there)


def each_part(
    features: Sequence[Feature],
    lake: SourceLake,
    schema: Schema,
    *,
    customers: Sequence[str] | Array | pl.Series,
    moments: Sequence[int] | Array,
    at: Table | Events | None = None,
    seen: int | Sequence[int] | Array | None = None,
    versions: Mapping[str, int] | None = None,
    texts: TextColumns | None = None,
    memory: int = MEMORY,
    progress: Progress | None = None,
) -> Iterator[PairPart]:
    """The same as :func:`pair_features` part by part, for results that need not fit into memory.

    Yields:
        Every pair once, in no order.
    """
    if not len(moments):
        return
    work = _Work(list(features), schema, at if isinstance(at, Events) else None, texts, memory, progress)
    pinned = {n: lake.version(n) if versions is None else versions[n] for n in (*work.needs, *work.related)}
    keys = pl.Series("key", customers, dtype=pl.String)
    when = np.asarray(moments, dtype=np.int64)
    if seen is None:
        relations = load_relations(work.related, lake, pinned, as_of=FOREVER)
        yield from _parts(work, lake, pinned, _Asked.of(keys, when), relations)
        return
    limits = np.broadcast_to(np.asarray(seen, dtype=np.int64), len(keys))
    # What customers belong to is loaded whole, so once for each limit; without it all limits are one piece of work.
    groups = [limits == limit for limit in np.unique(limits)] if work.related else [np.ones(len(keys), dtype=bool)]
    for group in groups:
        places = np.flatnonzero(group)
        own = pl.Series("pair", np.arange(len(places))).cast(pl.String)
        pairs = pl.DataFrame({"_pair": own, "_key": keys.gather(places), "_seen": limits[places]})
        relations = load_relations(work.related, _Before(lake, int(limits[places[0]])), pinned, as_of=FOREVER)
        with tempfile.TemporaryDirectory(prefix="vigie-seen-") as folder:
            received = _Received(lake, pinned, work.needs, pairs, Path(folder))
            for part in _parts(work, received, pinned, _Asked.of(own, when[places]), relations):
                yield PairPart(places[part.places], part.columns, part.known)


# -- which pairs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Asked:
    """Pairs in order of (customer, moment, place).

    Attributes:
        keys: The distinct customers, sorted.
        order: Place of each pair among those asked for.
        moments: Of each pair.
        starts: Where the pairs of each customer begin; one more at the end.
    """

    keys: pl.Series
    order: Array
    moments: Array
    starts: Array

    @classmethod
    def of(cls, customers: pl.Series, moments: Array) -> _Asked:
        keys = customers.unique().sort()
        codes = customers.cast(pl.Enum(keys)).to_physical().to_numpy()
        order = np.lexsort((moments, codes))
        starts = np.searchsorted(codes[order], np.arange(len(keys) + 1))
        return cls(keys, order, moments[order], starts)

    def pairs_of(self, codes: Array) -> tuple[Array, Array]:
        """Pairs of the customers *codes*, one after the other: positions, and the number of each customer's."""
        counts = self.starts[codes + 1] - self.starts[codes]
        begin = np.cumsum(counts) - counts
        places = np.arange(int(counts.sum()), dtype=np.int64) + np.repeat(self.starts[codes] - begin, counts)
        return places, counts


@dataclass(frozen=True, eq=False)
class _Work:
    """What is computed, and what is read for it.

    Attributes:
        features: To compute.
        schema: Kinds of the columns.
        at: Events that the moments are taken at.
        texts: Gives the components of texts.
        memory: Bytes that may be used, about.
        progress: Told about the work.
    """

    features: list[Feature]
    schema: Schema
    at: Events | None
    texts: TextColumns | None
    memory: int
    progress: Progress | None

    @cached_property
    def needs(self) -> dict[str, Need]:
        """What is read by the customer's key, of each source."""
        sources, columns = own_sources(self.features), own_columns(self.features)
        if self.at is not None:
            sources.setdefault(self.at.name, self.at.unfiltered)
            more = own_columns([self.at.condition]) if self.at.condition is not None else {}
            columns = {name: tuple(dict.fromkeys((*columns.get(name, ()), *more.get(name, ())))) for name in sources}
        return needs_in(sources, columns, self.schema)

    @cached_property
    def related(self) -> dict[str, Need]:
        """What is read by the key of what a customer belongs to, of each source."""
        return needs_in(related_sources(self.features), related_columns(self.features), self.schema)


def _parts(
    work: _Work, lake: SourceLake, versions: Mapping[str, int], asked: _Asked, relations: Mapping[str, Histories]
) -> Iterator[PairPart]:
    there = np.zeros(len(asked.keys), dtype=bool)
    progress = work.progress
    reading = None if progress is None else (lambda share: progress("read", share / 2))
    memory = memory_left(work.memory, relations)
    if work.needs:
        with Partitions(work.needs, lake, versions, FOREVER, memory, asked.keys.to_list(), reading) as partitions:
            for i in range(partitions.count):
                histories = partitions.load(i)
                codes = pl.Series(histories.customers, dtype=pl.String).cast(pl.Enum(asked.keys)).to_physical()
                there[codes.to_numpy()] = True
                yield from _computed(work, histories, codes.to_numpy().astype(np.int64), asked, relations)
                if progress is not None:
                    progress("features", 0.5 + 0.5 * (i + 1) / partitions.count)
    absent = np.flatnonzero(~there)
    if len(absent):
        blocks = {name: _empty(need, len(absent)) for name, need in work.needs.items()}
        nobody = Histories(np.array(asked.keys.gather(absent).to_list(), dtype=object), blocks)
        for part in _computed(work, nobody, absent, asked, relations):
            yield PairPart(part.places, part.columns, np.zeros(len(part.places), dtype=bool))


def _empty(need: Need, customers: int) -> Block:
    """The history of customers of whom there is nothing."""
    nothing = np.zeros(0, dtype=np.int64)
    late = isinstance(need.source, Events) and need.source.known_at is not None
    columns = {name: Values.missing(kind, 0) for name, kind in need.columns.items()}
    return Block(np.zeros(customers + 1, dtype=np.int64), nothing, columns, nothing if late else None)


def _computed(
    work: _Work, histories: Histories, codes: Array, asked: _Asked, relations: Mapping[str, Histories]
) -> Iterator[PairPart]:
    """The pairs of the customers of *histories*, whose codes among those asked for are *codes*."""
    if work.texts is not None:
        histories = work.texts.of(histories)
    step = max(work.memory // (_CELL * max(len(work.features), 1)), _FEWEST)
    places, counts = asked.pairs_of(codes)
    local = np.repeat(np.arange(len(codes), dtype=np.int64), counts)
    moments = asked.moments[places]
    at = work.at
    events = _events_at(at, histories.blocks[at.name], local, moments) if at is not None else None
    for begin in range(0, len(places), step):
        part = slice(begin, begin + step)
        rows = Rows(local[part], moments[part], None if events is None else events[part])
        columns = _evaluated(work, histories, rows, relations)
        yield PairPart(asked.order[places[part]], columns, np.ones(len(rows), dtype=bool))


def _evaluated(work: _Work, histories: Histories, rows: Rows, relations: Mapping[str, Histories]) -> Columns:
    features, blocks = work.features, histories.blocks
    if rows.events is None or not (rows.events < 0).any():
        values = evaluate(features, blocks, rows, relations)
        return {f.name: v for f, v in zip(features, values, strict=True)}
    # Pairs without an event have no value of "the event at the moment"; everything else they have.
    found, lost = rows.events >= 0, np.flatnonzero(rows.events < 0)
    asks = {f.name for f in features if any(isinstance(node, AtMoment) for node in f.walk())}
    both = evaluate(features, blocks, rows.take(found), relations)
    others = [f for f in features if f.name not in asks]
    rest = evaluate(others, blocks, Rows(rows.codes[lost], rows.moments[lost]), relations)
    of_lost = {f.name: values for f, values in zip(others, rest, strict=True)}
    undo = np.argsort(np.concatenate([np.flatnonzero(found), lost]), kind="stable")
    return {
        feature.name: Values.concat(
            [values, of_lost.get(feature.name) or Values.missing(feature.kind(work.schema), len(lost))]
        ).take(undo)
        for feature, values in zip(features, both, strict=True)
    }


def _events_at(source: Events, block: Block, codes: Array, moments: Array) -> Array:
    """Position of the event that each row's moment is taken at, −1 where there is none; rows by (customer, moment)."""
    place = np.arange(len(block), dtype=np.int64)
    if source.condition is not None:
        chosen = rowwise.evaluate(source.condition, block.columns, len(block)).data == 1
        block, place = block.where(chosen), place[chosen]
    windows = Windows(block, Rows(codes, moments))
    first, behind = windows.before(0), windows.before(1)
    # The second of two equal rows is of the second event of that moment.
    new = np.append(True, (codes[1:] != codes[:-1]) | (moments[1:] != moments[:-1]))[: len(codes)]
    index = np.arange(len(codes), dtype=np.int64)
    repeated = index - np.maximum.accumulate(np.where(new, index, 0))
    found = np.full(len(codes), -1, dtype=np.int64)
    there = behind > first
    found[there] = place[np.minimum(first + repeated, behind - 1)[there]]
    return found


# -- as received by then ---------------------------------------------------------------------------------------------


class _Before:
    """A lake without the rows that it received after a moment.

    Args:
        lake: The lake itself.
        seen: The moment, µs.
    """

    def __init__(self, lake: SourceLake, seen: int) -> None:
        self._lake, self._seen = lake, seen

    def version(self, name: str) -> int:
        return self._lake.version(name)

    def scan(self, name: str, *, version: int | None = None) -> pl.LazyFrame:
        rows = self._lake.scan(name, version=version)
        return rows.filter(pl.col("_ingested_at").dt.timestamp("us") <= self._seen)


class _Received:
    """A lake in which every pair is a customer of its own, with the rows that had arrived by the pair's limit.

    Args:
        lake: The lake itself.
        versions: Version of each source in it.
        needs: What is read.
        pairs: ``_pair`` (name of the pair), ``_key`` (the customer), ``_seen`` (limit, µs).
        folder: Where the rows are put; a file a source.
    """

    def __init__(
        self,
        lake: SourceLake,
        versions: Mapping[str, int],
        needs: Mapping[str, Need],
        pairs: pl.DataFrame,
        folder: Path,
    ) -> None:
        self._lake, self._versions, self._needs, self._pairs, self._folder = lake, versions, needs, pairs, folder

    def version(self, name: str) -> int:
        return self._versions[name]

    def scan(self, name: str, *, version: int | None = None) -> pl.LazyFrame:  # noqa: ARG002
        path = self._folder / f"{name}.parquet"
        if not path.exists():
            self._write(name, path)
        return pl.scan_parquet(path)

    def _write(self, name: str, path: Path) -> None:
        key = self._needs[name].source.key
        rows = self._lake.scan(name, version=self._versions[name])
        column = pl.col(key)
        if rows.collect_schema()[key].is_float():
            # As everywhere: 17.0 is the customer "17".
            whole = column.cast(pl.Int64, strict=False)
            column = pl.when(whole == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
        chosen = (
            rows.with_columns(_key=column.cast(pl.String))
            .join(self._pairs.lazy(), on="_key", how="inner", maintain_order="left")
            .filter(pl.col("_ingested_at").dt.timestamp("us") <= pl.col("_seen"))
            .with_columns(pl.col("_pair").alias(key))
            .drop("_pair", "_key", "_seen")
        )
        chosen.sink_parquet(path)
