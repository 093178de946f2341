"""Kullback and Leibler's divergence (1951)."""

from __future__ import annotations

import numpy as np

from vigie.watch.distances.shares import HALF, Array, shares


def kullback_leibler(live: Array, reference: Array, add: float = HALF) -> Array:
    """Σ p · ln(p / q) of the live shares p from the reference's q, in nats; 0 for equal shares, without an upper end.

    Args:
        live: Counts, cells along the last axis.
        reference: Counts in the same cells.
        add: Rows added to each cell; 0 gives ``inf`` where only the reference's cell is empty.
    """
    p, q = shares(live, add), shares(reference, add)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p == 0, 0.0, p * (np.log(p) - np.log(q)))
    return np.asarray(terms.sum(axis=-1))
