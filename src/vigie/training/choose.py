"""Which candidate wins.

By money first: the mean cross-validated value of its decisions for one customer. A candidate is *as good as* the best
if its value lies less than one standard error of the paired difference, row by row, below it. Among those the
probabilities decide, since they also set budgets and segments: log loss, compared in the same way against the lowest
among them. Of those that are still as good as each other the simplest wins.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vigie.training.candidates import Candidate
from vigie.training.cross_validate import CrossValidation


def choose_winner(candidates: Mapping[str, Candidate], found: Mapping[str, CrossValidation]) -> tuple[str, str]:
    """Name of the winner and why it won, in a sentence.

    Args:
        candidates: By name.
        found: Cross-validation of each, on the same rows.
    """
    names = list(found)
    richest = max(names, key=lambda name: (float(found[name].money.mean()), -candidates[name].complexity))
    paying = [name for name in names if _as_good(found[richest].money, found[name].money)]
    sharpest = min(paying, key=lambda name: (float(found[name].loss.mean()), candidates[name].complexity))
    equal = [name for name in paying if _as_good(-found[sharpest].loss, -found[name].loss)]
    winner = min(equal, key=lambda name: candidates[name].complexity)
    title = candidates[winner].title
    if len(names) == 1:
        return winner, f"{title} is the only candidate."
    if winner == richest and len(paying) == 1:
        return winner, f"{title} brings the most money in cross-validation, by more than one standard error."
    others = len(paying) - 1
    why = "has the lowest log loss" if winner == sharpest else "is the simplest of those with the lowest log loss"
    equally = f"{others} other{'s' if others != 1 else ''}"
    return (
        winner,
        f"{title} brings as much money in cross-validation as {equally} within one standard error, and {why}.",
    )


def _as_good(best: np.ndarray, other: np.ndarray) -> bool:
    difference = best - other
    error = float(difference.std() / np.sqrt(len(difference)))
    return bool(difference.mean() <= error)
