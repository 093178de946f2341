"""Rows of some customers, and how those of all partitions become one set in canonical order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

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


class Gathering:
    """Collects the row sets of partitions and puts their rows in canonical order.

    Values are copied into one growing array a column, so that memory holds them once, and one column twice at the end.

    Args:
        expected: Number of partitions, to guess how many rows there will be.
    """

    def __init__(self, expected: int) -> None:
        self._expected = max(expected, 1)
        self._size = 0
        self._capacity = 0
        self._columns: dict[tuple[str, str], _Growing] = {}
        self._keys: list[Array] = []
        self._sizes: list[Array] = []
        self._immature = self._unknown = 0

    def add(self, part: RowSet) -> None:
        """Add the rows of the next partition; its customers are in no other."""
        columns = {
            **{("feature", name): values for name, values in part.features.items()},
            **{("extra", name): values for name, values in part.extras.items()},
            ("", "moments"): Values(Kind.TIME, part.moments),
            ("", "labels"): Values(Kind.TEXT, part.labels),
        }
        stop = self._size + len(part)
        if stop > self._capacity:
            # Memory that is not written to costs nothing: rather too much than to copy.
            self._capacity = max(int(stop * self._expected * 1.25), 2 * self._capacity)
        for name, values in columns.items():
            if name not in self._columns:
                self._columns[name] = _Growing(values)
            self._columns[name].put(values, self._size, self._capacity)
        self._size = stop
        self._expected = max(self._expected - 1, 1)
        self._keys.append(part.customers)
        self._sizes.append(np.bincount(part.codes, minlength=len(part.customers)))
        self._immature += part.immature
        self._unknown += part.unknown

    def joined(self) -> RowSet:
        """All rows in order of (customer, moment), with sorted categories: the same for any partitioning."""
        keys, size = np.concatenate(self._keys), np.concatenate(self._sizes)
        order: Array | None = None
        if len(self._keys) > 1:
            by_key = pl.Series(keys.tolist(), dtype=pl.String).arg_sort().to_numpy().astype(np.int64)
            starts = np.cumsum(size) - size
            order = positions(starts[by_key], size[by_key])[0]
            keys, size = keys[by_key], size[by_key]
        columns = self._columns
        self._columns = {}
        found: dict[tuple[str, str], Values] = {}

        def finish(name: tuple[str, str]) -> None:
            found[name] = columns.pop(name).ordered(order, self._size)

        with ThreadPoolExecutor(2) as pool:
            names = list(columns)
            list(pool.map(finish, names))
        return RowSet(
            customers=np.repeat(keys, size),
            codes=np.zeros(0, dtype=np.int64),
            moments=found["", "moments"].data,
            features={name: found[role, name] for role, name in names if role == "feature"},
            extras={name: found[role, name] for role, name in names if role == "extra"},
            labels=found["", "labels"].data,
            immature=self._immature,
            unknown=self._unknown,
        )


class _Growing:
    """One column of all partitions."""

    def __init__(self, like: Values) -> None:
        self._kind = like.kind
        self._data = np.empty(0, dtype=like.data.dtype)
        self._codes: dict[str, int] = {}

    def put(self, values: Values, start: int, capacity: int) -> None:
        """Write *values* from *start* on."""
        if len(self._data) < capacity:
            grown = np.empty(capacity, dtype=self._data.dtype)
            grown[:start] = self._data[:start]
            self._data = grown
        data = values.data
        if self._kind is Kind.CATEGORY:
            table = [self._codes.setdefault(text, len(self._codes)) for text in values.categories]
            data = np.array([*table, -1], dtype=np.int32)[data]
        self._data[start : start + len(values)] = data

    def ordered(self, order: Array | None, size: int) -> Values:
        """The whole column in *order*; afterwards this holds nothing."""
        data = self._data[:size].copy() if order is None else self._data[order]
        self._data = self._data[:0].copy()
        if self._kind is not Kind.CATEGORY:
            return Values(self._kind, data)
        texts = list(self._codes)
        there = [code for code in np.unique(data).tolist() if code >= 0]
        categories = tuple(sorted(texts[code] for code in there))
        return Values(self._kind, Values(self._kind, data, tuple(texts)).recoded(categories), categories)
