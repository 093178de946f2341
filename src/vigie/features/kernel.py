"""The feature kernel: one function over (histories, customers at moments) → values, for every caller.

Training sets, batch scoring and an online store all call :func:`evaluate`; they differ in the blocks they bring.
Which events count is decided here and in :mod:`~vigie.features.windows`; how they are aggregated, in
:mod:`~vigie.features.aggregates`; operations on the results, in :mod:`~vigie.features.rowwise`; whose history is looked
at where a feature is of what a customer belongs to, in :mod:`~vigie.features.entities`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from vigie.definition.aggregate import Aggregate, AtMoment
from vigie.definition.expression import Feature, Moment
from vigie.definition.kind import Kind
from vigie.definition.related import Related
from vigie.definition.source import Column, Events
from vigie.errors import FeatureError, did_you_mean
from vigie.features import rowwise
from vigie.features.aggregates import AGGREGATE, Scope
from vigie.features.entities import EntityRows, Relations, found_in, named_keys, stages_of
from vigie.features.expanded import chunks, positions
from vigie.features.history import Block, Histories
from vigie.features.rowwise import leaf_name, leaves_of
from vigie.features.values import Array, Values, picked
from vigie.features.windows import Rows, Windows

NONE: Mapping[str, Histories] = MappingProxyType({})
"""Relations of features that have none."""


def evaluate(
    features: Sequence[Feature], blocks: Mapping[str, Block], rows: Rows, relations: Relations = NONE
) -> list[Values]:
    """Values of *features* for customers at moments.

    Args:
        features: What to compute.
        blocks: The history of every source that the features read by the customer's own key
            (:func:`~vigie.definition.related.own_sources`), by source name; all with the same customers.
        rows: Customers at moments, in order of (customer, moment).
        relations: Of every source that is read by another key (:func:`~vigie.definition.related.related_sources`), by
            source name, the histories of its entities: all of them; or, where they are got by key, a function that is
            asked for the entities named, stage by stage (:data:`~vigie.features.entities.Fetch`).

    Returns:
        For each feature, one value a row.

    Raises:
        FeatureError: A source is not among *blocks*, or has not the column.
    """
    leaves = {leaf.fingerprint: leaf for feature in features for leaf in leaves_of(feature)}
    found = leaf_values(leaves.values(), blocks, rows, relations)
    return [
        rowwise.evaluate(feature, {leaf_name(leaf): found[leaf.fingerprint] for leaf in leaves_of(feature)}, len(rows))
        for feature in features
    ]


def leaf_values(
    leaves: Iterable[Feature], blocks: Mapping[str, Block], rows: Rows, relations: Relations = NONE
) -> dict[str, Values]:
    """Values of leaf features, by fingerprint; arguments as in :func:`evaluate`. Those of keys may be among them."""
    chosen = list(leaves)
    stages = stages_of(chosen)
    keys = {related.key.fingerprint: related.key for stage in stages for related in stage}
    chosen += [leaf for key in keys.values() for leaf in leaves_of(key)]
    found = _own_values({leaf.fingerprint: leaf for leaf in chosen if not isinstance(leaf, Related)}, blocks, rows)
    for stage in stages:
        found |= _related_values(stage, found, rows, relations)
    return found


def _own_values(leaves: Mapping[str, Feature], blocks: Mapping[str, Block], rows: Rows) -> dict[str, Values]:
    found: dict[str, Values] = {}
    of_events: dict[Events, list[Aggregate]] = {}
    for leaf in leaves.values():
        match leaf:
            case Aggregate():
                of_events.setdefault(leaf.events, []).append(leaf)
            case Column():
                found[leaf.fingerprint] = latest_row(leaf, _block(blocks, leaf.source.name), rows)
            case AtMoment():
                found[leaf.fingerprint] = _at_moment(leaf, _block(blocks, leaf.value.events.name), rows)
            case Moment():
                found[leaf.fingerprint] = Values(Kind.TIME, rows.moments)
            case _:  # pragma: no cover
                raise AssertionError(type(leaf))
    for events, aggregates in of_events.items():
        block = _filtered(events, _block(blocks, events.name))
        found |= _aggregated(aggregates, block, rows)
    return found


def _related_values(
    stage: Sequence[Related], found: Mapping[str, Values], rows: Rows, relations: Relations
) -> dict[str, Values]:
    """Values of related features whose keys' leaves are *found*."""
    by_key: dict[tuple[str, str], list[Related]] = {}
    keys: dict[str, Values] = {}
    wanted: dict[str, dict[str, None]] = {}
    for related in stage:
        key, source = related.key, related.source.name
        if key.fingerprint not in keys:
            known = {leaf_name(leaf): found[leaf.fingerprint] for leaf in leaves_of(key)}
            keys[key.fingerprint] = rowwise.evaluate(key, known, len(rows))
        by_key.setdefault((key.fingerprint, source), []).append(related)
    for fingerprint, source in by_key:
        wanted.setdefault(source, {}).update(dict.fromkeys(named_keys(keys[fingerprint])))
    histories = found_in(relations, {source: list(names) for source, names in wanted.items()})
    values: dict[str, Values] = {}
    for (fingerprint, source), of_entity in by_key.items():
        entities = EntityRows.of(keys[fingerprint], rows.moments, histories[source], source)
        inner = {related.inner.fingerprint: related.inner for related in of_entity}
        computed = _own_values(inner, {source: entities.block}, entities.rows)
        values |= {r.fingerprint: entities.put_back(computed[r.inner.fingerprint]) for r in of_entity}
    return values


def known_rows(block: Block, rows: Rows, *, versioned: bool) -> Array:
    """For each row, the position behind the customer's last version known at the moment (``known_at ≤ t``)."""
    if not versioned:
        return np.asarray(block.offsets[rows.codes.astype(np.int64) + 1])
    return Windows(block, rows).before(1)


def latest_row(column: Column, block: Block, rows: Rows) -> Values:
    """A column of a table as known at each row's moment; null where no row of the customer was known."""
    values = _column(column.column, block, column.source.name)
    behind = known_rows(block, rows, versioned=column.source.known_at is not None)
    return picked(values, behind - 1, behind <= block.offsets[rows.codes])


def _block(blocks: Mapping[str, Block], name: str) -> Block:
    if name not in blocks:
        raise FeatureError(f"no history of '{name}'", where=name, remedy=did_you_mean(name, blocks))
    return blocks[name]


def _column(name: str, block: Block, source: str) -> Values:
    if name not in block.columns:
        raise FeatureError(f"'{source}' has no column '{name}'", where=source, remedy=did_you_mean(name, block.columns))
    return block.columns[name]


def _filtered(events: Events, block: Block) -> Block:
    if events.condition is None:
        return block
    condition = rowwise.evaluate(events.condition, block.columns, len(block))
    return block.where(condition.data == 1)


def _at_moment(leaf: AtMoment, block: Block, rows: Rows) -> Values:
    if rows.events is None:
        raise FeatureError(
            f"'{leaf.name}' needs the event that the moment is taken at",
            where=leaf.name,
            remedy=f"use it with moments=at({leaf.value.events.name})",
        )
    return rowwise.evaluate(leaf.value, block.columns, len(block)).take(rows.events)


def _aggregated(aggregates: Sequence[Aggregate], block: Block, rows: Rows) -> dict[str, Values]:
    scope = Scope(Windows(block, rows))
    found = {a.fingerprint: AGGREGATE[a.function](scope, a) for a in aggregates}
    past = [a for a in aggregates if not a.future]
    if block.known_at is None or not past:
        return found
    # Some events happened before the moment and became known after it: those rows are computed one history each.
    behind = Windows(block, rows).before(0)
    touched = np.flatnonzero(_has_unknown(block, rows, behind))
    start = block.offsets[rows.codes[touched]]
    size = behind[touched] - start
    for first, last in chunks(size):
        part = rows.take(touched[first:last])
        own = _known_histories(block, start[first:last], size[first:last], part.moments)
        alone = Rows(np.arange(len(part), dtype=np.int64), part.moments)
        corrected = Scope(Windows(own, alone))
        for aggregate in past:
            values = AGGREGATE[aggregate.function](corrected, aggregate)
            found[aggregate.fingerprint].data[touched[first:last]] = values.data
    return found


def _has_unknown(block: Block, rows: Rows, behind: Array) -> Array:
    """Where an event with ``time < t`` has ``known_at > t``: mask of shape (rows,)."""
    assert block.known_at is not None
    late = block.known_at > block.times + 1
    if not late.any():
        return np.zeros(len(rows), dtype=bool)
    happened = np.concatenate([[0], np.cumsum(late, dtype=np.int64)])
    codes, known = block.codes[late], block.known_at[late]
    order = np.lexsort((known, codes))
    learnt = Block(happened[block.offsets], known[order], {})
    n_happened = happened[behind] - happened[block.offsets[rows.codes]]
    n_learnt = Windows(learnt, rows).before(1) - learnt.offsets[rows.codes]
    return np.asarray(n_happened > n_learnt)


def _known_histories(block: Block, start: Array, size: Array, moments: Array) -> Block:
    """For each moment a history of its own, with the events known by then."""
    assert block.known_at is not None
    place, _ = positions(start, size)
    known = block.known_at[place] <= np.repeat(moments, size)
    row = np.repeat(np.arange(len(size), dtype=np.int64), size)[known]
    place = place[known]
    offsets = np.zeros(len(size) + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=len(size)), out=offsets[1:])
    columns = {name: values.take(place) for name, values in block.columns.items()}
    return Block(offsets, block.times[place], columns)
