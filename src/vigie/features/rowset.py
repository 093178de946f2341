"""Rows of some customers, and how those of all partitions become one set in canonical order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.expanded import positions
from vigie.features.values import Array, Values


@dataclass(eq=False, slots=True)
class RowSet:
    """Customers at moments with their values; *n* rows in order of (customer, moment).

    Attributes:
        customers: Keys: of the codes, shape (m,), or once joined of each row, shape (n,).
        codes: Shape (n,): positions in *customers*.
        moments: Shape (n,), int64 µs.
        features: By name.
        extras: By leaf name.
        labels: Shape (n,), int8.
        immature: Rows left out because their outcome lies in the future.
        unknown: Rows left out because their outcome is null.
    """

    customers: Array
    codes: Array
    moments: Array
    features: dict[str, Values]
    extras: dict[str, Values]
    labels: Array
    immature: int = 0
    unknown: int = 0

    def __len__(self) -> int:
        return len(self.moments)


def joined(parts: list[RowSet]) -> RowSet:
    """All parts as one, in order of (customer, moment), with sorted categories: the same for any partitioning.

    *parts* are emptied column by column on the way, so that memory holds the values once and one column twice.
    """
    customers, order = _order(parts)
    features = {name: [part.features.pop(name) for part in parts] for name in list(parts[0].features)}
    extras = {name: [part.extras.pop(name) for part in parts] for name in list(parts[0].extras)}

    def join(column: list[Values]) -> Values:
        whole = Values.concat(column) if len(column) > 1 else column[0]
        column.clear()
        return _canonical(whole if order is None else whole.take(order))

    with ThreadPoolExecutor(2) as pool:
        of_features = dict(zip(features, pool.map(join, features.values()), strict=True))
        of_extras = dict(zip(extras, pool.map(join, extras.values()), strict=True))
    moments = np.concatenate([part.moments for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    return RowSet(
        customers=customers,
        codes=np.zeros(0, dtype=np.int64),
        moments=moments if order is None else moments[order],
        features=of_features,
        extras=of_extras,
        labels=labels if order is None else labels[order],
        immature=sum(part.immature for part in parts),
        unknown=sum(part.unknown for part in parts),
    )


def _order(parts: Sequence[RowSet]) -> tuple[Array, Array | None]:
    """Key of every row in canonical order, and the permutation that brings rows into it; ``None`` where they are."""
    if len(parts) == 1:
        return parts[0].customers[parts[0].codes], None
    sizes = [np.bincount(part.codes, minlength=len(part.customers)) for part in parts]
    size = np.concatenate(sizes)
    keys = np.concatenate([part.customers for part in parts])
    order = np.array(sorted(range(len(keys)), key=keys.tolist().__getitem__), dtype=np.int64)
    starts = np.cumsum(size) - size
    return np.repeat(keys[order], size[order]), positions(starts[order], size[order])[0]


def _canonical(values: Values) -> Values:
    """The same with sorted categories, only those that occur."""
    if values.kind is not Kind.CATEGORY:
        return values
    there = np.unique(values.data)
    categories = tuple(sorted(values.categories[code] for code in there.tolist() if code >= 0))
    return Values(Kind.CATEGORY, values.recoded(categories), categories)
