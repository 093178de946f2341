"""Bets on the difference between two arms: of one question, or of one at each edge of a histogram."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vigie.release.betting import FRACTIONS, Array, contrast, log_wealth
from vigie.release.cells import Concurrent

CENTRES: Array = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
"""Rates around which answers are taken; see :func:`vigie.release.betting.contrast`."""

Answers = Callable[[Concurrent], tuple[Array, Array, Array, Array]]
"""Champion no and yes, challenger no and yes: each shape (questions,)."""


def wealth(
    parts: Sequence[Concurrent],
    answers: Answers,
    questions: int,
    *,
    centres: Array = CENTRES,
    factor: float = 1.0,
    margin: float = 0.0,
    sign: int = 1,
    opposite: bool = False,
) -> Array:
    """Logarithm of the wealth against ``sign · (p₁ − factor · p₀) ≤ margin`` at each question.

    Args:
        parts: Of the evidence, by the probability of the draw.
        answers: Takes them out of the cells.
        questions: How many there are.
        centres: Rates around which answers are taken.
        factor: The challenger's rate may be so many times the champion's.
        margin: And so much more.
        sign: −1 asks for lower rates.
        opposite: Bet against ``≥ margin`` instead.

    Returns:
        Shape (questions, centres, bets).
    """
    total = np.zeros((questions, len(centres), len(FRACTIONS)))
    for part in parts:
        counts = np.stack(answers(part), axis=-1)[:, None, :]
        if counts.any():
            values = contrast(part.probability, centres, factor=factor, margin=margin, sign=sign)
            total += log_wealth(-values if opposite else values, counts)
    return total
