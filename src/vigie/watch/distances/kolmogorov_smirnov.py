"""Kolmogorov and Smirnov's distance: the largest difference of two distribution functions."""

from __future__ import annotations

import numpy as np

from vigie.watch.distances.shares import Array, shares


def kolmogorov_smirnov(live: Array, reference: Array) -> Array:
    """The largest |F − G| at the borders of bins, 0 … 1; not more than that of the values themselves.

    Args:
        live: Counts, bins along the last axis in increasing order.
        reference: Counts in the same bins.
    """
    apart = np.cumsum(shares(live, 0.0) - shares(reference, 0.0), axis=-1)[..., :-1]
    return np.asarray(np.abs(apart).max(axis=-1, initial=0.0))
