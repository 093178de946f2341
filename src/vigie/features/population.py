"""Which customers are looked at when: the rows of a training set, before its population condition.

* ``every(...)``: at each moment everybody who was known by then: an event before it, a row known at it, or a row of a
  table that does not say since when.
* ``at(source)``: one row for each event, or for each moment at which rows of the table became known.
* ``once(...)``: everybody who has a row in a table; where no table is read, everybody with an event.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vigie.definition.moments import At, Every, Moments, Once
from vigie.definition.source import Events, Table
from vigie.features import rowwise
from vigie.features.history import Block, Histories
from vigie.features.kernel import known_rows
from vigie.features.moments import schedule
from vigie.features.values import Array
from vigie.features.windows import Rows

_NEVER = int(np.iinfo(np.int64).max)
_EVER = int(np.iinfo(np.int64).min)


def training_rows(
    moments: Moments, sources: Mapping[str, Table | Events], histories: Histories, *, earliest: int | None, as_of: int
) -> Rows:
    """Customers and moments up to *as_of*, in order of (customer, moment, event).

    Args:
        moments: When customers are scored.
        sources: The sources of the score, by name.
        histories: Some of the customers.
        earliest: First moment of all histories; snapshots begin there.
        as_of: No moment after it.
    """
    match moments:
        case Every():
            known = _known_since(sources, histories)
            at = schedule(moments, as_of if earliest is None else earliest, as_of)
            first = np.searchsorted(at, known)
            counts = len(at) - first
            codes = np.repeat(np.arange(len(known), dtype=np.int64), counts)
            place = np.arange(len(codes), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts - first, counts)
            return Rows(codes, at[place])
        case At():
            return _rows_at(moments.source, histories.blocks[moments.source.name])
        case Once():
            at_once = as_of if moments.moment is None else moments.moment
            return _rows_once(sources, histories, at_once)


def scoring_rows(moments: Moments, sources: Mapping[str, Table | Events], histories: Histories, *, as_of: int) -> Rows:
    """Customers as they are scored at *as_of*: everybody at that moment; for ``at(source)``, the latest moment of each."""
    match moments:
        case Every():
            codes = np.flatnonzero(_known_since(sources, histories) <= as_of)
            return Rows(codes, np.full(len(codes), as_of, dtype=np.int64))
        case At():
            rows = _rows_at(moments.source, histories.blocks[moments.source.name])
            return rows.take(np.append(rows.codes[1:] != rows.codes[:-1], True)[: len(rows)])
        case Once():
            return _rows_once(sources, histories, as_of)


def _known_since(sources: Mapping[str, Table | Events], histories: Histories) -> Array:
    """First moment at which anything was known of each customer: int64 µs."""
    since = np.full(len(histories.customers), _NEVER)
    for name, source in sources.items():
        block = histories.blocks[name]
        there = np.flatnonzero(np.diff(block.offsets))
        if not len(there):
            continue
        if isinstance(source, Table) and source.known_at is None:
            since[there] = _EVER
        else:
            # An event counts from the microsecond after it, or when it became known.
            known = block.times if isinstance(source, Table) else block.times + 1
            if block.known_at is not None:
                known = np.maximum(known, block.known_at)
            since[there] = np.minimum(since[there], np.minimum.reduceat(known, block.offsets[there]))
    return since


def _rows_at(source: Table | Events, block: Block) -> Rows:
    codes, place = block.codes, np.arange(len(block), dtype=np.int64)
    if isinstance(source, Table):
        first = np.append(True, (codes[1:] != codes[:-1]) | (block.times[1:] != block.times[:-1]))[: len(block)]
        return Rows(codes[first], block.times[first])
    if source.condition is not None:
        chosen = rowwise.evaluate(source.condition, block.columns, len(block)).data == 1
        return Rows(codes[chosen], block.times[chosen], place[chosen])
    return Rows(codes, block.times, place)


def _rows_once(sources: Mapping[str, Table | Events], histories: Histories, at: int) -> Rows:
    tables = {name: source for name, source in sources.items() if isinstance(source, Table)}
    codes = np.arange(len(histories.customers), dtype=np.int64)
    moments = np.full(len(codes), at, dtype=np.int64)
    if not tables:
        there = _known_since(sources, histories) <= at
        return Rows(codes[there], moments[there])
    everybody = Rows(codes, moments)
    there = np.zeros(len(codes), dtype=bool)
    for name, table in tables.items():
        block = histories.blocks[name]
        there |= known_rows(block, everybody, versioned=table.known_at is not None) > block.offsets[:-1]
    return everybody.take(there)
