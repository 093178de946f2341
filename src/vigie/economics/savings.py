"""Cost of decisions, and the share of it that a model saves."""

from __future__ import annotations

import numpy as np

from vigie.economics.payoff import Array, PayoffValues


def cost_loss(act: Array, payoff: PayoffValues, y: Array) -> float:
    """What decisions cost once the outcomes are known: minus the money they brought, for one customer.

    Args:
        act: Who was acted on, booleans, shape (n,), n ≥ 1.
        payoff: Cost matrix; customers with an unknown sum are left out.
        y: Outcomes, 0 or 1, shape (n,).

    Returns:
        Currency; below 0 where the decisions earn. It is empulse's ``cost_loss(normalize=True)`` with costs of minus the
        sums of *payoff*.

    Source: Elkan (2001), *The foundations of cost-sensitive learning*, IJCAI.

    >>> cost_loss(np.array([True, False]), PayoffValues.constant(56, -11), np.array([0, 1]))
    5.5
    """
    return -float(np.nanmean(payoff.realised(np.asarray(act, bool), y)))


def expected_cost(p: Array, payoff: PayoffValues, y: Array) -> float:
    """Cost if each customer were acted on with probability *p*, for one customer.

    ``mean(y · (p · c11 + (1 − p) · c01) + (1 − y) · (p · c10 + (1 − p) · c00))`` with costs of minus the sums of *payoff*: the
    average expected cost that models can be fitted to.

    Args:
        p: 0 … 1, shape (n,), n ≥ 1.
        payoff: Cost matrix; customers with an unknown sum are left out.
        y: Outcomes, 0 or 1, shape (n,).

    Returns:
        Currency; empulse's ``expected_cost_loss(normalize=True)``.

    Source: Höppner et al. (2022), *Instance-dependent cost-sensitive learning for detecting transfer fraud*, EJOR 297 (1).

    >>> expected_cost(np.array([0.5, 0.5]), PayoffValues.constant(56, -11), np.array([0, 1]))
    -11.25
    """
    money = p * payoff.realised(True, y) + (1.0 - p) * payoff.realised(False, y)
    return -float(np.nanmean(money))


def savings(act: Array, payoff: PayoffValues, y: Array) -> float:
    """Share of the cost of the better of *nobody* and *everybody* that the decisions save.

    ``1 − cost(act) / min(cost(nobody), cost(everybody))``. 1 is a cost of nothing, 0 no better than the better of both, below 0
    worse. Above 1 the decisions earn money where the baseline costs some. Where the baseline earns the sign turns around: then
    read the difference in money, not this.

    Args:
        act: Who was acted on, booleans, shape (n,), n ≥ 1.
        payoff: Cost matrix; customers with an unknown sum are left out.
        y: Outcomes, 0 or 1, shape (n,).

    Returns:
        A share, without unit; NaN where the baseline costs nothing. Elsewhere it is empulse's ``savings_score``.

    Source: Correa Bahnsen, Aouada & Ottersten (2014), *Example-dependent cost-sensitive logistic regression for credit scoring*,
    ICMLA.

    >>> savings(np.array([True, False]), PayoffValues.constant(-5, -5, pass_positive=-100), np.array([1, 0]))
    0.5
    """
    return saved_share(cost_loss(act, payoff, y), baseline_cost(payoff, y))


def expected_savings(p: Array, payoff: PayoffValues, y: Array) -> float:
    """The same of acting on each customer with probability *p*: ``1 − expected_cost(p) / min(cost(nobody), cost(everybody))``.

    Args:
        p: 0 … 1, shape (n,), n ≥ 1.
        payoff: Cost matrix; customers with an unknown sum are left out.
        y: Outcomes, 0 or 1, shape (n,).

    Returns:
        A share, without unit; NaN where the baseline costs nothing. Elsewhere it is empulse's ``expected_savings_score``.

    >>> expected_savings(np.array([1.0, 0.0]), PayoffValues.constant(-5, -5, pass_positive=-100), np.array([1, 0]))
    0.5
    """
    return saved_share(expected_cost(p, payoff, y), baseline_cost(payoff, y))


def baseline_cost(payoff: PayoffValues, y: Array) -> float:
    """The lower of the costs of acting on nobody and on everybody, currency for one customer.

    >>> baseline_cost(PayoffValues.constant(-5, -5, pass_positive=-100), np.array([1, 0]))
    5.0
    """
    n = len(y)
    return min(cost_loss(np.zeros(n, bool), payoff, y), cost_loss(np.ones(n, bool), payoff, y))


def saved_share(cost: float, baseline: float) -> float:
    """``1 − cost / baseline``; NaN where *baseline* is 0."""
    return 1.0 - cost / baseline if baseline != 0 else float("nan")
