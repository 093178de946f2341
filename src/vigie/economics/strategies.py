"""What one would do without the model's decision: the strategies that it has to beat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vigie.economics.capacity import top_k
from vigie.economics.payoff import Array, PayoffValues

NOBODY, EVERYBODY, RULE, HALF, VIGIE = "nobody", "everybody", "rule", "threshold_0.5", "vigie"


def strategy_acts(
    probability: Array,
    act: Array,
    *,
    rule: Array | None = None,
    capacity: int | None = None,
    moments: Array | None = None,
    seed: int = 0,
) -> dict[str, Array]:
    """Who each strategy acts on, under the same capacity.

    *nobody*; *everybody* (as many as capacity allows, at random); *rule* (where it is true or above 0, highest
    first); *threshold_0.5* (probability ≥ 0.5, highest first); *vigie* (the decision, as given).

    Args:
        probability: Of the outcome, shape (n,).
        act: Who the decision acts on, shape (n,).
        rule: The declared rule's value, shape (n,), boolean or number; NaN is not acted on. ``None``: no rule.
        capacity: Customers that can be acted on at one moment; ``None``: no limit.
        moments: Moment of each row, shape (n,); ``None``: all of one moment.
        seed: Of the random order in which capacity is filled where a strategy does not rank.

    Returns:
        Strategy → booleans of shape (n,), in the order above; *rule* only where one is given.
    """
    n = len(probability)
    chance = np.random.default_rng(seed).permutation(n).astype(np.float64)
    acts = {
        NOBODY: np.zeros(n, dtype=bool),
        EVERYBODY: top_k(chance, 0.0, capacity, moments),
    }
    if rule is not None:
        acts[RULE] = rule_act(rule, chance, capacity, moments)
    acts[HALF] = top_k(probability, 0.5, capacity, moments)
    acts[VIGIE] = np.asarray(act, dtype=bool)
    return acts


def strategy_values(acts: Mapping[str, Array], payoff: PayoffValues, y: Array) -> dict[str, float]:
    """What each strategy brought: realised money for one customer, by strategy.

    Args:
        acts: Who each acts on, booleans of shape (n,), n ≥ 1.
        payoff: Cost matrix of the customers; those with an unknown sum are left out.
        y: Outcomes, 0 or 1, shape (n,).
    """
    return {name: float(np.nanmean(payoff.realised(act, y))) for name, act in acts.items()}


def rule_act(rule: Array, chance: Array, capacity: int | None, moments: Array | None) -> Array:
    """Where *rule* is above 0; under a capacity the highest first, equal ones in the order of *chance*."""
    value = np.asarray(rule, dtype=np.float64)
    wanted = value > 0
    # Ranks, so that equal values are told apart by chance alone.
    order = np.lexsort((chance, np.where(wanted, value, -np.inf)))
    rank = np.empty(len(value))
    rank[order] = np.arange(len(value))
    return top_k(np.where(wanted, rank, np.nan), -np.inf, capacity, moments)
