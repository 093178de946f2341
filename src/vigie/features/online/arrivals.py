"""Events of many customers on their way into an online store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from vigie.definition.kind import Kind
from vigie.definition.source import Events
from vigie.errors import FeatureError, did_you_mean
from vigie.features.history import ALWAYS
from vigie.features.online.codec import NEVER, Arrived, encode, keys_of
from vigie.features.online.holding import Holding
from vigie.features.online.run_store import Run
from vigie.features.online.settling import KeyIds, Slices, canonical, first_knowns, kept_from, late, pieces
from vigie.features.values import Array, Values

_TOGETHER = 4
"""Where a customer has so many events on average, they are settled before they are written."""


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Events, or rows of a table, of many customers of one source, in order of arrival; *n* in all.

    Attributes:
        keys: The customer of each.
        times: Shape (n,), int64 µs: when it happened; for a version of a row, when it became known; for rows of a table
            that are true always, :data:`~vigie.features.history.ALWAYS`.
        columns: *n* values each; those that are held are used.
        ids: Identity of each event; ``None`` for rows of a table.
        known_at: Shape (n,), int64 µs, when each event became known, where the source says so.
    """

    keys: Sequence[str]
    times: Array
    columns: Mapping[str, Values]
    ids: Sequence[str] | None = None
    known_at: Array | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def runs(self, holding: Holding, floor: int) -> list[Run]:
        """What is to be appended to a store: several runs of a customer of whom more came than one holds.

        Args:
            holding: How the source is held.
            floor: Events before this moment make their customer known and are not kept.

        Raises:
            FeatureError: A column that is held is missing, or events have no ids or do not say when they became known.
        """
        for name in holding.columns:
            if name not in self.columns:
                raise FeatureError(
                    f"'{holding.source.name}' arrived without column '{name}'",
                    where=holding.source.name,
                    remedy=did_you_mean(name, self.columns),
                )
        if isinstance(holding.source, Events) and self.ids is None:
            raise FeatureError(f"events of '{holding.source.name}' arrived without ids", where=holding.source.name)
        if late(holding) and self.known_at is None:
            raise FeatureError(
                f"events of '{holding.source.name}' arrived without '{holding.source.known_at}'",
                where=holding.source.name,
            )
        if len(set(self.keys)) * _TOGETHER <= len(self.keys):
            return self._settled(holding, floor)
        return self._arrived(holding, floor)

    def _times(self, holding: Holding) -> Array:
        if not isinstance(holding.source, Events) and holding.source.known_at is None:
            return np.full(len(self), ALWAYS, dtype=np.int64)
        return self.times

    def _arrived(self, holding: Holding, floor: int) -> list[Run]:
        times = self._times(holding)
        n = len(self)
        ids = keys_of(self.ids) if isinstance(holding.source, Events) and self.ids is not None else [None] * n
        known = self.known_at.tolist() if late(holding) and self.known_at is not None else [None] * n
        columns = [_plain(self.columns[name]) for name in holding.columns]
        rows = zip(times.tolist(), ids, known, *columns, strict=True)
        table = holding.table
        groups: dict[str, list[tuple[object, ...]]] = {}
        forgotten: dict[str, int] = {}
        for key, row in zip(self.keys, rows, strict=True):
            group = groups.get(key)
            if group is None:
                groups[key] = [row]
            else:
                group.append(row)
        if isinstance(holding.source, Events) and n and int(times.min()) < floor:
            since = first_knowns(holding.source, times, self.known_at if late(holding) else None)
            for position in np.flatnonzero(times < floor).tolist():
                key = self.keys[position]
                forgotten[key] = min(forgotten.get(key, NEVER), int(since[position]))
            groups = {
                key: [row for row in group if row[0] >= floor] if key in forgotten else group  # type: ignore[operator]
                for key, group in groups.items()
            }
        return [
            Run(table, key, encode(Arrived(forgotten.get(key, NEVER), False, group)))  # type: ignore[arg-type]
            for key, group in groups.items()
        ]

    def _settled(self, holding: Holding, floor: int) -> list[Run]:
        source, times = holding.source, self._times(holding)
        index: dict[str, int] = {}
        codes = np.array([index.setdefault(key, len(index)) for key in self.keys], dtype=np.int64)
        block, ids = canonical(
            source,
            len(index),
            codes,
            times,
            {name: self.columns[name] for name in holding.columns},
            known=self.known_at if late(holding) else None,
            ids=KeyIds(keys_of(self.ids)) if isinstance(source, Events) and self.ids is not None else None,
        )
        offsets = block.offsets.tolist()
        since = np.minimum.reduceat(first_knowns(source, block.times, block.known_at), block.offsets[:-1]).tolist()
        slices = Slices(holding, block, ids)
        runs = []
        for customer, code in index.items():
            begin, end = offsets[code], offsets[code + 1]
            begin += kept_from(source, block.times[begin:end].tolist(), floor) if block.times[begin] < floor else 0
            cuts, rest = pieces(slices, begin, end, since[code], older=False)
            # None goes to the older ones from here: what arrived before may hold the same ids, and goes first.
            runs += [
                Run(holding.table, customer, encode(msgspec.structs.replace(run, older=False))) for run in (*cuts, rest)
            ]
        return runs


def _plain(values: Values) -> list[object]:
    """As in :data:`vigie.features.online.codec.Row`."""
    data = values.strings() if values.kind in (Kind.CATEGORY, Kind.TEXT) else values.data
    found: list[object] = data.tolist()
    return found
