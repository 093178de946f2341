"""Maximum profit of a ranking of borrowers."""

from __future__ import annotations

import numpy as np

from vigie.economics.maximum_profit import Certain, LossSpread, MaximumProfit, Spread, expected_maximum_profit
from vigie.economics.payoff import Array

NOTHING_LOST, ALL_LOST, INTEREST = 0.55, 0.1, 0.2644
"""Of defaulted loans and of loans in Verbraken et al. (2014): the mean loss is 0.275 of the loan."""


def emp_credit(
    y: Array,
    score: Array,
    *,
    nothing_lost: float = NOTHING_LOST,
    all_lost: float = ALL_LOST,
    interest: float | Array = INTEREST,
    amount: float | Array = 1.0,
) -> MaximumProfit:
    """Expected maximum profit of refusing loans (EMPCS): how much of a loan a default loses is not known.

    Refusing one who would default saves ``λ · amount``; refusing another forgoes ``interest · amount``. The share *λ* lost is
    0 with probability *nothing_lost*, 1 with probability *all_lost*, and evenly in between otherwise. For each *λ* those of
    highest score are refused as far down as pays best. With the amount 1 it is empulse's ``empcs``, to 1e-9.

    Args:
        y: 1 for those who defaulted, shape (n,).
        score: The higher, the sooner refused, shape (n,).
        nothing_lost: Probability, 0 … 1, that a default loses nothing.
        all_lost: Probability, 0 … 1, that it loses all.
        interest: Share of the amount that a loan which is repaid earns, () or (n,).
        amount: Lent, () or (n,), currency; 1 gives shares of the amount.

    Returns:
        Money for one application that refusing brings more than granting all, at least 0, and the share, 0 … 1, to refuse.

    Raises:
        ValueError: A probability is not one, or there are no loans.

    Source: Verbraken, Bravo, Weber & Baesens (2014), *Development and application of consumer credit scoring models using
    profit-based classification measures*, EJOR 238 (2).

    >>> y, score = np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    >>> found = emp_credit(y, score)
    >>> round(found.value, 9), round(found.share, 6)
    (0.097470171, 0.324345)
    """
    return _profit(y, score, LossSpread(nothing_lost, all_lost), interest, amount)


def max_profit_credit(
    y: Array, score: Array, *, loss: float = 0.275, interest: float | Array = INTEREST, amount: float | Array = 1.0
) -> MaximumProfit:
    """Maximum profit of refusing loans (MPCS): as :func:`emp_credit` with a loss that is certain.

    Args:
        y: 1 for those who defaulted, shape (n,).
        score: The higher, the sooner refused, shape (n,).
        loss: Share, 0 … 1, of the amount that a default loses.
        interest: Share of the amount that a loan which is repaid earns, () or (n,).
        amount: Lent, () or (n,), currency; 1 gives shares of the amount.

    Returns:
        Money for one application that refusing brings more than granting all, at least 0, and the share, 0 … 1, to refuse.

    Raises:
        ValueError: There are no loans.

    >>> y, score = np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    >>> found = max_profit_credit(y, score)
    >>> round(found.value, 5), found.share
    (0.03835, 0.875)
    """
    return _profit(y, score, Certain(loss), interest, amount)


def _profit(y: Array, score: Array, spread: Spread, interest: float | Array, amount: float | Array) -> MaximumProfit:
    defaults = np.asarray(y) == 1
    lent = np.asarray(amount)
    return expected_maximum_profit(
        score,
        per_unit=np.where(defaults, lent, 0.0),
        fixed=np.where(defaults, 0.0, -np.asarray(interest) * lent),
        spread=spread,
    )
