"""Latency: is the challenger slower than it may be, at any quantile?

The claim is that at most a share ``beyond`` more of its requests take longer than ``factor · c`` than of the champion's take
longer than ``c``, for every c: a factor on every quantile, apart from a few requests. Whatever takes less than ``floor``
is fast enough: three times as long as 20 µs hurts nobody. It is looked at at every edge of the histogram at once, half an octave apart, and the average wealth over the edges counts, so that a slow median and a slow tail
are both seen without saying which was expected. A stochastic order rather than a mean, as in Lindon, Sanden & Shirikian
2022 (*Rapid regression detection in software deployments through sequential testing*, KDD), with a tolerance.

Only requests for a single customer count: they are drawn between the arms, others are divided.
"""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np

from vigie.release.betting import Array, mixed
from vigie.release.cells import LATENCY, LATENCY_EDGES, Concurrent, Evidence, above
from vigie.release.two_arms import wealth


def edges_of(factor: float) -> int:
    """By how many edges the challenger's histogram may lie above the champion's: *factor* in powers of √2, at least 0.

    >>> edges_of(1.41), edges_of(2.0)
    (1, 2)
    """
    return max(round(2 * math.log2(factor)), 0)


def compared(factor: float, floor: float) -> range:
    """Edges of the champion's histogram that are compared, each with the challenger's so many edges above."""
    moved = edges_of(factor)
    return range(max(bisect_left(LATENCY_EDGES, floor) - moved, 0), len(LATENCY_EDGES) - moved)


def harm(evidence: Evidence, factor: float, beyond: float, floor: float = 0.0) -> float:
    """Logarithm of the evidence that the challenger is slower than it may be, at some quantile.

    Args:
        evidence: All that was counted.
        factor: It may take so many times as long; taken to the nearest power of √2.
        beyond: Share of requests that may take longer still, 0 … 1.
        floor: Seconds that it may take whatever the champion takes, below the last edge.
    """
    return float(mixed(_wealth(evidence, factor, beyond, floor, opposite=False)))


def safe(evidence: Evidence, factor: float, beyond: float, floor: float = 0.0) -> float:
    """Logarithm of the evidence that it is not, at every edge."""
    return float(mixed(_wealth(evidence, factor, beyond, floor, opposite=True), axis=(1, 2)).min())


def quantile(cells: Array, share: float, start: int = LATENCY) -> float:
    """Seconds that a *share* of the requests took at most, up to half an octave; NaN where none were counted."""
    bins = cells[start : start + len(LATENCY_EDGES) + 1]
    if not bins.any():
        return math.nan
    place = int(np.searchsorted(bins.cumsum(), share * bins.sum()))
    return LATENCY_EDGES[min(place, len(LATENCY_EDGES) - 1)]


def _wealth(evidence: Evidence, factor: float, beyond: float, floor: float, *, opposite: bool) -> Array:
    moved = edges_of(factor)
    edges = np.asarray(compared(factor, floor))

    def answers(part: Concurrent) -> tuple[Array, Array, Array, Array]:
        slow0, n0 = above(part.champion, LATENCY, LATENCY_EDGES)
        slow1, n1 = above(part.challenger, LATENCY, LATENCY_EDGES)
        slow0, slow1 = slow0[edges], slow1[edges + moved]
        return n0 - slow0, slow0, n1 - slow1, slow1

    return wealth(evidence.concurrent, answers, len(edges), margin=beyond, opposite=opposite)
