"""Risk segments: four names for ranges of probability."""

from __future__ import annotations

import numpy as np

from vigie.economics.payoff import Array

SEGMENT_NAMES = ("low", "medium", "high", "very_high")
"""From the lowest to the highest probability."""

SEGMENT_SHARES = (0.5, 0.8, 0.95)
"""Shares of the reference customers below each edge: half are low, the top twentieth is very high."""


def segment_edges(probability: Array) -> tuple[float, ...]:
    """The three edges that put half of these customers in *low*, 30 % in *medium*, 15 % in *high*, 5 % in *very_high*.

    Args:
        probability: Of reference customers, shape (n,), n ≥ 1.
    """
    return tuple(float(edge) for edge in np.quantile(probability, SEGMENT_SHARES))


def segments_of(probability: Array, edges: tuple[float, ...]) -> Array:
    """Index into :data:`SEGMENT_NAMES`, int8, shape (n,): the number of edges at or below the probability."""
    return np.searchsorted(np.array(edges), probability, side="right").astype(np.int8)
