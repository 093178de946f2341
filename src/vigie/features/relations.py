"""What customers belong to, from the lake: the histories of companies, shops, cities, loaded whole.

Customers are dealt out to partitions by their key; what they belong to cannot be, for the customers of one company are
in all of them. So these histories are loaded once, only the columns that features read, and shared by all partitions
and threads. They must fit into memory: 8 bytes a number or moment, 4 a category, and 8 for the time of each event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vigie.definition.kind import Kind, Schema
from vigie.definition.source import Events, Table
from vigie.errors import FeatureError, did_you_mean
from vigie.features.expanded import positions
from vigie.features.history import Block, Histories
from vigie.features.partitions import Partitions
from vigie.features.reading import Need, SourceLake
from vigie.features.values import Values

_READING = 256 << 20
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
    needs: Mapping[str, Need], lake: SourceLake, versions: Mapping[str, int], *, as_of: int, memory: int = _READING
) -> dict[str, Histories]:
    """The histories of all entities, by source name, as :func:`vigie.features.kernel.evaluate` takes them.

    Args:
        needs: What is read of each source.
        lake: Where from.
        versions: Version of each source.
        as_of: µs. Events from this moment on and rows known after it do not exist.
        memory: Bytes that reading may take, about, besides the result; larger sources go through temporary files.

    Raises:
        FeatureError: The lake's table has not a column.
    """
    found: dict[str, Histories] = {}
    for name, need in needs.items():
        # Rows with their keys and ids take many times what is left of them: part by part.
        with Partitions({name: need}, lake, versions, as_of, memory) as partitions:
            found[name] = _joined(name, [partitions.load(i) for i in range(partitions.count)])
    return found


def _joined(name: str, parts: Sequence[Histories]) -> Histories:
    """The histories of one source, of entities that are each in one part."""
    if len(parts) == 1:
        return parts[0]
    blocks = [part.blocks[name] for part in parts]
    keys = np.concatenate([part.customers for part in parts])
    sizes = np.concatenate([np.diff(block.offsets) for block in blocks])
    order = np.array(sorted(range(len(keys)), key=keys.tolist().__getitem__), dtype=np.int64)
    place, _ = positions((np.cumsum(sizes) - sizes)[order], sizes[order])
    offsets = np.zeros(len(keys) + 1, dtype=np.int64)
    np.cumsum(sizes[order], out=offsets[1:])
    known = [block.known_at for block in blocks if block.known_at is not None]
    block = Block(
        offsets,
        np.concatenate([block.times for block in blocks])[place],
        {column: Values.concat([b.columns[column] for b in blocks]).take(place) for column in blocks[0].columns},
        np.concatenate(known)[place] if known else None,
    )
    return Histories(keys[order], {name: block})


def memory_left(memory: int, relations: Mapping[str, Histories]) -> int:
    """Bytes of *memory* that are left for customers beside *relations*."""
    taken = sum(bytes_of(block) for histories in relations.values() for block in histories.blocks.values())
    return max(memory - taken, memory // _LEAST)


def bytes_of(block: Block) -> int:
    """Bytes that a block holds, the strings of its texts and categories apart."""
    arrays = [block.offsets, block.times, *(values.data for values in block.columns.values())]
    arrays += [block.known_at] if block.known_at is not None else []
    return sum(int(array.nbytes) for array in arrays)
