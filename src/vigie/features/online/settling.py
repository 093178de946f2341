"""From events in any order to settled runs: each event once, in canonical order, cut where they become long.

What stays of two events with one id, and in what order events stand, is what :meth:`~vigie.features.history.Block.build`
says. Where a few events join many, the same is done by hand, since that is what happens at every request after an event.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vigie.definition.kind import Kind
from vigie.definition.source import Events, Table
from vigie.features.history import Block
from vigie.features.online.codec import (
    EVER,
    HAS_NULLS,
    NEVER,
    OFF_GRID,
    Arrived,
    Column,
    Key,
    Settled,
    array,
    column_of,
    encode,
    form_of,
    items_of,
    order_of,
    packed_ids,
    raw,
    times_of,
    unpacked_ids,
    view,
)
from vigie.features.online.holding import Holding
from vigie.features.values import Array, Values

LONGEST = 8192
"""Events in the run that is read first, at most: beyond it, the oldest go to runs of their own."""
CUT = 4096
"""Events in each of those."""
FEW = 32
"""So many new events join a settled run by hand."""

_IDS = "\0"
"""Stands for the ids among the columns of a block: no column is called so."""

Run = Arrived | Settled


@dataclass(frozen=True, eq=False, slots=True)
class KeyIds:
    """Ids of events, as :class:`~vigie.features.history.Ids`.

    Attributes:
        keys: One for each event.
    """

    keys: Sequence[Key]

    @property
    def hashes(self) -> Array:
        """Equal for equal ids: shape (n,), int64."""
        return np.fromiter(map(hash, self.keys), dtype=np.int64, count=len(self.keys))

    def ranks(self, positions: Array) -> Array:
        """Ranks of the ids at *positions*, equal for equal ids: int64."""
        chosen = [self.keys[position] for position in positions.tolist()]
        rank = {key: i for i, key in enumerate(sorted(set(chosen), key=order_of))}
        return np.array([rank[key] for key in chosen], dtype=np.int64)


def first_known(source: Table | Events, time: int, known: int | None) -> int:
    """When an event or row became known: an event counts from the microsecond after it."""
    if isinstance(source, Events):
        return time + 1 if known is None or known <= time else known
    return EVER if source.known_at is None else time


def first_knowns(source: Table | Events, times: Array, known: Array | None) -> Array:
    """As :func:`first_known`, for many."""
    if isinstance(source, Events):
        behind = np.where(times == NEVER, times, times + 1)
        return behind if known is None else np.maximum(behind, known)
    return np.full(len(times), EVER, dtype=np.int64) if source.known_at is None else times


# -- one customer ----------------------------------------------------------------------------------------------------


def events_in(run: Run) -> int:
    """Number of events, or of versions of a row."""
    return len(run) if isinstance(run, Settled) else len(run.rows)


def merged(holding: Holding, runs: Sequence[Run], floor: int = EVER) -> Settled:
    """The runs of one customer as one.

    Args:
        holding: How they are held.
        runs: In order of arrival, at least one; not more than 32,767 events in all.
        floor: Events before it are left out, and versions of a row that were followed by another one before it.
    """
    first = runs[0]
    if len(runs) == 1 and isinstance(first, Settled) and floor == EVER:
        return first
    start, rest = (first, runs[1:]) if isinstance(first, Settled) else (_nothing(holding), runs)
    arrived = [run for run in rest if isinstance(run, Arrived)]
    if len(arrived) == len(rest) and sum(len(run.rows) for run in arrived) <= FEW:
        return _joined_by_hand(holding, start, arrived, floor)
    whole = joined(holding, runs)
    begin = kept_from(holding.source, whole.block.times.tolist(), floor)
    return Slices(holding, whole.block, whole.ids).run(begin, len(whole.block), whole.since, older=whole.older)


def settle(holding: Holding, runs: Sequence[Run], floor: int) -> tuple[list[Settled], Settled]:
    """The runs of one customer as few as can be: those of :data:`CUT` events, oldest first, and the one of the rest.

    Arguments as of :func:`merged`, but there may be any number of events.
    """
    if sum(map(events_in, runs)) <= LONGEST:
        return [], merged(holding, runs, floor)
    whole = joined(holding, runs)
    begin, end = kept_from(holding.source, whole.block.times.tolist(), floor), len(whole.block)
    return pieces(Slices(holding, whole.block, whole.ids), begin, end, whole.since, older=whole.older)


def pieces(slices: Slices, begin: int, end: int, since: int, *, older: bool) -> tuple[list[Settled], Settled]:
    """The events of one customer at ``begin:end``, cut as :func:`settle` says."""
    cuts: list[Settled] = []
    while end - begin > LONGEST:
        cuts.append(slices.run(begin, begin + CUT, since, older=False))
        begin += CUT
    return cuts, slices.run(begin, end, since, older=older or bool(cuts))


def without(holding: Holding, run: Settled, keys: Collection[Key]) -> Settled:
    """The run without the events that have one of these ids."""
    stays = [run.ids is None or key not in keys for key in unpacked_ids(run.ids or packed_ids([]))]
    if all(stays):
        return run
    whole = joined(holding, [run])
    mask = np.array(stays)
    block = whole.block.where(mask)
    ids = whole.ids.take(mask) if whole.ids is not None else None
    return Slices(holding, block, ids).run(0, len(block), run.since, older=run.older)


def kept_from(source: Table | Events, times: Sequence[int], floor: int) -> int:
    """Position of the first event that can still be looked at from moments whose windows begin at *floor* or later."""
    if isinstance(source, Events):
        return bisect_left(times, floor)
    # The version in force at that moment, and all after it.
    return max(bisect_right(times, floor) - 1, 0) if source.known_at is not None else 0


def late(holding: Holding) -> bool:
    """Whether events say when they became known."""
    return isinstance(holding.source, Events) and holding.source.known_at is not None


def _nothing(holding: Holding) -> Settled:
    empty = memoryview(b"")
    columns = [column_of(kind, []) for kind in holding.columns.values()]
    ids = packed_ids([]) if isinstance(holding.source, Events) else None
    return Settled(NEVER, False, empty, empty if late(holding) else None, columns, ids)


def _joined_by_hand(holding: Holding, run: Settled, arrived: Iterable[Arrived], floor: int) -> Settled:
    source, since, older = holding.source, run.since, run.older
    kinds = list(holding.columns.values())
    times: list[int] = view(run.times, "q").tolist()
    known: list[int] | None = view(run.known, "q").tolist() if run.known is not None else None
    keys = unpacked_ids(run.ids) if run.ids is not None else []
    columns = [items_of(kind, column) for kind, column in zip(kinds, run.columns, strict=True)]
    changed = False
    for more in arrived:
        since, older = min(since, more.since), older or more.older
        for time, key, knew, *values in more.rows:
            since = min(since, first_known(source, time, knew))
            if isinstance(source, Table):
                place = bisect_right(times, time)
                if place and times[place - 1] == time:
                    place -= 1
                    del times[place]
                    for column in columns:
                        del column[place]
            else:
                if key in keys:
                    place = keys.index(key)
                    if known is None or known[place] <= knew:
                        continue
                    del times[place], keys[place], known[place]
                    for column in columns:
                        del column[place]
                place = bisect_left(times, time)
                while place < len(times) and times[place] == time and order_of(keys[place]) < order_of(key):
                    place += 1
                keys.insert(place, key)
                if known is not None:
                    known.insert(place, knew)
            times.insert(place, time)
            for column, value in zip(columns, values, strict=True):
                column.insert(place, value)
            changed = True
    begin = kept_from(source, times, floor)
    if not changed and not begin:
        return Settled(since, older, run.times, run.known, run.columns, run.ids)
    return Settled(
        since,
        older,
        times_of(times[begin:]),
        times_of(known[begin:]) if known is not None else None,
        [column_of(kind, items[begin:]) for kind, items in zip(kinds, columns, strict=True)],
        packed_ids(keys[begin:]) if isinstance(source, Events) else None,
    )


@dataclass(frozen=True, eq=False, slots=True)
class Whole:
    """All events of one customer.

    Attributes:
        block: Of this one customer.
        ids: Of each event, in the order of the block; ``None`` for versions of a row.
        since: First moment at which anything was known of the customer.
        older: Whether a run says that there are older ones elsewhere.
    """

    block: Block
    ids: Values | None
    since: int
    older: bool

    def __len__(self) -> int:
        return len(self.block)


def joined(holding: Holding, runs: Sequence[Run]) -> Whole:
    """The runs of one customer, in order of arrival, as a block."""
    since = min(run.since for run in runs)
    times, known = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    keys: list[Key] = []
    columns = [[Values.missing(kind, 0)] for kind in holding.columns.values()]
    for run in runs:
        if isinstance(run, Settled):
            times.append(array(run.times, "q"))
            if run.known is not None:
                known.append(array(run.known, "q"))
            if run.ids is not None:
                keys += unpacked_ids(run.ids)
            more = [values_of(kind, column) for kind, column in zip(holding.columns.values(), run.columns, strict=True)]
        elif run.rows:
            at, ids, knew, *values = zip(*run.rows, strict=True)
            times.append(np.array(at, dtype=np.int64))
            if late(holding):
                known.append(np.array(knew, dtype=np.int64))
            since = min(since, *map(first_known, [holding.source] * len(at), at, knew))
            keys += ids
            more = [
                values_of(kind, column_of(kind, i)) for kind, i in zip(holding.columns.values(), values, strict=True)
            ]
        else:
            continue
        for parts, one in zip(columns, more, strict=True):
            parts.append(one)
    named = {name: Values.concat(parts) for name, parts in zip(holding.columns, columns, strict=True)}
    block, ids_there = canonical(
        holding.source,
        1,
        np.zeros(sum(map(len, times)), dtype=np.int64),
        np.concatenate(times),
        named,
        known=np.concatenate(known) if late(holding) else None,
        ids=KeyIds(keys) if isinstance(holding.source, Events) else None,
    )
    return Whole(block, ids_there, since, any(run.older for run in runs))


def canonical(
    source: Table | Events,
    customers: int,
    codes: Array,
    times: Array,
    columns: Mapping[str, Values],
    *,
    known: Array | None,
    ids: KeyIds | None,
) -> tuple[Block, Values | None]:
    """As :meth:`Block.build <vigie.features.history.Block.build>`, and the ids in the order of the block.

    Of several versions of a row of one moment, only the last to arrive stays: no other is ever looked at.
    """
    if ids is not None:
        block = Block.build(customers, codes, times, {**columns, _IDS: id_values(ids.keys)}, known_at=known, ids=ids)
        named = dict(block.columns)
        there = named.pop(_IDS)
        return Block(block.offsets, block.times, named, block.known_at), there
    block = Block.build(customers, codes, times, columns)
    if isinstance(source, Table) and len(block) > 1:
        of = block.codes
        last = np.append((of[1:] != of[:-1]) | (block.times[1:] != block.times[:-1]), True)
        block = block if last.all() else block.where(last)
    return block, None


def id_values(keys: Sequence[Key]) -> Values:
    """Ids as a column, so that they are put in order with the others: TIME where all are numbers."""
    if all(type(key) is int for key in keys):
        return Values(Kind.TIME, np.array(keys, dtype=np.int64))
    data = np.empty(len(keys), dtype=object)
    data[:] = keys
    return Values(Kind.TEXT, data)


# -- between runs and blocks -----------------------------------------------------------------------------------------


def values_of(kind: Kind, column: Column) -> Values:
    """A column of a settled run, for the kernel."""
    match kind:
        case Kind.NUMBER | Kind.TIME:
            return Values(kind, array(column.data, form_of(kind)))
        case Kind.BOOLEAN:
            return Values(kind, booleans(array(column.data, "b")))
        case Kind.CATEGORY:
            return Values(kind, array(column.data, "h").astype(np.int32), tuple(column.words))
        case Kind.TEXT:
            data = np.empty(len(items := items_of(kind, column)), dtype=object)
            data[:] = items
            return Values(kind, data)


def booleans(codes: Array) -> Array:
    """0, 1 and −1 as float64: 0, 1 and NaN."""
    return np.asarray(np.array([0.0, 1.0, np.nan])[codes])


class Slices:
    """A block's columns as they stand in runs, so that the run of one customer is some slices of them.

    Args:
        holding: How the block is held.
        block: In canonical order.
        ids: As :func:`id_values` made them, in the block's order.
    """

    def __init__(self, holding: Holding, block: Block, ids: Values | None) -> None:
        self._block, self._ids = block, ids
        self._times = raw(block.times, "q")
        self._known = raw(block.known_at, "q") if block.known_at is not None else None
        self._columns = [(kind, _sliced(kind, block.columns[name])) for name, kind in holding.columns.items()]
        self._numbers = raw(ids.data, "q") if ids is not None and ids.kind is Kind.TIME else None

    def run(self, begin: int, end: int, since: int, *, older: bool) -> Settled:
        """The events at ``begin:end``, all of one customer."""
        known = self._known[8 * begin : 8 * end] if self._known is not None else None
        columns = [cut(begin, end) for _, cut in self._columns]
        ids = None
        if self._numbers is not None:
            ids = memoryview(b"n" + self._numbers[8 * begin : 8 * end])
        elif self._ids is not None:
            ids = packed_ids(self._ids.data[begin:end].tolist())
        return Settled(since, older, self._times[8 * begin : 8 * end], known, columns, ids)


def _sliced(kind: Kind, values: Values) -> Callable[[int, int], Column]:
    n = len(values)
    nulls = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(values.nulls(), out=nulls[1:])

    def has_nulls(begin: int, end: int) -> int:
        return HAS_NULLS if nulls[end] > nulls[begin] else 0

    match kind:
        case Kind.NUMBER:
            data = raw(values.data, "d")
            with np.errstate(all="ignore"):
                scaled = np.ldexp(np.where(np.abs(values.data) < 1.0, values.data, 0.0), 52)
            off = np.zeros(n + 1, dtype=np.int64)
            np.cumsum(scaled != np.rint(scaled), out=off[1:])
            return lambda b, e: Column(data[8 * b : 8 * e], [], has_nulls(b, e) | (OFF_GRID if off[e] > off[b] else 0))
        case Kind.TIME:
            moments = raw(values.data, "q")
            return lambda b, e: Column(moments[8 * b : 8 * e], [], has_nulls(b, e))
        case Kind.BOOLEAN:
            codes = raw(np.where(np.isnan(values.data), -1, values.data).astype(np.int8), "b")
            return lambda b, e: Column(codes[b:e], [], has_nulls(b, e))
        case Kind.CATEGORY:
            texts = values.categories

            def category(begin: int, end: int) -> Column:
                there, local = np.unique(values.data[begin:end], return_inverse=True)
                null = int(len(there) > 0 and there[0] < 0)
                words = [texts[code] for code in there[null:].tolist()]
                return Column(raw((local - null).astype(np.int16), "h"), words, HAS_NULLS if null else 0)

            return category
        case Kind.TEXT:
            return lambda b, e: Column(memoryview(encode(values.data[b:e].tolist())), [], has_nulls(b, e))
