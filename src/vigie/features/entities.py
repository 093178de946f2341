"""What customers belong to, at their moments: which entity each row names, and that entity's history.

The rows of customers become rows of entities, (entity, moment), each once and sorted; a feature is computed for them as
for any customer, and put back to every row that named the entity at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vigie.definition.expression import Feature
from vigie.definition.kind import Kind
from vigie.definition.related import Related
from vigie.errors import FeatureError, did_you_mean
from vigie.features.history import Block, Histories
from vigie.features.rowwise import leaves_of
from vigie.features.values import Array, Values, picked
from vigie.features.windows import Rows

Fetch = Callable[[Mapping[str, Sequence[str]]], Mapping[str, Histories]]
"""Given the keys that are wanted of each source, by its name: their histories, those of others may be among them.

Keys are distinct and in no order. A key without history may be left out. It is called once for each stage of
:func:`stages_of`, so that a store is asked once for everything that one look-up names.
"""

Relations = Mapping[str, Histories] | Fetch
"""Histories of what customers belong to, by source name: all of them, or a way to get those of some keys."""


def stages_of(leaves: Sequence[Feature]) -> list[list[Related]]:
    """The related features among *leaves* and in their keys, each once: those of a stage need only the stages before."""
    depth: dict[str, int] = {}
    stages: list[list[Related]] = []

    def place(leaf: Feature) -> int:
        if not isinstance(leaf, Related):
            return 0
        if leaf.fingerprint not in depth:
            below = max((place(inner) for inner in leaves_of(leaf.key)), default=0)
            depth[leaf.fingerprint] = below + 1
            if below == len(stages):
                stages.append([])
            stages[below].append(leaf)
        return depth[leaf.fingerprint]

    for leaf in leaves:
        place(leaf)
    return stages


def named_keys(key: Values) -> list[str]:
    """The entities that the values of a key feature name, each once.

    Raises:
        FeatureError: The key is not a category.
    """
    if key.kind is not Kind.CATEGORY:
        raise FeatureError(
            f"a {key.kind} names no entity", where="of(...)", remedy="make the key a category in its contract file"
        )
    return [key.categories[code] for code in np.unique(key.data).tolist() if code >= 0]


def found_in(relations: Relations, wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Histories]:
    """The histories of *wanted*, keys by source name.

    Raises:
        FeatureError: There are none of a source.
    """
    found = relations(wanted) if callable(relations) else relations
    for name in wanted:
        if name not in found:
            raise FeatureError(f"no history of related '{name}'", where=name, remedy=did_you_mean(name, found))
    return found


@dataclass(frozen=True, eq=False, slots=True)
class EntityRows:
    """Entities at moments, for the rows of customers that named them.

    Attributes:
        block: Histories of the entities of one source; the last one is of those of which nothing is known.
        rows: Distinct (entity, moment), in that order.
        place: Shape (n,), int64: for each row of a customer its place in *rows*; anything where *unnamed*.
        unnamed: Shape (n,): where the key is null.
    """

    block: Block
    rows: Rows
    place: Array
    unnamed: Array

    @classmethod
    def of(cls, key: Values, moments: Array, histories: Histories, source: str) -> EntityRows:
        """The entities that *key* names at *moments*, shape (n,) both.

        Raises:
            FeatureError: The histories have no such source.
        """
        if source not in histories.blocks:
            raise FeatureError(
                f"no history of related '{source}'", where=source, remedy=did_you_mean(source, histories.blocks)
            )
        block, unnamed = histories.blocks[source], key.nulls()
        block = _with_unknown(block)
        codes = _entity_codes(key, histories.customers)[key.data[~unnamed]]
        used = np.zeros(block.customers, dtype=bool)
        used[codes] = True
        # A few entities are copied out; where they are most, all are taken as they lie.
        if 2 * int(np.diff(block.offsets)[used].sum()) < len(block):
            chosen = np.flatnonzero(used)
            block, codes = block.take(chosen), (np.cumsum(used) - 1)[codes]
        codes, at, back = _distinct(codes, moments[~unnamed])
        place = np.zeros(len(unnamed), dtype=np.int64)
        place[~unnamed] = back
        return cls(block, Rows(codes, at), place, unnamed)

    def put_back(self, values: Values) -> Values:
        """Values of *rows* as values of the customers' rows: null where no entity was named."""
        return picked(values, self.place, self.unnamed)


def _distinct(codes: Array, moments: Array) -> tuple[Array, Array, Array]:
    """The distinct pairs of (code, moment), sorted: codes, moments, and for each pair given its place among them."""
    if not len(codes):
        return codes, moments, np.zeros(0, dtype=np.int64)
    base = int(moments.min())
    bits = (int(moments.max()) - base).bit_length()
    if int(codes.max()).bit_length() + bits <= 63:
        # Both in one integer: sorting values is several times faster than sorting by two columns.
        found, back = np.unique((codes << bits) | (moments - base), return_inverse=True)
        return found >> bits, (found & ((1 << bits) - 1)) + base, back
    order = np.lexsort((moments, codes))
    codes, moments = codes[order], moments[order]
    first = np.append(True, (codes[1:] != codes[:-1]) | (moments[1:] != moments[:-1]))
    back = np.empty(len(codes), dtype=np.int64)
    back[order] = np.cumsum(first) - 1
    return codes[first], moments[first], back


def _with_unknown(block: Block) -> Block:
    """The block with one more customer, without history."""
    return Block(np.append(block.offsets, block.offsets[-1]), block.times, block.columns, block.known_at)


def _entity_codes(key: Values, entities: Array) -> Array:
    """For each category of *key* the code of the entity it names; ``len(entities)`` for one that is not known."""
    names = np.empty(len(key.categories), dtype=object)
    names[:] = key.categories
    place = np.searchsorted(entities, names)
    known = place < len(entities)
    known[known] = entities[place[known]] == names[known]
    return np.where(known, place, len(entities)).astype(np.int64)
