"""Acting within a budget: each action costs its own amount, and all of them together may not cost more than there is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.economics.payoff import Array


@dataclass(frozen=True, eq=False, slots=True)
class BudgetChoice:
    """Who is acted on, and how far from the best that may be.

    Attributes:
        act: Booleans, shape (n,).
        gain: Sum of the gains of those acted on, currency.
        cost: What acting on them takes from the budget, currency.
        bound: No choice within the budget has a higher sum of gains than this: the optimum if the last customer could be
            acted on in part (linear relaxation). ``bound − gain`` is at most the gain of one customer.
    """

    act: Array
    gain: float
    cost: float
    bound: float


def within_budget(gain: Array, cost: Array, budget: float) -> BudgetChoice:
    """Those of highest gain for each unit of cost, as long as the budget lasts.

    Customers are taken in the order of ``gain / cost`` while they fit; those after the first that does not fit are still taken
    where they do. The sum of gains is then below the optimum by less than the gain of the one that did not fit (Dantzig
    1957), which among thousands of customers is nothing. Where that one alone would bring more than everybody before it, it is
    taken first; so the choice never brings less than half of the optimum.

    Args:
        gain: Expected gain of acting on each, all costs taken off, shape (n,), currency. Customers with a gain of 0 or less,
            or NaN, are not acted on.
        cost: What acting on each takes from the budget, at least 0, shape (n,) or (), currency.
        budget: All there is, at least 0, currency.

    Raises:
        ValueError: A cost is below 0 or not known, or the budget is below 0.

    Source: Dantzig (1957), *Discrete-variable extremum problems*, Operations Research 5 (2).

    >>> chosen = within_budget(np.array([60.0, 100.0, 120.0]), np.array([10.0, 20.0, 30.0]), 50.0)
    >>> chosen.act, chosen.gain, chosen.cost, chosen.bound
    (array([ True,  True, False]), 160.0, 30.0, 240.0)
    """
    gain = np.asarray(gain, np.float64)
    costs = np.broadcast_to(np.asarray(cost, np.float64), gain.shape)
    if not budget >= 0:
        raise ValueError(f"budget={budget!r} is not possible")
    if not (costs >= 0).all():
        raise ValueError("a cost is below 0 or not known")
    worth = np.flatnonzero((gain > 0) & (costs <= budget))
    with np.errstate(divide="ignore", over="ignore"):
        rate = np.where(costs[worth] > 0, gain[worth] / costs[worth], np.inf)
    # Of equal rates the greater gain first, then the earlier row.
    order = worth[np.lexsort((worth, -gain[worth], -rate))]
    spent = np.cumsum(costs[order])
    fitting = int(np.searchsorted(spent, budget, side="right"))
    first = _filled(order, costs, budget)
    bound = float(gain[order[:fitting]].sum())
    chosen = first
    if fitting < len(order):
        left = budget - (float(spent[fitting - 1]) if fitting else 0.0)
        odd = int(order[fitting])
        bound += float(gain[odd]) * left / float(costs[odd])
        if gain[odd] > gain[first].sum():
            others = order[order != odd]
            chosen = np.append(_filled(others, costs, budget - float(costs[odd])), odd)
    act = np.zeros(len(gain), bool)
    act[chosen] = True
    return BudgetChoice(act, float(gain[act].sum()), float(costs[act].sum()), max(bound, float(gain[act].sum())))


def _filled(order: Array, costs: Array, budget: float) -> Array:
    """Those taken when everybody is asked in *order* and taken if what is left still does."""
    taken: list[int] = []
    start, left = 0, budget
    while start < len(order):
        spent = np.cumsum(costs[order[start:]])
        fits = int(np.searchsorted(spent, left, side="right"))
        taken += order[start : start + fits].tolist()
        left -= float(spent[fits - 1]) if fits else 0.0
        # Skip to the next one that still fits.
        later = np.flatnonzero(costs[order[start + fits :]] <= left)
        if not len(later):
            break
        start += fits + int(later[0])
    return np.array(taken, np.int64)
