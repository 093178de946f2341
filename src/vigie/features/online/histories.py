"""The online histories of customers: put in whenever events come, read at the moment of a request.

For each source and customer a store holds a short list of runs: one that is settled, and behind it what arrived since.
Where a history is long, its oldest events stand in runs of a second table, which is read only then; a new event
rewrites nothing of it, and what became too old is dropped there run by run.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vigie.clock import Clock, iso
from vigie.definition.kind import Kind
from vigie.definition.source import Events, Table
from vigie.errors import FeatureError, StoreError, did_you_mean
from vigie.features.history import Block, Histories
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.codec import (
    EVER,
    NEVER,
    Column,
    Settled,
    array,
    column_of,
    decode,
    encode,
    form_of,
    items_of,
    unpacked_ids,
)
from vigie.features.online.holding import Holding
from vigie.features.online.run_store import Run, RunStore
from vigie.features.online.settling import (
    LONGEST,
    Whole,
    booleans,
    events_in,
    joined,
    late,
    merged,
    settle,
    values_of,
    without,
)
from vigie.features.online.settling import Run as Decoded
from vigie.features.values import Array, Values

log = logging.getLogger(__name__)

MANY = 16
"""Runs of one customer that a reader leaves as they are."""
PENDING = 64
"""Runs that a writer adds to one customer before it settles them itself."""
_REMEMBERED = 100_000
_AT_ONCE = 100
_OLDER = "+older"

Part = Settled | Whole | None
"""The history of one customer in one source: ``None`` where nothing was ever known of him there."""


@dataclass(frozen=True, eq=False, slots=True)
class OnlineBlocks(Histories):
    """Histories with what trimming leaves of events.

    Attributes:
        since: For each source and customer the first moment at which anything was known, events that are held no more
            included: int64 µs, :data:`~vigie.features.online.codec.NEVER` for nothing, by source.
    """

    since: Mapping[str, Array]


class OnlineHistories:
    """The histories of all customers in a store. Safe to use from several threads, if the store is.

    Args:
        store: Where they are.
        holdings: What of each source is held, by the source's name.
        keep: How far back, µs, moments may lie beyond the longest window.
        clock: Tells what is too old.
    """

    def __init__(self, store: RunStore, holdings: Mapping[str, Holding], *, keep: int, clock: Clock) -> None:
        self.store = store
        self.holdings = dict(holdings)
        self.keep = keep
        self._clock = clock
        self._appended: dict[tuple[str, str], int] = {}
        self._sweep: Iterator[tuple[str, str]] = iter(())

    @property
    def tables(self) -> list[str]:
        """All tables of the store that these histories are in."""
        return [name for holding in self.holdings.values() for name in (holding.table, holding.table + _OLDER)]

    def floor(self, source: str) -> int:
        """Events of *source* before this moment are not held; versions of a row, if another one followed before it."""
        window = self._holding(source).window
        return EVER if window is None else self._clock.now() - window - self.keep

    @property
    def local(self) -> bool:
        """Whether the store is of this machine, so that a look at it takes no longer than starting a thread."""
        return type(self.store).__name__ in ("MemoryStore", "SqliteStore")

    def check(self, as_of: int, sources: Collection[str]) -> None:
        """Returns if features of *sources* can be computed at *as_of*.

        Raises:
            FeatureError: It lies further back than anything is kept for.
        """
        earliest = self._clock.now() - self.keep
        if as_of >= earliest:
            return
        for source in sources:
            holding = self._holding(source)
            always = isinstance(holding.source, Table) and holding.source.known_at is None
            if holding.window is not None and not always:
                raise FeatureError(
                    f"{iso(as_of)} lies before {iso(earliest)}, and what was known of '{source}' then is held no more",
                    where="as_of",
                    remedy="ask for a later moment, score the batch, or keep more: [online] keep in vigie.toml",
                )

    # -- writing -----------------------------------------------------------------------------------------------------

    def put(self, source: str, arrivals: Arrivals, facts: Mapping[str, bytes] | None = None) -> None:
        """Take in events, in any order and any number of times; with *facts*, all of it or nothing.

        Raises:
            FeatureError: *arrivals* is not what is held of the source.
            StoreError: Nothing was put.
        """
        holding = self._holding(source)
        runs = arrivals.runs(holding, self.floor(source))
        self.store.append(runs, facts)
        appended, full, before = self._appended, [], None
        for run in runs:
            place = run[:2]
            count = appended.get(place, 0) + 1
            appended[place] = count
            if count >= PENDING or place == before:
                full.append(place)
            before = place
        for place in dict.fromkeys(full):
            appended.pop(place, None)
            self._settle_quietly(holding, place[1])
        if len(appended) > _REMEMBERED:
            appended.clear()

    def erase(self, customers: Sequence[str]) -> None:
        """Remove everything of *customers*.

        Raises:
            StoreError: Nothing was removed.
        """
        self.store.erase([(table, customer) for table in self.tables for customer in customers])

    def compact(self, limit: int, *, runs: int = 8) -> int:
        """Settle up to *limit* customers: those with so many runs, then others in turn, to drop what is too old.

        Returns:
            How many were looked at. Fewer than *limit*: all were, and the next call begins again.

        Raises:
            StoreError: The store cannot be read or written.
        """
        done = 0
        for holding in self.holdings.values():
            for customer in self.store.customers(holding.table, runs=runs):
                if done >= limit:
                    return done
                self._settle(holding, customer)
                done += 1
        by_table = {holding.table: holding for holding in self.holdings.values() if holding.window is not None}
        while done < limit:
            place = next(self._sweep, None)
            if place is None:
                self._sweep = ((table, c) for table in by_table for c in self.store.customers(table))
                return done
            if place[0] in by_table:
                self._settle(by_table[place[0]], place[1], thoroughly=True)
            done += 1
        return done

    def _settle_quietly(self, holding: Holding, customer: str) -> None:
        try:
            self._settle(holding, customer)
        except StoreError as error:
            log.warning("runs of '%s' stay unsettled: %s", holding.source.name, error)

    def _settle(self, holding: Holding, customer: str, *, thoroughly: bool = False) -> None:
        place = (holding.table, customer)
        old = self.store.read([place])[0]
        if not old:
            return
        runs = [decode(data) for data in old]
        floor = self.floor(holding.source.name)
        thoroughly = thoroughly and any(run.older for run in runs)
        if len(runs) == 1 and isinstance(runs[0], Settled) and not thoroughly and not _begins_before(runs[0], floor):
            return
        cuts, rest = settle(holding, runs, floor)
        if cuts or thoroughly:
            cuts = self._not_yet_older(holding, customer, cuts, floor)
            # Behind them first: a reader, or a crash, in between finds events twice, never not at all.
            self.store.append([Run(holding.table + _OLDER, customer, encode(run)) for run in cuts])
        self.store.replace(*place, old, [encode(rest)])

    def _not_yet_older(self, holding: Holding, customer: str, cuts: list[Settled], floor: int) -> list[Settled]:
        """*cuts* without the events that stand among the older runs already; of those, what is too old is dropped."""
        table = holding.table + _OLDER
        old = self.store.read([(table, customer)])[0]
        runs = [run for run in map(decode, old) if isinstance(run, Settled)]
        gone = 0
        while gone < len(runs) and (not len(runs[gone]) or int(array(runs[gone].times, "q")[-1]) < floor):
            gone += 1
        if gone:
            self.store.replace(table, customer, old[:gone], [])
        if not isinstance(holding.source, Events) or late(holding):
            return cuts
        there = {key for run in runs[gone:] if run.ids is not None for key in unpacked_ids(run.ids)}
        return [without(holding, cut, there) for cut in cuts]

    # -- reading -----------------------------------------------------------------------------------------------------

    def places(self, customers: Sequence[str], sources: Collection[str]) -> list[tuple[str, str]]:
        """What :meth:`glance` reads of the store: (table, customer).

        Raises:
            FeatureError: A source is not held.
        """
        return [(table, key) for table in [self._holding(source).table for source in sources] for key in customers]

    def glance(
        self, customers: Sequence[str], sources: Collection[str], lists: Sequence[Sequence[bytes]] | None = None
    ) -> tuple[dict[str, list[Part]], bool]:
        """What is held of *customers*, one read of the store.

        Args:
            customers: Their keys.
            sources: Names of sources.
            lists: What the store has at :meth:`places`, where that was read already.

        Returns:
            By source, for each customer his history; and whether some are longer than that: then what is there of those
            is only their newest events, and :meth:`parts` must be asked, better not where others wait.

        Raises:
            StoreError: The store cannot be read.
            FeatureError: A source is not held.
        """
        held = [self._holding(source) for source in sources]
        if lists is None:
            lists = self.store.read([(holding.table, customer) for holding in held for customer in customers])
        found: dict[str, list[Part]] = {}
        more, at = False, 0
        for source, holding in zip(sources, held, strict=True):
            parts: list[Part] = []
            for customer in customers:
                data = lists[at]
                at += 1
                if not data:
                    parts.append(None)
                    continue
                if len(data) == 1:
                    run = decode(data[0])
                    if isinstance(run, Settled):
                        more = more or run.older
                        parts.append(run)
                        continue
                    runs: list[Decoded] = [run]
                else:
                    runs = [decode(one) for one in data]
                    if len(data) > MANY:
                        self._settle_quietly(holding, customer)
                more = more or any(run.older for run in runs)
                parts.append(_part(holding, runs))
            found[source] = parts
        return found, more

    def parts(self, customers: Sequence[str], sources: Collection[str]) -> dict[str, list[Part]]:
        """What is held of *customers*, long histories whole: as :meth:`glance`, and as many events as there are."""
        found, more = self.glance(customers, sources)
        if not more:
            return found
        for source, parts in found.items():
            holding = self._holding(source)
            for i, part in enumerate(parts):
                if part is not None and part.older:
                    parts[i] = self._whole(holding, customers[i])
        return found

    def _whole(self, holding: Holding, customer: str) -> Whole:
        # The newest first: what is moved to the older ones in between is then read twice, not missed.
        newest, older = self.store.read([(holding.table, customer), (holding.table + _OLDER, customer)])
        return joined(holding, [decode(data) for data in (*older, *newest)])

    def blocks(self, customers: Sequence[str], sources: Collection[str]) -> OnlineBlocks:
        """The histories of *customers* for the kernel.

        Args:
            customers: Keys, each once; codes in the blocks are positions in their sorted order.
            sources: Names.

        Raises:
            StoreError: The store cannot be read.
            FeatureError: A source is not held.
        """
        ordered = sorted(customers)
        return self.joined(ordered, self.parts(ordered, sources))

    def joined(self, customers: Sequence[str], parts: Mapping[str, Sequence[Part]]) -> OnlineBlocks:
        """The blocks of what :meth:`parts` has found of *customers*, sorted."""
        keys = np.empty(len(customers), dtype=object)
        keys[:] = customers
        since = {
            source: np.array([NEVER if part is None else part.since for part in of], dtype=np.int64)
            for source, of in parts.items()
        }
        blocks = {source: _block(self._holding(source), of) for source, of in parts.items()}
        return OnlineBlocks(keys, blocks, since)

    def _holding(self, source: str) -> Holding:
        found = self.holdings.get(source)
        if found is None:
            raise FeatureError(
                f"no history of '{source}' is held online",
                where=source,
                remedy=did_you_mean(source, self.holdings) + "; then run `vigie features materialise`",
            )
        return found


def _begins_before(run: Settled, floor: int) -> bool:
    return len(run) > 0 and int(array(run.times, "q")[0]) < floor


def _part(holding: Holding, runs: Sequence[Decoded]) -> Settled | Whole:
    return merged(holding, runs) if sum(map(events_in, runs)) <= 2 * LONGEST else joined(holding, runs)


def _block(holding: Holding, parts: Sequence[Part]) -> Block:
    there = [part for part in parts if part is not None]
    sizes = np.array([0 if part is None else len(part) for part in parts], dtype=np.int64)
    offsets = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    runs = [part for part in there if isinstance(part, Settled)]
    if len(runs) < len(there):
        return _block_of_long(holding, parts, offsets)
    times = array(b"".join([run.times for run in runs]), "q")
    known = array(b"".join([run.known or b"" for run in runs]), "q") if late(holding) else None
    columns = {
        name: _column(kind, [run.columns[i] for run in runs]) for i, (name, kind) in enumerate(holding.columns.items())
    }
    return Block(offsets, times, columns, known)


def _column(kind: Kind, columns: Sequence[Column]) -> Values:
    match kind:
        case Kind.NUMBER | Kind.TIME:
            return Values(kind, array(b"".join([column.data for column in columns]), form_of(kind)))
        case Kind.BOOLEAN:
            return Values(kind, booleans(array(b"".join([column.data for column in columns]), "b")))
        case Kind.TEXT:
            return values_of(kind, column_of(kind, [item for column in columns for item in items_of(kind, column)]))
        case Kind.CATEGORY:
            codes = array(b"".join([column.data for column in columns]), "h").astype(np.int64)
            words: dict[str, int] = {}
            table = [words.setdefault(word, len(words)) for column in columns for word in column.words]
            counts = np.array([len(column.words) for column in columns], dtype=np.int64)
            begins = np.repeat(np.cumsum(counts) - counts, [len(column.data) // 2 for column in columns])
            place = np.where(codes < 0, -1, codes + begins)
            return Values(kind, np.array([*table, -1], dtype=np.int32)[place], tuple(words))


def _block_of_long(holding: Holding, parts: Sequence[Part], offsets: Array) -> Block:
    times, known = [], []
    columns: list[list[Values]] = [[] for _ in holding.columns]
    for part in parts:
        if isinstance(part, Settled):
            times.append(array(part.times, "q"))
            known.append(array(part.known or b"", "q"))
            for of, kind, column in zip(columns, holding.columns.values(), part.columns, strict=True):
                of.append(values_of(kind, column))
        elif part is not None:
            times.append(part.block.times)
            known.append(part.block.known_at if part.block.known_at is not None else times[-1][:0])
            for of, name in zip(columns, holding.columns, strict=True):
                of.append(part.block.columns[name])
    named = {name: Values.concat(of) for name, of in zip(holding.columns, columns, strict=True)}
    return Block(offsets, np.concatenate(times), named, np.concatenate(known) if late(holding) else None)
