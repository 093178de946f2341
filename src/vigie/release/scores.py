"""Scores: is their distribution another one?

The claim is that the distribution functions of both models' scores are nowhere more than ``distance`` apart (Kolmogorov's
distance). It is looked at at 25 probabilities, half a unit of log-odds apart. In the shadow both models score the same
customers, so that only those count whose scores fall on different sides: far fewer are needed.

Howard & Ramdas 2022 (*Sequential estimation of quantiles*, Bernoulli) bound the whole function with a band that is valid at
all times; bets at each edge see a difference with a fraction of the customers (docs/explanation/canary.md has the figures).
"""

from __future__ import annotations

import numpy as np

from vigie.release.betting import FRACTIONS, Array, log_wealth, mixed
from vigie.release.cells import DOWN, ERRORS, SCORE, SCORE_EDGES, SHADOW_CELLS, UNITS, UP, Concurrent, Evidence, above
from vigie.release.two_arms import CENTRES, wealth

Sides = tuple[float, float]
"""Shares of customers: upwards and downwards."""
SAME: Sides = (0.0, 0.0)


def harm(evidence: Evidence, distance: float, expected: Sides = SAME) -> float:
    """Logarithm of the evidence that the scores lie further apart than *distance*, a share of customers.

    Args:
        evidence: All that was counted.
        distance: Tolerance.
        expected: How much further up and down they may lie, since that was seen before.
    """
    return float(
        mixed(np.stack([_wealth(evidence, limit, sign, opposite=False) for sign, limit in limits(distance, expected)]))
    )


def safe(evidence: Evidence, distance: float, expected: Sides = SAME) -> float:
    """Logarithm of the evidence that they do not, at every edge and in both directions."""
    return min(
        float(mixed(_wealth(evidence, limit, sign, opposite=True), axis=(1, 2)).min())
        for sign, limit in limits(distance, expected)
    )


def limits(tolerance: float, expected: Sides) -> tuple[tuple[int, float], tuple[int, float]]:
    """The limit in each direction."""
    return (1, tolerance + expected[0]), (-1, tolerance + expected[1])


def distance(evidence: Evidence) -> float:
    """How far apart the scores were seen to lie; NaN where nothing was counted. Of both arms, or of the shadow."""
    if evidence.concurrent:
        high0, n0 = above(evidence.of("champion"), SCORE, SCORE_EDGES)
        high1, n1 = above(evidence.of("challenger"), SCORE, SCORE_EDGES)
        return float(np.abs(high1 / n1 - high0 / n0).max()) if n0 and n1 else float("nan")
    return paired_distance(evidence.shadow)


def paired_distance(cells: Array) -> float:
    """The same in the shadow's cells; NaN where nobody was scored by both."""
    both = cells[UNITS] - cells[ERRORS]
    return float(np.abs(_crossed(cells, UP) - _crossed(cells, DOWN)).max() / both) if both else float("nan")


def paired(distance: float, sign: int) -> Array:
    """Values of the statistic where both scored the same customer: down, neither, up, with mean ``sign·(p₁ − p₀) − distance``."""
    return sign * np.array([-1.0, 0.0, 1.0]) - distance


def paired_counts(up: Array, down: Array, both: float) -> Array:
    """How often each came, shape (questions, 3)."""
    return np.stack([down, both - up - down, up], axis=-1)


def _crossed(cells: Array, start: int) -> Array:
    assert len(cells) == SHADOW_CELLS
    return cells[start : start + len(SCORE_EDGES)]


def _answers(part: Concurrent) -> tuple[Array, Array, Array, Array]:
    high0, n0 = above(part.champion, SCORE, SCORE_EDGES)
    high1, n1 = above(part.challenger, SCORE, SCORE_EDGES)
    return n0 - high0, high0, n1 - high1, high1


def _wealth(evidence: Evidence, distance: float, sign: int, *, opposite: bool) -> Array:
    total = wealth(
        evidence.concurrent, _answers, len(SCORE_EDGES), centres=CENTRES, margin=distance, sign=sign, opposite=opposite
    )
    cells = evidence.shadow
    counts = paired_counts(_crossed(cells, UP), _crossed(cells, DOWN), cells[UNITS] - cells[ERRORS])
    values = paired(distance, sign)
    shadow = log_wealth(-values if opposite else values, counts)
    assert shadow.shape == (len(SCORE_EDGES), len(FRACTIONS))
    return np.asarray(total + shadow[:, None, :])
