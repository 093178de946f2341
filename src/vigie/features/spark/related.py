"""What customers belong to, on Spark: read whole by the driver, sent to every worker, and loaded there once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from vigie.features.history import Histories
from vigie.features.loading import histories_of
from vigie.features.reading import Need, SourceLake, reading_of
from vigie.features.spark.dealing import joined
from vigie.features.spark.packing import packed

_BATCH = 1_000_000
_LOADED: dict[str, dict[str, Histories]] = {}
"""In a worker's process: the relations in use, by their digest."""


@dataclass(frozen=True, eq=False)
class ShippedRelations:
    """Rows of the entities of every related source, packed.

    Attributes:
        needs: What was read of each source, by name.
        rows: Pieces of the rows of each, in their order; the first holds none.
        digest: Of all of them.
    """

    needs: Mapping[str, Need] = field(default_factory=dict)
    rows: Mapping[str, list[bytes]] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def read(
        cls, needs: Mapping[str, Need], lake: SourceLake, versions: Mapping[str, int], as_of: int
    ) -> ShippedRelations:
        """From the lake; what :func:`vigie.features.relations.load_relations` reads.

        Raises:
            FeatureError: The lake's table has not a column.
        """
        rows: dict[str, list[bytes]] = {}
        digest = hashlib.blake2b(digest_size=16)
        for name, need in needs.items():
            reading = reading_of(need, lake, versions[name], as_of)
            size = int(reading.scan.select(pl.len()).collect().item())
            frames = (reading.rows(begin, _BATCH) for begin in range(0, size, _BATCH))
            rows[name] = [packed(pl.DataFrame(schema=reading.schema)), *map(packed, frames)]
            for piece in (repr(need).encode(), *rows[name]):
                digest.update(piece)
        return cls(needs, rows, digest.hexdigest())

    def histories(self) -> dict[str, Histories]:
        """The histories of all entities, by source name; in one process made once."""
        if self.digest not in _LOADED:
            _LOADED.clear()
            _LOADED[self.digest] = {
                name: histories_of({name: need}, {name: joined(need, self.rows[name][0], self.rows[name][1:])})
                for name, need in self.needs.items()
            }
        return _LOADED[self.digest]
