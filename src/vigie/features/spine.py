"""Features of given customers at given moments, from the lake: any number of pairs, each with its own "as known then".

Training sets choose their rows themselves; here the caller names them: the predictions of a journal that are computed
again, the rows of a feature table. The kernel and the partitions are the same, so the values are too. With *seen* a pair
also has its own "as received by then": rows that came to the lake later do not exist for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from vigie.definition.aggregate import Aggregate, AtMoment, EventColumn
from vigie.definition.expression import Expression, Feature
from vigie.definition.kind import Kind, Schema
from vigie.definition.source import Column, Events, Table, sources_of
from vigie.errors import FeatureError, did_you_mean
from vigie.features import rowwise
from vigie.features.history import Block, Histories
from vigie.features.kernel import evaluate
from vigie.features.partitions import Partitions
from vigie.features.reading import Need, SourceLake
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


def needs_of_features(expressions: Iterable[Expression], schema: Schema) -> dict[str, Need]:
    """What is read of every source to compute *expressions*.

    Raises:
        FeatureError: A source has not a column.
        DefinitionError: Two different sources have one name.
    """
    everything = list(expressions)
    sources = sources_of(everything)
    columns: dict[str, dict[str, Kind]] = {name: {} for name in sources}
    for source, column in _read(everything):
        kinds = schema.get(source.name, {})
        if column not in kinds:
            raise FeatureError(
                f"'{source.name}' has no column '{column}'", where=source.name, remedy=did_you_mean(column, kinds)
            )
        columns[source.name][column] = kinds[column]
    return {name: Need(source, columns[name]) for name, source in sources.items()}


def _read(expressions: Iterable[Expression]) -> Iterator[tuple[Table | Events, str]]:
    for expression in expressions:
        for node in expression.walk():
            if isinstance(node, Column | EventColumn):
                yield node.source, node.column
            elif isinstance(node, Aggregate) and node.events.condition is not None:
                yield from _read([node.events.condition])


def pair_features(
    features: Sequence[Feature],
    lake: SourceLake,
    schema: Schema,
    *,
    customers: Sequence[str] | Array,
    moments: Sequence[int] | Array,
    at: Table | Events | None = None,
    seen: int | Sequence[int] | Array | None = None,
    versions: Mapping[str, int] | None = None,
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
        customers=customers, moments=moments, at=at, seen=seen, versions=versions, memory=memory, progress=progress,
    ):  # fmt: skip
        known[part.places] = part.known
        for name, values in part.columns.items():
            if name not in data:
                kinds[name], codes[name] = values.kind, {}
                data[name] = np.empty(n, dtype=values.data.dtype)
            data[name][part.places] = _coded(values, codes[name])
    columns = {name: _sorted(kinds[name], column, tuple(codes[name])) for name, column in data.items()}
    missing = {f.name: Values.missing(f.kind(schema), 0) for f in features if f.name not in columns}
    return PairFeatures({f.name: {**missing, **columns}[f.name] for f in features}, known)


def _coded(values: Values, codes: dict[str, int]) -> Array:
    """The data of a part, categories in the codes of the whole."""
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
    customers: Sequence[str] | Array,
    moments: Sequence[int] | Array,
    at: Table | Events | None = None,
    seen: int | Sequence[int] | Array | None = None,
    versions: Mapping[str, int] | None = None,
    memory: int = MEMORY,
    progress: Progress | None = None,
) -> Iterator[PairPart]:
    """The same as :func:`pair_features` part by part, for results that need not fit into memory.

    Yields:
        Every pair once, in no order.
    """
    if not len(moments):
        return
    needs = needs_of_features(features, schema)
    if isinstance(at, Events):
        needs = _with_source(needs, at, schema)
    pinned = {name: lake.version(name) if versions is None else versions[name] for name in needs}
    keys = pl.Series("key", customers, dtype=pl.String)
    asked = _Asked.of(keys, np.asarray(moments, dtype=np.int64))
    if seen is None:
        yield from _parts(features, needs, lake, schema, pinned, asked, at, memory, progress)
        return
    with tempfile.TemporaryDirectory(prefix="vigie-seen-") as folder:
        limits = np.broadcast_to(np.asarray(seen, dtype=np.int64), len(keys))
        own = pl.Series("pair", np.arange(len(keys))).cast(pl.String)
        pairs = pl.DataFrame({"_pair": own, "_key": keys, "_seen": limits})
        received = _Received(lake, pinned, needs, pairs, Path(folder))
        alone = _Asked.of(own, np.asarray(moments, dtype=np.int64))
        yield from _parts(features, needs, received, schema, dict.fromkeys(needs, 0), alone, at, memory, progress)


def _with_source(needs: dict[str, Need], at: Events, schema: Schema) -> dict[str, Need]:
    """The needs with the columns of the condition under which events are moments."""
    condition = [at.condition] if at.condition is not None else []
    columns = {column: schema[at.name][column] for _, column in _read(condition)}
    before = needs[at.name].columns if at.name in needs else {}
    return {**needs, at.name: Need(at.unfiltered, {**before, **columns})}


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


def _parts(
    features: Sequence[Feature],
    needs: Mapping[str, Need],
    lake: SourceLake,
    schema: Schema,
    versions: Mapping[str, int],
    asked: _Asked,
    at: Table | Events | None,
    memory: int,
    progress: Progress | None,
) -> Iterator[PairPart]:
    step = max(memory // (_CELL * max(len(features), 1)), _FEWEST)
    there = np.zeros(len(asked.keys), dtype=bool)
    reading = None if progress is None else (lambda share: progress("read", share / 2))
    if needs:
        with Partitions(needs, lake, versions, FOREVER, memory, asked.keys.to_list(), reading) as partitions:
            for i in range(partitions.count):
                histories = partitions.load(i)
                codes = pl.Series(histories.customers, dtype=pl.String).cast(pl.Enum(asked.keys)).to_physical()
                there[codes.to_numpy()] = True
                yield from _computed(features, schema, histories, codes.to_numpy().astype(np.int64), asked, at, step)
                if progress is not None:
                    progress("features", 0.5 + 0.5 * (i + 1) / partitions.count)
    absent = np.flatnonzero(~there)
    if len(absent):
        blocks = {name: _empty(need, len(absent)) for name, need in needs.items()}
        nobody = Histories(np.array(asked.keys.gather(absent).to_list(), dtype=object), blocks)
        for part in _computed(features, schema, nobody, absent, asked, at, step):
            yield PairPart(part.places, part.columns, np.zeros(len(part.places), dtype=bool))


def _empty(need: Need, customers: int) -> Block:
    """The history of customers of whom there is nothing."""
    nothing = np.zeros(0, dtype=np.int64)
    late = isinstance(need.source, Events) and need.source.known_at is not None
    columns = {name: Values.missing(kind, 0) for name, kind in need.columns.items()}
    return Block(np.zeros(customers + 1, dtype=np.int64), nothing, columns, nothing if late else None)


def _computed(
    features: Sequence[Feature],
    schema: Schema,
    histories: Histories,
    codes: Array,
    asked: _Asked,
    at: Table | Events | None,
    step: int,
) -> Iterator[PairPart]:
    """The pairs of the customers of *histories*, whose codes among those asked for are *codes*."""
    places, counts = asked.pairs_of(codes)
    local = np.repeat(np.arange(len(codes), dtype=np.int64), counts)
    moments = asked.moments[places]
    events = _events_at(at, histories.blocks[at.name], local, moments) if isinstance(at, Events) else None
    for begin in range(0, len(places), step):
        part = slice(begin, begin + step)
        rows = Rows(local[part], moments[part], None if events is None else events[part])
        columns = _evaluated(features, schema, histories, rows)
        yield PairPart(asked.order[places[part]], columns, np.ones(len(rows), dtype=bool))


def _evaluated(features: Sequence[Feature], schema: Schema, histories: Histories, rows: Rows) -> Columns:
    if rows.events is None or not (rows.events < 0).any():
        values = evaluate(features, histories.blocks, rows)
        return {f.name: v for f, v in zip(features, values, strict=True)}
    # Pairs without an event have no value of "the event at the moment"; everything else they have.
    found, lost = rows.events >= 0, np.flatnonzero(rows.events < 0)
    asks = {f.name for f in features if any(isinstance(node, AtMoment) for node in f.walk())}
    both = evaluate(features, histories.blocks, rows.take(found))
    others = [f for f in features if f.name not in asks]
    rest = evaluate(others, histories.blocks, Rows(rows.codes[lost], rows.moments[lost]))
    of_lost = {f.name: values for f, values in zip(others, rest, strict=True)}
    undo = np.argsort(np.concatenate([np.flatnonzero(found), lost]), kind="stable")
    return {
        feature.name: Values.concat(
            [values, of_lost.get(feature.name) or Values.missing(feature.kind(schema), len(lost))]
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
