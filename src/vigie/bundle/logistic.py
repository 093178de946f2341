"""The logistic function and its inverse, the same to the bit for one number and for many.

NumPy's ``exp`` and ``log`` give each element the same result wherever it stands in an array; the C library's, which
``math`` uses, differ from them in the last bit. So single numbers go through NumPy too.
"""

from __future__ import annotations

import numpy as np

from vigie.economics.payoff import Array

NEAREST = 1e-15
"""Probabilities are kept this far from 0 and 1 before their log-odds are taken."""


def logistic(z: Array) -> Array:
    """``1 / (1 + exp(−z))``: from log-odds to a probability, 0 … 1."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-z)))


def logistic_one(z: float) -> float:
    """The same of one number."""
    if z < -709.0:
        # Here exp may overflow, and the warning of NumPy would have to be silenced at some cost.
        return float(logistic(np.asarray(z)))
    return 1.0 / (1.0 + float(np.exp(-z)))


def log_odds(p: Array) -> Array:
    """``log(p / (1 − p))``, with *p* kept within 1e-15 of 0 and 1: about ±34.5."""
    kept = np.minimum(np.maximum(p, NEAREST), 1.0 - NEAREST)
    return np.asarray(np.log(kept / (1.0 - kept)))


def log_odds_one(p: float) -> float:
    """The same of one number."""
    kept = min(max(p, NEAREST), 1.0 - NEAREST)
    return float(np.log(kept / (1.0 - kept)))
