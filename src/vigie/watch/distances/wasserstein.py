"""Wasserstein's distance of order 1: how far values moved, on average."""

from __future__ import annotations

import numpy as np

from vigie.watch.distances.shares import Array, shares


def wasserstein(live: Array, reference: Array, positions: Array, scale: float = 1.0) -> Array:
    """∫ |F − G| of two binned distributions, in units of *scale*; 0 for equal shares.

    Args:
        live: Counts, bins along the last axis.
        reference: Counts in the same bins.
        positions: The value that stands for each bin, increasing, shape (b,).
        scale: Unit: the reference's standard deviation gives an effect in standard deviations.
    """
    apart = np.cumsum(shares(live, 0.0) - shares(reference, 0.0), axis=-1)[..., :-1]
    return np.asarray((np.abs(apart) * np.diff(np.asarray(positions, dtype=np.float64))).sum(axis=-1) / scale)
