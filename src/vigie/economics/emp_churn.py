"""Maximum profit of a ranking of customers who may leave."""

from __future__ import annotations

import numpy as np

from vigie.economics.maximum_profit import BetaSpread, Certain, MaximumProfit, Spread, expected_maximum_profit
from vigie.economics.payoff import Array

ALPHA, BETA = 6.0, 14.0
"""Of the share of churners who accept an offer, in Verbraken et al. (2013): 0.3 on average."""


def emp_churn(
    y: Array,
    score: Array,
    *,
    alpha: float = ALPHA,
    beta: float = BETA,
    customer_value: float | Array = 200.0,
    offer_cost: float | Array = 10.0,
    contact_cost: float | Array = 1.0,
) -> MaximumProfit:
    """Expected maximum profit of a retention campaign (EMPC): the acceptance of the offer is Beta-distributed.

    A churner who is contacted accepts with probability *γ* and then stays: ``γ · (customer_value − offer_cost) −
    contact_cost``. One who was staying takes the offer too: ``−offer_cost − contact_cost``. For each *γ* those with the
    highest scores are contacted as far down as pays best; the profit is averaged over ``γ ~ Beta(alpha, beta)``.

    With one *customer_value* it is empulse's ``empc``, to 1e-9. An array is taken customer by customer; empulse takes its
    mean instead: pass ``customer_value.mean()`` for that figure.

    Args:
        y: 1 for those who left, shape (n,).
        score: The higher, the sooner contacted, shape (n,).
        alpha: First shape of the acceptance, above 0.
        beta: Second shape; the mean acceptance is ``alpha / (alpha + beta)``.
        customer_value: What a customer who stays is worth, () or (n,), currency.
        offer_cost: Of the offer when it is taken, () or (n,), currency.
        contact_cost: Of contacting one customer, () or (n,), currency.

    Returns:
        Money for one customer of the base, at least 0, and the share, 0 … 1, to contact.

    Raises:
        ValueError: A shape is not above 0, or there are no customers.

    Source: Verbraken, Verbeke & Baesens (2013), IEEE TKDE 25 (5).

    >>> y, score = np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    >>> found = emp_churn(y, score)
    >>> round(found.value, 6), round(found.share, 6)
    (23.875593, 0.87437)
    """
    return _profit(y, score, BetaSpread(alpha, beta), customer_value, offer_cost, contact_cost)


def max_profit_churn(
    y: Array,
    score: Array,
    *,
    accepted: float = 0.3,
    customer_value: float | Array = 200.0,
    offer_cost: float | Array = 10.0,
    contact_cost: float | Array = 1.0,
) -> MaximumProfit:
    """Maximum profit of a retention campaign (MPC): as :func:`emp_churn` with an acceptance that is certain.

    Args:
        y: 1 for those who left, shape (n,).
        score: The higher, the sooner contacted, shape (n,).
        accepted: Share, 0 … 1, of contacted churners who stay because of the offer.
        customer_value: What a customer who stays is worth, () or (n,), currency.
        offer_cost: Of the offer when it is taken, () or (n,), currency.
        contact_cost: Of contacting one customer, () or (n,), currency.

    Returns:
        Money for one customer of the base, at least 0, and the share, 0 … 1, to contact.

    Raises:
        ValueError: There are no customers.

    >>> y, score = np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    >>> max_profit_churn(y, score)
    MaximumProfit(value=23.875, share=0.875)
    """
    return _profit(y, score, Certain(accepted), customer_value, offer_cost, contact_cost)


def _profit(
    y: Array, score: Array, spread: Spread, value: float | Array, offer: float | Array, contact: float | Array
) -> MaximumProfit:
    leaves = np.asarray(y) == 1
    worth, cost = np.asarray(value) - np.asarray(offer), np.asarray(contact)
    return expected_maximum_profit(
        score,
        per_unit=np.where(leaves, worth, 0.0),
        fixed=np.where(leaves, -cost, -cost - np.asarray(offer)),
        spread=spread,
    )
