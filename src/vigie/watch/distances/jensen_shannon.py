"""Jensen and Shannon's distance (Endres & Schindelin 2003): a metric, and bounded."""

from __future__ import annotations

import numpy as np

from vigie.watch.distances.shares import Array, shares


def jensen_shannon(live: Array, reference: Array, base: float = 2.0) -> Array:
    """Square root of the mean divergence from the mixture; 0 for equal shares, 1 for shares that never overlap (base 2).

    Nothing is added to empty cells: the mixture has none where it matters.

    Args:
        live: Counts, cells along the last axis.
        reference: Counts in the same cells.
        base: Of the logarithm; e is SciPy's default.
    """
    p, q = shares(live, 0.0), shares(reference, 0.0)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p == 0, 0.0, p * np.log(p / middle))
        right = np.where(q == 0, 0.0, q * np.log(q / middle))
    divergence = (left.sum(axis=-1) + right.sum(axis=-1)) / 2
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0) / np.log(base)))
