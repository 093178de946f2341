"""Pearson's χ² of two samples: the evidence that counts do not come from one distribution."""

from __future__ import annotations

import numpy as np

from vigie.watch.distances.shares import Array

LEAST = 5.0
"""Expected rows of a cell from which the χ² distribution is close enough (Cochran 1954)."""


def chi_square(
    live: Array, reference: Array, *, least: float = LEAST, ordered: bool = True
) -> tuple[float, int, float]:
    """Statistic, degrees of freedom and p-value; both samples are finite, and both are taken as such.

    Args:
        live: Counts, shape (b,); may be fractions, where rows were made fewer for customers who repeat.
        reference: Counts in the same cells.
        least: Cells in which either sample is expected to have fewer rows are put together.
        ordered: Whether cells have an order, so that neighbours are put together; otherwise the rarest are.

    Returns:
        ``(0.0, 0, 1.0)`` where fewer than two cells are left.
    """
    p, q = pooled(live, reference, least=least, ordered=ordered)
    n, m = float(p.sum()), float(q.sum())
    freedom = len(p) - 1
    if n <= 0 or m <= 0 or freedom < 1:
        return 0.0, 0, 1.0
    from scipy.special import chdtrc

    statistic = float((((m / n) ** 0.5 * p - (n / m) ** 0.5 * q) ** 2 / (p + q)).sum())
    return statistic, freedom, float(chdtrc(freedom, statistic))


def pooled(live: Array, reference: Array, *, least: float = LEAST, ordered: bool = True) -> tuple[Array, Array]:
    """Counts of both in the cells that are left when those with few rows are put together; none is empty in both.

    Args:
        live: Counts, shape (b,).
        reference: Counts in the same cells.
        least: Rows that the smaller sample must be expected to have in a cell, if all cells together have as many.
        ordered: Whether neighbours are put together, or the rarest.
    """
    p, q = np.asarray(live, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    n, m = float(p.sum()), float(q.sum())
    if n <= 0 or m <= 0:
        return p, q
    group = _groups(p + q, least * (n + m) / min(n, m), ordered)
    fewer, fewer_then = (np.bincount(group, weights=one).astype(np.float64) for one in (p, q))
    kept = fewer + fewer_then > 0
    return fewer[kept], fewer_then[kept]


def _groups(together: Array, least: float, ordered: bool) -> Array:
    """Which cells are put together, shape (b,): each group has at least *least* rows, if all together have."""
    if (together >= least).all():
        return np.arange(len(together))
    order = np.arange(len(together)) if ordered else np.argsort(together, kind="stable")
    group, number, held = np.empty(len(together), dtype=np.int64), 0, 0.0
    for cell in order.tolist():
        group[cell] = number
        held += float(together[cell])
        if held >= least:
            number, held = number + 1, 0.0
    if number > 0:  # the last ones are too few for a group of their own
        group[group == number] = number - 1
    return group
