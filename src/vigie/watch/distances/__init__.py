"""Distances between two distributions that were counted in the same cells, one file each.

All take counts, the live ones first, cells along the last axis; several pairs are measured at once where the shapes before
it are equal. :data:`DISTANCES` holds those that an effect can be told in.
"""

from vigie.watch.distances.chi_square import chi_square, pooled
from vigie.watch.distances.jensen_shannon import jensen_shannon
from vigie.watch.distances.kolmogorov_smirnov import kolmogorov_smirnov
from vigie.watch.distances.kullback_leibler import kullback_leibler
from vigie.watch.distances.psi import psi
from vigie.watch.distances.shares import HALF, shares
from vigie.watch.distances.wasserstein import wasserstein

DISTANCES = ("psi", "kullback_leibler", "jensen_shannon", "wasserstein", "kolmogorov_smirnov")
"""Names of the effect sizes; χ² is evidence and grows with the rows."""

__all__ = [
    "DISTANCES",
    "HALF",
    "chi_square",
    "jensen_shannon",
    "kolmogorov_smirnov",
    "kullback_leibler",
    "pooled",
    "psi",
    "shares",
    "wasserstein",
]
