"""What a ranking brings when only so many customers can be acted on."""

from __future__ import annotations

import numpy as np

from vigie.economics.capacity import top_k
from vigie.economics.payoff import Array, PayoffValues


def profit_at_capacity(
    gain: Array,
    payoff: PayoffValues,
    y: Array,
    capacity: int,
    *,
    min_gain: float = 0.0,
    moments: Array | None = None,
) -> float:
    """Realised money for one customer when the *capacity* customers of highest expected gain are acted on.

    ``mean(realised(top_k(gain), y))``: everybody counts, whether acted on or not.

    Args:
        gain: Expected gain of acting, shape (n,), n ≥ 1, currency; NaN is not acted on.
        payoff: Cost matrix; customers with an unknown sum are left out of the mean.
        y: Outcomes, 0 or 1, shape (n,).
        capacity: Customers that can be acted on at one moment.
        min_gain: Least gain worth acting on, currency.
        moments: Moment of each row, shape (n,); ``None``: all of one moment.

    Returns:
        Currency for one customer.

    >>> campaign = PayoffValues.constant(56, -11)
    >>> p, y = np.array([0.9, 0.8, 0.7, 0.1]), np.array([1, 0, 1, 0])
    >>> [profit_at_capacity(campaign.gain(p), campaign, y, k) for k in (1, 2, 3)]
    [14.0, 11.25, 25.25]
    """
    act = top_k(gain, min_gain, capacity, moments)
    return float(np.nanmean(payoff.realised(act, y)))
