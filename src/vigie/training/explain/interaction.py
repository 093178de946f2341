"""How much pairs of features act together: the H statistic (Friedman & Popescu 2008)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from vigie.bundle import Scorer
from vigie.bundle.logistic import log_odds
from vigie.features.values import Columns
from vigie.training.evidence import Interaction
from vigie.training.explain.dependence import set_to

SAMPLE, SMALL = 50, 25
"""Rows at whose values, and over which, joint effects are worked out; of the largest forests fewer."""
LEAST = 1e-12
"""Variance of a joint effect below which there is none."""


def interactions(
    scorer: Scorer,
    features: Sequence[str],
    columns: Columns,
    order: np.ndarray,
    scale: Literal["log_odds", "probability"],
    *,
    small: bool,
) -> tuple[Interaction, ...]:
    """Each pair of *features* with the share of its joint effect's variance that the sum of both does not explain.

    It is worked out on the scale that the model adds up on: on it a model without interactions has none. Both ways of
    taking averages use the same rows, so that such a model gives 0 and not the noise of a sample.

    Args:
        scorer: Of the bundle without its calibration.
        features: Inputs.
        columns: Inputs of all rows.
        order: Rows in random order.
        scale: As in ``Explanation``.
        small: Whether predictions are dear.

    Returns:
        Strongest first; equal ones in the order of *features*.
    """
    rows = np.sort(order[: SMALL if small else SAMPLE])
    taken, n = {name: columns[name].take(rows) for name in scorer.inputs}, len(rows)

    def effect(*names: str) -> np.ndarray:
        """Centred partial dependence of *names* together at the values of each row, shape (n,)."""
        p = set_to(scorer, taken, n, {name: taken[name] for name in names})
        mean = (log_odds(p) if scale == "log_odds" else p).mean(axis=1)
        return np.asarray(mean - mean.mean())

    alone = {name: effect(name) for name in features}
    found = []
    for one, other in combinations(features, 2):
        both = effect(one, other)
        total = float((both**2).sum())
        rest = float(((both - alone[one] - alone[other]) ** 2).sum())
        found.append(Interaction(one, other, min(rest / total, 1.0) if total > LEAST * n else 0.0))
    return tuple(sorted(found, key=lambda pair: -pair.strength))
