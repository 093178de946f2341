"""Acting on no more customers than one can: the best *k* of a moment, and the same as a cut for single requests."""

from __future__ import annotations

import numpy as np

from vigie.economics.payoff import Array


def top_k(gain: Array, min_gain: float = 0.0, capacity: int | None = None, moments: Array | None = None) -> Array:
    """Who is acted on: of each moment, the *capacity* customers of highest gain among those with ``gain ≥ min_gain``.

    Of all sets of at most *capacity* customers of a moment it has the highest sum of gains if *min_gain* is 0. Ties at
    the border go to the earlier row; a NaN gain is never acted on.

    Args:
        gain: Expected gain of acting, shape (n,), currency.
        min_gain: Least gain worth acting on, currency.
        capacity: Customers that can be acted on at one moment; ``None``: no limit.
        moments: Moment of each row, shape (n,); ``None``: all of one moment.

    Returns:
        Booleans, shape (n,).
    """
    act = np.asarray(gain >= min_gain)
    if capacity is None:
        return act
    chosen = np.flatnonzero(act)
    group = np.zeros(len(chosen), dtype=np.int64) if moments is None else moments[chosen]
    order = np.lexsort((chosen, -gain[chosen], group))
    ordered = group[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1)) if len(ordered) else np.empty(0, np.int64)
    sizes = np.diff(np.append(starts, len(ordered)))
    rank = np.arange(len(ordered)) - np.repeat(starts, sizes)
    kept = np.zeros(len(gain), dtype=bool)
    kept[chosen[order[rank < capacity]]] = True
    return kept


def acted_share(capacity: int | None, moments: Array) -> float:
    """Share, 0 … 1, of a moment's customers that *capacity* allows for, on average over the customers given.

    ``Σ min(capacity, n_m) / Σ n_m`` over the moments *m* with ``n_m`` customers; 1 without a limit or customers.

    Where each customer has a moment of its own (a lead when it is submitted) there is no limit in it: 1.
    """
    if capacity is None or not len(moments):
        return 1.0
    sizes = np.unique(moments, return_counts=True)[1]
    return float(np.minimum(sizes, capacity).sum() / sizes.sum())


def request_cut(gain: Array, share: float, min_gain: float = 0.0) -> float:
    """Least gain that a single request is acted on for, so that at most *share* of customers like these are.

    A request knows nothing of the others of its moment, so the exact top *k* is not possible: the cut is the lowest
    gain, not below *min_gain*, that at most ``share·n`` of the *n* customers reach.

    Args:
        gain: Expected gains of a reference population, shape (n,), currency.
        share: Share, 0 … 1, that capacity allows for.
        min_gain: Least gain worth acting on, currency.

    Returns:
        The cut, currency, at least *min_gain*.
    """
    known = np.sort(gain[~np.isnan(gain)])[::-1]
    k = int(np.floor(share * len(gain)))
    if k >= len(known):
        return min_gain
    # Everybody at the border value or none of them: the next higher gain is the least that keeps within the share.
    border = known[k]
    if border < min_gain:
        return min_gain
    above = known[known > border]
    return float(above[-1]) if len(above) else float(np.nextafter(border, np.inf))
