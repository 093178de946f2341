"""Adds the components of texts to histories, as columns of numbers, before the kernel runs.

The same object serves training, batch, online and Spark: what a component is depends on the text, the transformer and the
reduction alone, so every caller gets the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from vigie.definition.kind import Kind
from vigie.definition.text import component_column
from vigie.features.history import Block, Histories
from vigie.features.text.reduction import Reduction
from vigie.features.values import Array, Values

Vectors = Callable[[Sequence[str]], Array]
"""Texts → embeddings, float32 of shape (texts, size); an :class:`~vigie.features.text.cache.Embedder` is one."""


class TextColumns:
    """Turns columns of texts into columns of components.

    Args:
        reductions: What training learned, one for each column of texts.
        vectors: Embeds texts, by the transformer that the reductions were learned with.
    """

    def __init__(self, reductions: Sequence[Reduction], vectors: Vectors) -> None:
        self.reductions = tuple(reductions)
        self._vectors = vectors

    def of(self, histories: Histories) -> Histories:
        """*histories* with the components of their texts."""
        return Histories(histories.customers, self.blocks(histories.blocks))

    def blocks(self, blocks: Mapping[str, Block]) -> dict[str, Block]:
        """*blocks*, by name of the source, with the components of their texts."""
        return {name: replace(block, columns=self.columns(name, block.columns)) for name, block in blocks.items()}

    def columns(self, source: str, columns: Mapping[str, Values]) -> dict[str, Values]:
        """Columns of one source with those of the components beside them; a blank or missing text has none.

        Args:
            source: Name of the source.
            columns: By name, all of one length.
        """
        found = dict(columns)
        for reduction in self.reductions:
            if reduction.source == source and reduction.column in columns:
                components = self._components(reduction, columns[reduction.column])
                found |= {
                    component_column(reduction.column, number): Values(Kind.NUMBER, values)
                    for number, values in enumerate(components, start=1)
                }
        return found

    def _components(self, reduction: Reduction, texts: Values) -> list[Array]:
        """The values of each component."""
        strings = texts.strings()
        there = np.fromiter((has_text(text) for text in strings), dtype=bool, count=len(strings))
        result = np.full((len(strings), len(reduction.components)), np.nan)
        if there.any():
            distinct = {text: place for place, text in enumerate(dict.fromkeys(strings[there].tolist()))}
            place = np.fromiter((distinct[text] for text in strings[there]), dtype=np.int64)
            result[there] = reduction.project(self._vectors(list(distinct)))[place]
        return [np.ascontiguousarray(result[:, i]) for i in range(result.shape[1])]


def has_text(text: object) -> bool:
    """Whether there is anything in a text."""
    return isinstance(text, str) and bool(text.strip())
