"""What customers belong to, from the lake: the histories of companies, shops, cities, loaded whole.

Customers are dealt out to partitions by their key; what they belong to cannot be, for the customers of one company are
in all of them. So these histories are loaded once, only the columns that features read, and shared by all partitions
and threads. They must fit into memory: 8 bytes a number or moment, 4 a category, and 8 for the time of each event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from vigie.definition.kind import Kind, Schema
from vigie.definition.source import Events, Table
from vigie.errors import FeatureError, did_you_mean
from vigie.features.history import Block, Histories
from vigie.features.loading import histories_of
from vigie.features.reading import Need, SourceLake, reading_of

_BATCH = 1_000_000
_LEAST = 4
"""The share of the memory, one in so many, that stays for the customers however large their relations are."""


def needs_in(
    sources: Mapping[str, Table | Events], columns: Mapping[str, Iterable[str]], schema: Schema
) -> dict[str, Need]:
    """What is read of every one of *sources*, given the names of the columns.

    Raises:
        FeatureError: *schema* has not a column.
    """
    needs: dict[str, Need] = {}
    for name, source in sources.items():
        kinds, found = schema.get(name, {}), dict[str, Kind]()
        for column in columns.get(name, ()):
            if column not in kinds:
                raise FeatureError(f"'{name}' has no column '{column}'", where=name, remedy=did_you_mean(column, kinds))
            found[column] = kinds[column]
        needs[name] = Need(source, found)
    return needs


def load_relations(
    needs: Mapping[str, Need], lake: SourceLake, versions: Mapping[str, int], *, as_of: int
) -> dict[str, Histories]:
    """The histories of all entities, by source name, as :func:`vigie.features.kernel.evaluate` takes them.

    Args:
        needs: What is read of each source.
        lake: Where from.
        versions: Version of each source.
        as_of: µs. Events from this moment on and rows known after it do not exist.

    Raises:
        FeatureError: The lake's table has not a column.
    """
    found: dict[str, Histories] = {}
    for name, need in needs.items():
        reading = reading_of(need, lake, versions[name], as_of)
        size = int(reading.scan.select(pl.len()).collect().item())
        # Slice by slice: reading a table at once takes several times its memory.
        frames = [pl.DataFrame(schema=reading.schema)]
        frames += [reading.rows(begin, _BATCH) for begin in range(0, size, _BATCH)]
        found[name] = histories_of({name: need}, {name: pl.concat(frames, how="vertical_relaxed")})
    return found


def memory_left(memory: int, relations: Mapping[str, Histories]) -> int:
    """Bytes of *memory* that are left for customers beside *relations*."""
    taken = sum(bytes_of(block) for histories in relations.values() for block in histories.blocks.values())
    return max(memory - taken, memory // _LEAST)


def bytes_of(block: Block) -> int:
    """Bytes that a block holds, the strings of its texts and categories apart."""
    arrays = [block.offsets, block.times, *(values.data for values in block.columns.values())]
    arrays += [block.known_at] if block.known_at is not None else []
    return sum(int(array.nbytes) for array in arrays)
