"""What a decision is worth on rows that chose nothing: with intervals, against the best fixed strategy, as share and as bound."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vigie.definition import Campaign, Decision, Lead, Loan
from vigie.definition.decision import Amount
from vigie.definition.expression import Feature
from vigie.economics import (
    BetaSpread,
    Certain,
    GammaSpread,
    LossSpread,
    PayoffValues,
    Spread,
    expected_maximum_profit,
)
from vigie.economics.strategies import EVERYBODY, HALF, NOBODY, RULE, VIGIE
from vigie.features.rowwise import evaluate
from vigie.features.values import Columns
from vigie.training.bootstrap import Resampling
from vigie.training.capacity import Capacity
from vigie.training.evidence import Estimate, ValueEvidence
from vigie.training.metrics import realised
from vigie.training.strategies import acts_by_strategy

NEARLY = 1e-6
"""An acceptance so near to 0 or 1 is certain."""
FIRMNESS = 20.0
"""``alpha + beta`` of an acceptance around the declared one, as in Verbraken et al. (2013), whose 6 and 14 have the mean 0.3."""
SHAPE = 12.0
"""Of the spread of a deal's value around the declared one, as empulse has it: a standard deviation of 29 %."""
BETWEEN = 0.35
"""Share of defaults that lose a part, as in Verbraken et al. (2014), whose mean loss is 0.275."""


def fixed_rival(
    payoff: PayoffValues, y: np.ndarray, capacity: Capacity, *, rule: np.ndarray | None = None, seed: int = 0
) -> str:
    """The fixed strategy that brings most on the training rows: what the decision has to beat on the test.

    Chosen on the test it would be the luckiest of three, and the comparison unfair to the decision.

    Args:
        payoff: Cost matrix of the training rows.
        y: Their outcomes.
        capacity: Of them.
        rule: Value of the declared rule, NaN for null; ``None``: there is none.
        seed: Of the order in which *everybody* is acted on where capacity does not do for all.

    Returns:
        ``"nobody"``, ``"everybody"`` or ``"rule"``; of equals the first.
    """
    nothing = np.zeros(len(y))
    acts = acts_by_strategy(nothing, nothing.astype(bool), capacity, rule, seed)
    known = [name for name in (NOBODY, EVERYBODY, RULE) if name in acts]
    return max(known, key=lambda name: float(realised(payoff, acts[name], y).mean()))


def value_evidence(
    acts: Mapping[str, np.ndarray],
    payoff: PayoffValues,
    y: np.ndarray,
    customers: np.ndarray,
    rival: str,
    capacity: Capacity,
    seed: int,
    *,
    pairs_compared: int = 0,
) -> ValueEvidence:
    """Money for one customer under each strategy, with intervals that resample customers.

    Args:
        acts: Who each strategy acts on, booleans of shape (n,): :func:`vigie.training.strategies.acts_by_strategy`.
        payoff: Cost matrix of the test rows; a row with an unknown sum counts as 0.
        y: Their outcomes.
        customers: Key or code of each row's customer, shape (n,).
        rival: Name of the best fixed strategy: :func:`fixed_rival`.
        capacity: Of the test rows.
        seed: Of the bootstrap.
        pairs_compared: Candidates among which the winner was chosen.
    """
    money = {name: realised(payoff, act, y) for name, act in acts.items()}
    n, ours = len(y), money[VIGIE]
    names = list(money)
    differences = [ours - money[rival], ours - money[HALF]]
    columns = np.column_stack([*(money[name] for name in names), *differences])
    resampling = Resampling(customers, seed)
    found = resampling.means(columns)
    baselines = [realised(payoff, np.full(n, who), y) for who in (False, True)]
    savings = resampling.estimate(np.column_stack([ours, *baselines]), _saved)
    return ValueEvidence(
        strategies=dict(zip(names, found, strict=False)),
        rival=rival,
        over_rival=found[-2],
        over_half=found[-1],
        savings=savings,
        perfect=float(realised(payoff, _perfect(payoff, y, capacity), y).mean()),
        customers=resampling.customers,
        pairs_compared=pairs_compared,
    )


def _saved(sums: np.ndarray) -> np.ndarray:
    """``1 − cost / min(cost of nobody, cost of everybody)`` of sums of money, whose costs are minus them.

    NaN where nobody or everybody costs nothing or earns: there is nothing to save.
    """
    cost, base = -sums[:, 0], np.minimum(-sums[:, 1], -sums[:, 2])
    return np.asarray(1.0 - np.where(base <= 0, np.nan, cost / np.where(base == 0, 1.0, base)))


def _perfect(payoff: PayoffValues, y: np.ndarray, capacity: Capacity) -> np.ndarray:
    advantage = np.broadcast_to(payoff.advantage(y), len(y)).astype(np.float64)
    return capacity.act(advantage, 0.0, np.arange(len(y)))


def business_scores(
    decision: Decision, y: np.ndarray, p: np.ndarray, payoff: PayoffValues, leaves: Columns | None = None
) -> dict[str, float]:
    """Maximum profit of the ranking, and its expectation when the least certain sum of the decision is only roughly known.

    Customers are ranked by expected gain. All figures are money for one customer more than acting on nobody, with a cut that is
    the best afterwards: they compare rankings and are no promise. What is spread is assumed, not measured:

    - ``Campaign``: the share that accepts, ``Beta(20 · accepted, 20 · (1 − accepted))`` around the declared one (EMPC).
    - ``Lead``: the value of a deal, ``Gamma`` of shape 12 with the declared one as mean (EMPA).
    - ``Loan``: the share lost in a default, 0 or 1 or evenly in between for 35 % of them, with the declared mean (EMPCS).

    Where a sum differs by customer it is spread for all in proportion.

    Args:
        decision: As declared.
        y: Outcomes, 0 or 1, shape (n,).
        p: Calibrated probabilities, shape (n,).
        payoff: Cost matrix; customers with an unknown sum are left out.
        leaves: Values that sums of the decision are computed from; needed only where ``accepted``, ``contact_cost`` or
            ``loss_given_default`` is a feature.

    Returns:
        ``"max_profit"``, ``"max_profit.share"``, and ``"emp_churn"``, ``"emp_acquisition"`` or ``"emp_credit"`` with its
        ``".share"``; the latter are left out where the decision does not tell enough.
    """
    n = len(y)
    gain = np.broadcast_to(payoff.gain(p), n)
    known = ~np.isnan(gain)
    if not known.any():
        return {}
    y, gain, sums = y[known], gain[known], payoff.take(np.flatnonzero(known))
    advantage = np.broadcast_to(sums.advantage(y), len(y)).astype(np.float64)
    plain = expected_maximum_profit(gain, np.zeros(len(y)), advantage, Certain(1.0))
    found = {"max_profit": plain.value, "max_profit.share": plain.share}
    parts = _parts(decision, y == 1, advantage, leaves, known)
    if parts is not None:
        name, per_unit, fixed, spread = parts
        expected = expected_maximum_profit(gain, per_unit, fixed, spread)
        found |= {name: expected.value, f"{name}.share": expected.share}
    return found


def _parts(
    decision: Decision, positive: np.ndarray, advantage: np.ndarray, leaves: Columns | None, known: np.ndarray
) -> tuple[str, np.ndarray, np.ndarray, Spread] | None:
    """Name, money for one unit of a factor of mean 1, money whatever it is, and how the factor is spread."""
    if isinstance(decision, Campaign):
        contact = _amount(decision.contact_cost, leaves, known)
        accepted = _mean(_amount(decision.accepted, leaves, known))
        if contact is None or accepted is None:
            return None
        spread: Spread = (
            BetaSpread(FIRMNESS * accepted, FIRMNESS * (1 - accepted), 1 / accepted)
            if NEARLY < accepted < 1 - NEARLY
            else Certain(1.0)
        )
        return (
            "emp_churn",
            np.where(positive, advantage + contact, 0.0),
            np.where(positive, -contact, advantage),
            spread,
        )
    if isinstance(decision, Lead):
        contact = _amount(decision.contact_cost, leaves, known)
        if contact is None:
            return None
        won, lost = np.where(positive, advantage + contact, 0.0), np.where(positive, -contact, advantage)
        return "emp_acquisition", won, lost, GammaSpread(SHAPE, SHAPE)
    if isinstance(decision, Loan):
        loss = _mean(_amount(decision.loss_given_default, leaves, known))
        if loss is None or not 0 < loss <= 1:
            return None
        between = min(BETWEEN, 2 * loss, 2 * (1 - loss))
        everything = loss - between / 2
        spread = LossSpread(max(1 - between - everything, 0.0), everything, 1 / loss)
        return "emp_credit", np.where(positive, advantage, 0.0), np.where(positive, 0.0, advantage), spread
    return None


def _amount(amount: Amount, leaves: Columns | None, known: np.ndarray) -> np.ndarray | None:
    if not isinstance(amount, Feature):
        return np.full(int(known.sum()), float(amount))
    if leaves is None:
        return None
    values = np.asarray(evaluate(amount, leaves, len(known)).data, np.float64)[known]
    return None if np.isnan(values).any() else values


def _mean(values: np.ndarray | None) -> float | None:
    return None if values is None or not len(values) else float(values.mean())


__all__ = ["Estimate", "business_scores", "fixed_rival", "value_evidence"]
