"""Maximum profit of a ranking of leads."""

from __future__ import annotations

import numpy as np

from vigie.economics.maximum_profit import Certain, GammaSpread, MaximumProfit, Spread, expected_maximum_profit
from vigie.economics.payoff import Array

SHAPE, RATE = 12.0, 0.0015
"""Of a new customer's contribution, as empulse has it: 8,000 on average."""


def emp_acquisition(
    y: Array,
    score: Array,
    *,
    shape: float = SHAPE,
    rate: float = RATE,
    contact_cost: float | Array = 50.0,
    sales_cost: float | Array = 500.0,
    direct_selling: float = 1.0,
    commission: float = 0.1,
) -> MaximumProfit:
    """Expected maximum profit of working on leads (EMPA): what a new customer contributes is Gamma-distributed.

    A lead that converts brings ``ρ · (R − sales_cost) + (1 − ρ) · (1 − commission) · R − contact_cost`` with the share *ρ* sold
    to directly; another costs ``contact_cost``. For each contribution *R* the leads of highest score are worked on as far down
    as pays best; the profit is averaged over ``R ~ Gamma(shape, rate)``. It is empulse's ``empa``, to a relative 1e-9.

    Args:
        y: 1 for those who converted, shape (n,).
        score: The higher, the sooner worked on, shape (n,).
        shape: Of the contribution's distribution, above 0.
        rate: Of the same, above 0, in one over currency; the mean contribution is ``shape / rate``.
        contact_cost: Of working on one lead, () or (n,), currency.
        sales_cost: Of a sale made directly, () or (n,), currency.
        direct_selling: Share, 0 … 1, of leads sold to directly.
        commission: Share, 0 … 1, of the contribution that an intermediary keeps.

    Returns:
        Money for one lead, at least 0, and the share, 0 … 1, to work on.

    Raises:
        ValueError: A parameter of the distribution is not above 0, or there are no leads.

    Source: empulse 0.11.1, ``empa``, after Verbraken et al. (2013).

    >>> y, score = np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    >>> found = emp_acquisition(y, score)
    >>> round(found.value, 4), round(found.share, 4)
    (3706.25, 0.875)
    """
    return _profit(y, score, GammaSpread(shape, rate), contact_cost, sales_cost, direct_selling, commission)


def max_profit_acquisition(
    y: Array,
    score: Array,
    *,
    contribution: float = 8_000.0,
    contact_cost: float | Array = 50.0,
    sales_cost: float | Array = 500.0,
    direct_selling: float = 1.0,
    commission: float = 0.1,
) -> MaximumProfit:
    """Maximum profit of working on leads (MPA): as :func:`emp_acquisition` with a contribution that is certain.

    Args:
        y: 1 for those who converted, shape (n,).
        score: The higher, the sooner worked on, shape (n,).
        contribution: Of a new customer, currency.
        contact_cost: Of working on one lead, () or (n,), currency.
        sales_cost: Of a sale made directly, () or (n,), currency.
        direct_selling: Share, 0 … 1, of leads sold to directly.
        commission: Share, 0 … 1, of the contribution that an intermediary keeps.

    Returns:
        Money for one lead, at least 0, and the share, 0 … 1, to work on.

    Raises:
        ValueError: There are no leads.

    >>> y, score = np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    >>> max_profit_acquisition(y, score)
    MaximumProfit(value=3706.25, share=0.875)
    """
    return _profit(y, score, Certain(contribution), contact_cost, sales_cost, direct_selling, commission)


def _profit(
    y: Array,
    score: Array,
    spread: Spread,
    contact: float | Array,
    sales: float | Array,
    direct: float,
    commission: float,
) -> MaximumProfit:
    for name, given in (("direct_selling", direct), ("commission", commission)):
        if not 0 <= given <= 1:
            raise ValueError(f"{name}={given!r} is not a share")
    converts = np.asarray(y) == 1
    cost = np.asarray(contact)
    return expected_maximum_profit(
        score,
        per_unit=np.where(converts, direct + (1.0 - direct) * (1.0 - commission), 0.0),
        fixed=np.where(converts, -cost - direct * np.asarray(sales), -cost),
        spread=spread,
    )
