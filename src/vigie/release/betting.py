"""Evidence that may be looked at as often as one likes: the wealth of one who bets against a claim.

The claim is that a bounded statistic *x* has mean at most 0. Who bets the share λ of his wealth on it at every observation
has ``W = ∏ (1 + λ·x)`` after some. While the claim is true W grows on no average, and by Ville's inequality (1939) it ever
reaches ``1/α`` with probability at most α, however often it is looked at and whenever one stops. W is then called an
*e-process*. Of several bets the average wealth is one too, so that nobody has to know the best λ before (Robbins 1970;
Cover 1991; for bounded means Waudby-Smith & Ramdas 2024, *Estimating means of bounded random variables by betting*, JRSS B).

Here *x* takes few values, so the wealth depends on how often each came and on nothing else: counts of any number of
processes and machines add up, and whoever holds the sums can look.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

FRACTIONS: Array = np.geomspace(0.0005, 0.96, 16)
"""Bets that are made side by side, as shares of the greatest that cannot lose everything."""


def steps(outcomes: Array) -> Array:
    """What each outcome adds to the logarithm of the wealth, for every bet.

    Args:
        outcomes: The values that *x* can take, shape (..., k). Where the claim that their mean is at most 0 can be true at
            all, one of them is below 0.

    Returns:
        Shape (..., k, :data:`FRACTIONS`).

    >>> steps(np.array([-1.0, 1.0])).shape
    (2, 16)
    """
    lowest = outcomes.min(axis=-1, keepdims=True)
    if not (lowest < 0).all():
        raise ValueError("no outcome is below 0: there is nothing to bet against")
    relative = outcomes / -lowest
    return np.asarray(np.log1p(relative[..., None] * FRACTIONS))


def log_wealth(outcomes: Array, counts: Array) -> Array:
    """Logarithm of the wealth of every bet after *counts*.

    Args:
        outcomes: Values of *x*, shape (..., k).
        counts: How often each came, of a shape that broadcasts to the same.

    Returns:
        Shape (..., :data:`FRACTIONS`). Those of independent parts of an experiment add up, as long as each part keeps the
        order of the bets.
    """
    return np.asarray((steps(outcomes) * np.asarray(counts, dtype=np.float64)[..., None]).sum(axis=-2))


def mixed(logs: Array, axis: int | tuple[int, ...] | None = None) -> Array:
    """Logarithm of the average wealth over some axes, all of them by default.

    >>> round(float(mixed(np.log(np.array([1.0, 3.0])))), 3) == round(float(np.log(2.0)), 3)
    True
    """
    highest = logs.max(axis=axis, keepdims=True)
    summed = np.log(np.exp(logs - highest).mean(axis=axis, keepdims=True)) + highest
    return np.asarray(np.squeeze(summed, axis=axis))


def contrast(
    probability: float,
    centres: Array,
    *,
    factor: float = 1.0,
    margin: float = 0.0,
    sign: int = 1,
) -> Array:
    """Values of a statistic whose mean is ``sign · (p₁ − factor · p₀) − margin``, whatever p₁ and p₀ are.

    ``p₁`` and ``p₀`` are how often a yes-or-no question is answered with yes under the challenger and the champion. One
    customer is seen under one of them, drawn with known *probability*: weighted by one over it, the answers have the mean
    above (Horvitz & Thompson 1952). Less a *centre* that drops out of the mean they vary less; the best is near p₀, and
    since nobody knows it several are used side by side.

    Args:
        probability: Of the challenger, above 0 and below 1.
        centres: Shape (c,), each 0 … 1.
        factor: The challenger's rate may be so many times the champion's.
        margin: And so much more.
        sign: −1 asks for lower rates instead of higher ones.

    Returns:
        Shape (c, 4): champion no, champion yes, challenger no, challenger yes.
    """
    m = np.asarray(centres, dtype=np.float64)
    weight1, weight0 = 1.0 / probability, 1.0 / (1.0 - probability)
    columns = [weight0 * m, -weight0 * (factor - m), -weight1 * m, weight1 * (1.0 - m)]
    return np.asarray(sign * np.stack(columns, axis=-1) - margin)
