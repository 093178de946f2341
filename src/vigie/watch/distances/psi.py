"""Population stability index: Kullback and Leibler's divergence both ways, added (Jeffreys 1946)."""

from __future__ import annotations

import numpy as np

from vigie.watch.distances.shares import HALF, Array, shares


def psi(live: Array, reference: Array, add: float = HALF) -> Array:
    """Σ (p − q) · ln(p / q), in nats; 0 for equal shares, without an upper end.

    Without any change its mean is (b − 1)(1/n + 1/m) for b cells, n live and m reference rows.

    Args:
        live: Counts, cells along the last axis.
        reference: Counts in the same cells.
        add: Rows added to each cell; 0 gives ``inf`` where one side's cell is empty.
    """
    p, q = shares(live, add), shares(reference, add)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((p == 0) & (q == 0), 0.0, (p - q) * (np.log(p) - np.log(q)))
    return np.asarray(terms.sum(axis=-1))
