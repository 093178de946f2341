"""How far the money of two strategies may differ by chance alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from vigie.economics import PayoffValues

Array = np.ndarray[Any, np.dtype[Any]]


def difference_interval(
    payoff: PayoffValues, labels: Array, act: Array, other: Array, customers: Array
) -> tuple[float, float] | None:
    """95 % interval of the money for one row that *act* brings more than *other*.

    Both decide on the same rows, so the difference of each row is taken first. Rows of one customer are not
    independent: their differences are summed, and the spread is that of the customers' sums (Liang & Zeger 1986).

    Args:
        payoff: Cost matrix of the rows.
        labels: 0 or 1, shape (n,).
        act: Who one strategy acts on, shape (n,).
        other: Who the other acts on, shape (n,).
        customers: Key of the customer of each row, shape (n,).

    Returns:
        Lower and upper end, currency for one row; ``None`` with fewer than ten customers.
    """
    difference = payoff.realised(act, labels) - payoff.realised(other, labels)
    _, place = np.unique(customers.astype(str), return_inverse=True)
    groups = int(place.max()) + 1 if len(place) else 0
    if groups < 10 or not np.all(np.isfinite(difference)):
        return None
    mean = float(difference.mean())
    sums = np.bincount(place, weights=difference - mean, minlength=groups)
    error = float(np.sqrt(groups / (groups - 1) * np.sum(sums**2))) / len(difference)
    return mean - 1.959964 * error, mean + 1.959964 * error
