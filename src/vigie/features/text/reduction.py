"""The few directions in which texts differ most: a principal component analysis of their embeddings, as data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from vigie.errors import FeatureError
from vigie.features.values import Array

_DIGITS = 9
"""Decimals kept. Embeddings carry about seven digits; more would be noise, and differ between libraries."""
_NOTHING = 1e-6
"""Directions in which texts differ by less than this, of the first direction or of a text's length, are none."""


class Reduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What training learned of the texts in one column.

    Attributes:
        source: Name of the source.
        column: Of the texts.
        model: What the transformer calls itself.
        weights: Its hash: embeddings of another one mean something else.
        texts: Different texts that it was learned from.
        mean: Their mean embedding.
        components: Directions of length 1, the first the one in which they differ most; zeros where there is none left.
    """

    source: str
    column: str
    model: str
    weights: str
    texts: int
    mean: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]

    def project(self, vectors: Array) -> Array:
        """Components of embeddings.

        Args:
            vectors: Float32 of shape (n, size).

        Returns:
            Float64 of shape (n, number of components). Each row depends on its embedding alone, to the bit.
        """
        # In rows: NumPy adds in another order where memory lies otherwise.
        centred = np.ascontiguousarray(vectors, dtype=np.float64) - np.array(self.mean)
        found = np.empty((len(vectors), len(self.components)))
        for i, direction in enumerate(self.components):
            # No matrix product: its last bits depend on how many rows there are.
            found[:, i] = (centred * np.array(direction)).sum(axis=1)
        return found

    def check(self) -> None:
        """Whether the numbers fit together.

        Raises:
            FeatureError: They do not.
        """
        sizes = {len(self.mean), *(len(direction) for direction in self.components)}
        numbers = (*self.mean, *(x for direction in self.components for x in direction))
        if not self.components or len(sizes) != 1 or not all(map(math.isfinite, numbers)):
            raise FeatureError(
                "the directions learned of a text do not fit together", where=f"{self.source}.{self.column}"
            )


def fit_reduction(source: str, column: str, components: int, vectors: Array, *, model: str, weights: str) -> Reduction:
    """Learn the directions in which embeddings differ most.

    Args:
        source: Name of the source.
        column: Of the texts.
        components: How many directions.
        vectors: Of different texts, float32 of shape (n, size); in any order the result is the same but for rounding.
        model: Name of the transformer.
        weights: Its hash.

    Raises:
        FeatureError: There is no text.
    """
    if not len(vectors):
        raise FeatureError(
            "there is no text to learn from before the moments of the training rows",
            where=f"{source}.{column}",
            remedy="leave the embedding out, or load older texts",
        )
    mean = np.round(vectors.astype(np.float64).mean(axis=0), _DIGITS)
    _, spread, directions = np.linalg.svd(vectors.astype(np.float64) - mean, full_matrices=False)
    found = np.zeros((components, vectors.shape[1]))
    least = _NOTHING * max(float(spread[0]), math.sqrt(len(vectors)))
    there = min(components, int((spread > least).sum()))
    # Mirrored directions say the same: the largest number of each is made positive.
    largest = np.abs(directions[:there]).argmax(axis=1)
    signs = np.sign(directions[np.arange(there), largest])
    found[:there] = np.round(directions[:there] * signs[:, None], _DIGITS) + 0.0
    return Reduction(
        source, column, model, weights, len(vectors), tuple(mean.tolist()), tuple(map(tuple, found.tolist()))
    )


def check_model(reductions: Sequence[Reduction], weights: str, model: str) -> None:
    """That a transformer is the one that the directions were learned with.

    Raises:
        FeatureError: It is another one.
    """
    for reduction in reductions:
        if reduction.weights != weights:
            raise FeatureError(
                f"trained with the text model {reduction.model} ({reduction.weights[:12]}), and this is {model}"
                f" ({weights[:12]})",
                where=f"{reduction.source}.{reduction.column}",
                remedy="set [text] model to the folder of that model, or train again",
            )
