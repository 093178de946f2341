"""Identities of events as they lie in records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vigie.features.history import Ids
from vigie.features.lake_ids import LakeIds
from vigie.features.records import Form, Records, form_of, joined, strings_of
from vigie.features.values import Array
from vigie.features.words import hashed, strings_of_hex, strings_of_short


class WordIds:
    """Ids of two words each, in the order of :func:`vigie.features.history.id_order`.

    Args:
        words: Shape (n, 2), uint64.
        form: What they stand for: SHORT or HEX.
    """

    def __init__(self, words: Array, form: Form) -> None:
        self._words, self._form = np.ascontiguousarray(words), form

    @property
    def hashes(self) -> Array:
        """Equal for equal ids: shape (n,), uint64."""
        return hashed(self._words)

    def ranks(self, positions: Array) -> Array:
        """Ranks of the ids at *positions*, equal for equal ids: int64."""
        strings = strings_of_hex if self._form is Form.HEX else strings_of_short
        return LakeIds(strings(self._words[positions])).ranks(np.arange(len(positions)))


def ids_of(pieces: Sequence[Records], name: str) -> Ids:
    """The ids of all *pieces*."""
    form = form_of(pieces, name)
    if form is Form.SHORT or form is Form.HEX:
        return WordIds(joined(pieces, name), form)
    return LakeIds(strings_of(pieces, name))
