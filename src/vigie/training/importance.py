"""Which features the winner leans on: the drop in test AUC when one feature's values are shuffled (Breiman 2001)."""

from __future__ import annotations

import numpy as np

from vigie.training.candidates import Fitted, Rows
from vigie.training.metrics import auc

ROWS = 5_000
"""Test rows used at most: a drop of 0.001 is well above its own noise with these."""
REPEATS = 5


def permutation_importance(
    fitted: Fitted, rows: Rows, *, seed: int, rule: str = "rule"
) -> tuple[tuple[str, float, float], ...]:
    """``(feature, mean drop in AUC, standard deviation over the shuffles)``, greatest first.

    Shuffling a feature's rows and encoding them is the same as shuffling the columns made from it, so rows are
    encoded once. A calibration does not change a ranking and is left out.

    Args:
        fitted: The winner.
        rows: Test rows.
        seed: Of the shuffles.
        rule: What the rule's value is called, where the winner is the rule.
    """
    generator = np.random.default_rng(seed)
    if len(rows) > ROWS:
        rows = rows.take(np.sort(generator.choice(len(rows), ROWS, replace=False)))
    X = fitted.matrix(rows)
    if X.shape[1] == 0:
        return ()
    sources = [rule] if fitted.reads_rule else fitted.encoder.feature_inputs()
    before = auc(rows.labels, fitted.predict(X))
    orders = [generator.permutation(len(rows)) for _ in range(REPEATS)]
    found = []
    for name in dict.fromkeys(sources):
        columns = [i for i, source in enumerate(sources) if source == name]
        drops = []
        for order in orders:
            shuffled = X.copy()
            shuffled[:, columns] = X[order][:, columns]
            drops.append(before - auc(rows.labels, fitted.predict(shuffled)))
        found.append((name, float(np.mean(drops)), float(np.std(drops))))
    return tuple(sorted(found, key=lambda item: (-item[1], item[0])))
