"""Histories: the events, or the versions of rows, of many customers as one sorted columnar block.

A block is in canonical order, so that the same events make the same block wherever they come from and in whatever
order: by customer, then time, then the event's id. An event that came twice is in it once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vigie.features.values import Array, Values

ALWAYS = 0
"""Stands as time of rows that are true always, of tables that do not say when a row became known; never looked at."""

_WHOLE = re.compile(r"(0|-?[1-9][0-9]{0,17})\Z")


class Ids(Protocol):
    """Identities of events, to find duplicates and to order events of one moment."""

    @property
    def hashes(self) -> Array:
        """Shape (n,), uint64: equal for equal ids."""
        ...

    def ranks(self, positions: Array) -> Array:
        """Ranks of the ids at *positions* in the order of :func:`id_order`: int64, equal for equal ids."""
        ...


def id_order(id: str) -> tuple[int, int, str]:
    """Sorting key of ids: whole numbers by value, then all others as text.

    >>> sorted(["b", "10", "9", "09"], key=id_order)
    ['9', '10', '09', 'b']
    """
    return (0, int(id), "") if _WHOLE.match(id) else (1, 0, id)


class IdList:
    """Ids from Python strings.

    Args:
        ids: One for each event.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self.hashes: Array = np.array([hash(text) & 0xFFFF_FFFF_FFFF_FFFF for text in ids], dtype=np.uint64)

    def ranks(self, positions: Array) -> Array:
        """Ranks of the ids at *positions*, equal for equal ids."""
        chosen = [self.ids[position] for position in positions.tolist()]
        rank = {text: i for i, text in enumerate(sorted(set(chosen), key=id_order))}
        return np.array([rank[text] for text in chosen], dtype=np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """Events of *m* customers, *n* in all. Events of customer *i* are at ``offsets[i]:offsets[i + 1]``.

    Attributes:
        offsets: Shape (m + 1,), int64.
        times: Shape (n,), int64 µs, increasing for each customer. For versions of rows, when they became known.
        columns: *n* values each.
        known_at: Shape (n,), int64 µs, when each event became known; ``None``: when it happened.
    """

    offsets: Array
    times: Array
    columns: Mapping[str, Values]
    known_at: Array | None = None

    def __len__(self) -> int:
        return len(self.times)

    @property
    def customers(self) -> int:
        """Number of customers, those without events included."""
        return len(self.offsets) - 1

    @property
    def codes(self) -> Array:
        """Shape (n,), int64: the customer of each event."""
        return np.repeat(np.arange(self.customers, dtype=np.int64), np.diff(self.offsets))

    def where(self, mask: Array) -> Block:
        """Only the events at which *mask*, shape (n,), is true."""
        kept = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
        return Block(
            kept[self.offsets],
            self.times[mask],
            {name: values.take(mask) for name, values in self.columns.items()},
            None if self.known_at is None else self.known_at[mask],
        )

    def take(self, customers: Array) -> Block:
        """The histories of some customers only, shape (k,), increasing: customer *i* of the result is ``customers[i]``."""
        starts, ends = self.offsets[customers], self.offsets[customers + 1]
        offsets = np.zeros(len(customers) + 1, dtype=np.int64)
        np.cumsum(ends - starts, out=offsets[1:])
        place = np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], ends - starts)
        return Block(
            offsets,
            self.times[place],
            {name: values.take(place) for name, values in self.columns.items()},
            None if self.known_at is None else self.known_at[place],
        )

    @classmethod
    def build(
        cls,
        customers: int,
        codes: Array,
        times: Array,
        columns: Mapping[str, Values],
        *,
        known_at: Array | None = None,
        ids: Ids | None = None,
        arrival: Array | None = None,
    ) -> Block:
        """A block from events in any order.

        Args:
            customers: Number of customers.
            codes: Shape (n,), integers from 0: the customer of each event.
            times: Shape (n,), int64 µs.
            columns: *n* values each.
            known_at: Shape (n,), int64 µs, or ``None``.
            ids: Identity of each event. Of events of one customer with the same id the one known first stays, of
                those the one that arrived first. ``None``: every event is another one, as for versions of rows.
            arrival: Shape (n,), int64: when each came to the lake. Orders versions of one moment; position in the
                arrays decides where it is equal or left out.
        """
        kept = None
        if ids is not None and len(times):
            kept = _first_of_each(codes, known_at, ids, arrival)
        order = _by_customer_and_time(codes, times, kept)
        sorted_codes, sorted_times = codes[order], times[order]
        tied = np.flatnonzero((sorted_times[1:] == sorted_times[:-1]) & (sorted_codes[1:] == sorted_codes[:-1]))
        if len(tied):
            _settle_ties(order, tied, ids, arrival)
        offsets = np.zeros(customers + 1, dtype=np.int64)
        np.cumsum(np.bincount(sorted_codes, minlength=customers), out=offsets[1:])
        return cls(
            offsets,
            sorted_times,
            {name: values.take(order) for name, values in columns.items()},
            None if known_at is None else known_at[order],
        )


@dataclass(frozen=True, eq=False, slots=True)
class Histories:
    """The histories of some customers.

    Attributes:
        customers: Their keys, an object array of ``str``, sorted; codes in the blocks are positions in it.
        blocks: A block for every source, by name.
    """

    customers: Array
    blocks: Mapping[str, Block]


def _first_of_each(codes: Array, known_at: Array | None, ids: Ids, arrival: Array | None) -> Array | None:
    """Positions of the events that are not repetitions of one known earlier; ``None`` where all are."""
    ordered = np.sort(ids.hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return None
    suspects = np.flatnonzero(np.isin(ids.hashes, repeated))
    zeros = np.zeros(len(suspects), dtype=np.int64)
    rank, code = ids.ranks(suspects), codes[suspects]
    known = zeros if known_at is None else known_at[suspects]
    arrived = zeros if arrival is None else arrival[suspects]
    best = np.lexsort((suspects, arrived, known, rank, code))
    later = (rank[best][1:] == rank[best][:-1]) & (code[best][1:] == code[best][:-1])
    keep = np.ones(len(codes), dtype=bool)
    keep[suspects[best[1:][later]]] = False
    return np.flatnonzero(keep)


def _by_customer_and_time(codes: Array, times: Array, kept: Array | None) -> Array:
    """Positions in order of (customer, time, position)."""
    if kept is not None:
        return np.asarray(kept[_by_customer_and_time(codes[kept], times[kept], None)])
    n = len(times)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    base = int(times.min())
    since = times - base
    # Whole seconds need 20 bits less.
    if int(since.max()) >= 1_000_000 and not np.any(since % 1_000_000):
        since //= 1_000_000
    time_bits, place_bits = int(since.max()).bit_length(), (n - 1).bit_length()
    code_bits = int(codes.max()).bit_length()
    if code_bits + time_bits + place_bits <= 63:
        # Everything fits into one integer: sorting values is several times faster than sorting positions.
        key = codes.astype(np.int64)
        key <<= time_bits
        key |= since
        key <<= place_bits
        key |= np.arange(n, dtype=np.int64)
        key.sort()
        key &= (1 << place_bits) - 1
        return key
    return np.lexsort((times, codes))


def _settle_ties(order: Array, tied: Array, ids: Ids | None, arrival: Array | None) -> None:
    """Put events of one customer and moment in order, in place; *tied* are the places equal to the next one."""
    places = np.unique(np.concatenate([tied, tied + 1]))
    if ids is None and arrival is None:
        return  # already in order of position
    positions = order[places]
    key = ids.ranks(positions) if ids is not None else arrival[positions] if arrival is not None else positions
    # A place that does not follow a tied one begins a new run.
    run = np.cumsum(~np.isin(places - 1, tied, assume_unique=True))
    order[places] = positions[np.lexsort((positions, key, run))]
