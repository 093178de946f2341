"""Windows written out event by event, so many at a time that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vigie.features.values import Array

CHUNK = 1 << 21
"""Events written out at once."""


def chunks(sizes: Array) -> Iterator[tuple[int, int]]:
    """Ranges ``first:last`` of windows that together hold about :data:`CHUNK` events, at least one window each."""
    ends = np.cumsum(sizes)
    first, done = 0, 0
    while first < len(sizes):
        last = max(first + 1, int(np.searchsorted(ends, done + CHUNK, side="right")))
        yield first, last
        first, done = last, int(ends[last - 1])


def positions(lo: Array, sizes: Array) -> tuple[Array, Array]:
    """The events of all windows one after the other.

    Returns:
        Position of each event, and the place at which each window begins in it.
    """
    starts = np.cumsum(sizes) - sizes
    return np.repeat(lo - starts, sizes) + np.arange(int(sizes.sum()), dtype=np.int64), starts
