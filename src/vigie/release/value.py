"""Value: does a decision of the challenger bring less, once its outcome is known?

What a decision brought lies between the least and the greatest sum of the cost matrix. It is rounded to one of 17 points
between them, up or down by a draw that leaves its mean what it was, so that here too counts are all that is kept. The
claim is that the challenger's customers bring at least ``1 − loss`` times what the champion's bring (a bet on a bounded
mean, Waudby-Smith & Ramdas 2024, JRSS B).
"""

from __future__ import annotations

import numpy as np

from vigie.release.betting import FRACTIONS, Array, log_wealth, mixed
from vigie.release.cells import VALUE, VALUE_POINTS, Concurrent, Evidence

CENTRES: Array = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
"""Values, as shares of the way from the least to the greatest, around which values are taken."""


def points(low: float, high: float) -> Array:
    """The sums to which values are rounded, shape (:data:`VALUE_POINTS`,), currency for one customer."""
    return np.linspace(low, high, VALUE_POINTS)


def rounded(values: Array, low: float, high: float, draws: Array) -> Array:
    """Number of the point of each value, shape (n,): the one below or above it, with its own mean.

    Args:
        values: Currency, shape (n,), from *low* to *high*; what lies outside is put at the end.
        low: Least value that a decision can have.
        high: Greatest.
        draws: Uniform from 0 to 1, shape (n,), independent of the values.
    """
    place = (np.clip(values, low, high) - low) / (high - low) * (VALUE_POINTS - 1)
    return np.minimum(np.floor(place + draws), VALUE_POINTS - 1).astype(np.int64)


def outcomes(probability: float, low: float, high: float, factor: float) -> Array:
    """Values of the statistic ``v₁ − factor · v₀`` in units of ``high − low``, shape (centres, 2 · points)."""
    v = points(low, high)[None, :] / (high - low)
    m = (low / (high - low) + CENTRES)[:, None]
    return np.concatenate([-(factor * v - m) / (1 - probability), (v - m) / probability], axis=-1)


def harm(evidence: Evidence, low: float, high: float, loss: float) -> float:
    """Logarithm of the evidence that the challenger's decisions bring less than ``1 − loss`` times the champion's.

    Args:
        evidence: All that was counted; its cells of value are of *low* and *high*.
        low: Least value of a decision, currency.
        high: Greatest; above *low*.
        loss: Share of the champion's value that may be lost; 0: none may. Below 0: so much more must be brought.
    """
    return float(mixed(_wealth(evidence, low, high, loss, opposite=False)))


def safe(evidence: Evidence, low: float, high: float, loss: float) -> float:
    """Logarithm of the evidence that they bring at least that."""
    return float(mixed(_wealth(evidence, low, high, loss, opposite=True)))


def mean(cells: Array, low: float, high: float) -> float:
    """Value of a decision of an arm, currency for one customer; NaN where no outcome is known."""
    counted = cells[VALUE : VALUE + VALUE_POINTS]
    return float(counted @ points(low, high) / counted.sum()) if counted.sum() else float("nan")


def _wealth(evidence: Evidence, low: float, high: float, loss: float, *, opposite: bool) -> Array:
    total = np.zeros((len(CENTRES), len(FRACTIONS)))
    for part in evidence.concurrent:
        counts = _counts(part)
        if counts.any():
            # The claim is that the mean of this is at least 0; to refute it is to bet on the negative.
            values = outcomes(part.probability, low, high, 1 - loss)
            total += log_wealth(values if opposite else -values, counts[None, :])
    return total


def _counts(part: Concurrent) -> Array:
    cells = slice(VALUE, VALUE + VALUE_POINTS)
    return np.concatenate([part.champion[cells], part.challenger[cells]])
