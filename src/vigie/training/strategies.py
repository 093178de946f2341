"""What the test rows would have brought under each way to decide, at the same capacity."""

from __future__ import annotations

import numpy as np

from vigie.economics import PayoffValues, strategy_acts
from vigie.training.capacity import Capacity
from vigie.training.metrics import measure, realised
from vigie.training.result import Metrics


def compare_strategies(
    probability: np.ndarray,
    act: np.ndarray,
    y: np.ndarray,
    payoff: PayoffValues,
    capacity: Capacity,
    *,
    rule: np.ndarray | None,
    rule_probability: np.ndarray | None,
    seed: int,
) -> dict[str, Metrics]:
    """Metrics by strategy; see :func:`vigie.economics.strategy_acts`.

    Args:
        probability: The winner's, of each test row.
        act: Its decision.
        y: Outcomes.
        payoff: Cost matrix.
        capacity: Of the test rows.
        rule: Value of the declared rule, NaN for null; ``None``: there is no rule.
        rule_probability: Of the candidate made of the rule.
        seed: Of the order in which *everybody* is acted on where capacity does not do for all.
    """
    acts = acts_by_strategy(probability, act, capacity, rule, seed)
    with_probability = {"threshold_0.5": probability, "vigie": probability, "rule": rule_probability}
    return {name: measure(y, with_probability.get(name), who, realised(payoff, who, y)) for name, who in acts.items()}


def acts_by_strategy(
    probability: np.ndarray, act: np.ndarray, capacity: Capacity, rule: np.ndarray | None, seed: int
) -> dict[str, np.ndarray]:
    """Who each strategy acts on: booleans by strategy; arguments as in :func:`compare_strategies`."""
    everyone = np.arange(len(act))
    if capacity.limit is None:
        return strategy_acts(probability, act, rule=rule, seed=seed)
    merged: dict[str, np.ndarray] = {}
    allowed = capacity.allowed(everyone)
    for count in np.unique(allowed):
        group = np.flatnonzero(allowed == count)
        part = strategy_acts(
            probability[group],
            act[group],
            rule=rule[group] if rule is not None else None,
            capacity=int(count),
            moments=capacity.moments[group],
            seed=seed,
        )
        for name, who in part.items():
            merged.setdefault(name, np.zeros(len(act), bool))[group] = who
    return merged
