"""Incomplete beta and gamma integrals, for distributions of what is not known for certain. NumPy and ``math`` only."""

from __future__ import annotations

import math

import numpy as np

from vigie.economics.payoff import Array

STEPS = 2_000
"""Terms at most; beyond about the square root of the shapes none is needed."""
SMALLEST = 1e-300
PRECISION = 1e-16


def incomplete_beta(a: float, b: float, x: Array) -> Array:
    """Share, 0 … 1, of a Beta(*a*, *b*) distribution that lies at or below *x*: ``I_x(a, b)``, to about 1e-13.

    The continued fraction of Lentz as in Press et al. (2007), *Numerical Recipes*, 6.4, on the side where it
    converges: ``I_x(a, b) = 1 − I_{1−x}(b, a)``.

    Args:
        a: First shape, above 0.
        b: Second shape, above 0.
        x: Anywhere; below 0 gives 0 and above 1 gives 1. Any shape.

    >>> incomplete_beta(1, 1, np.array([0.25])), incomplete_beta(2, 1, np.array([0.5, 2.0]))
    (array([0.25]), array([0.25, 1.  ]))
    """
    inside = np.clip(np.asarray(x, np.float64), 0.0, 1.0)
    turned = inside > (a + 1.0) / (a + b + 2.0)
    found = np.where(turned, 1.0, 0.0)
    for flip, one, two in ((False, a, b), (True, b, a)):
        chosen = (turned == flip) & (inside > 0.0) & (inside < 1.0)
        if chosen.any():
            z = 1.0 - inside[chosen] if flip else inside[chosen]
            part = _beta_fraction(one, two, z)
            found[chosen] = 1.0 - part if flip else part
    found[inside >= 1.0] = 1.0
    return found


def _beta_fraction(a: float, b: float, x: Array) -> Array:
    front = np.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * np.log(x) + b * np.log1p(-x)) / a
    c = np.ones_like(x)
    d = 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d.copy()
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _off_zero(1.0 + even * d)
        c = _off_zero(1.0 + even / c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _off_zero(1.0 + odd * d)
        c = _off_zero(1.0 + odd / c)
        step = d * c
        value *= step
        if np.abs(step - 1.0).max() < PRECISION * 4:
            break
    return np.asarray(front * value)


def incomplete_gamma(a: float, x: Array) -> Array:
    """Share, 0 … 1, of a Gamma distribution of shape *a* and rate 1 that lies at or below *x*: ``P(a, x)``, to about 1e-13.

    A series below ``a + 1`` and a continued fraction above (Press et al. 2007, 6.2).

    Args:
        a: Shape, above 0.
        x: Anywhere; below 0 gives 0, infinity gives 1. Any shape.

    >>> incomplete_gamma(1, np.array([0.0, np.log(2), np.inf]))
    array([0. , 0.5, 1. ])
    """
    given = np.asarray(x, np.float64)
    found = np.where(given > 0.0, 1.0, 0.0)
    low = (given > 0.0) & (given < a + 1.0)
    high = (given >= a + 1.0) & np.isfinite(given)
    if low.any():
        found[low] = _gamma_series(a, given[low])
    if high.any():
        found[high] = 1.0 - _gamma_fraction(a, given[high])
    return found


def _gamma_series(a: float, x: Array) -> Array:
    term = np.full_like(x, 1.0 / a)
    total = term.copy()
    for n in range(1, 10 * STEPS):
        term = term * x / (a + n)
        total += term
        if (term < total * PRECISION).all():
            break
    return np.asarray(total * np.exp(-x + a * np.log(x) - math.lgamma(a)))


def _gamma_fraction(a: float, x: Array) -> Array:
    b = x + 1.0 - a
    c = np.full_like(x, 1.0 / SMALLEST)
    d = 1.0 / _off_zero(b)
    value = d.copy()
    for n in range(1, 10 * STEPS):
        an = -n * (n - a)
        b = b + 2.0
        d = 1.0 / _off_zero(an * d + b)
        c = _off_zero(b + an / c)
        step = d * c
        value *= step
        if np.abs(step - 1.0).max() < PRECISION * 4:
            break
    return np.asarray(np.exp(-x + a * np.log(x) - math.lgamma(a)) * value)


def _off_zero(x: Array) -> Array:
    return np.where(np.abs(x) < SMALLEST, SMALLEST, x)
