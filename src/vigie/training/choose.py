"""Which candidate wins.

By money first: the mean cross-validated value of its decisions for one customer. A candidate is *as good as* the best
if its value lies less than one standard error of the paired difference, row by row, below it. Among those the
probabilities decide, since they also set budgets and segments: log loss, compared in the same way against the lowest
among them. Of those that are still as good as each other, and give up no more than a hundredth of what the best saves
against the dummy, the simplest wins.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vigie.training.candidates import Candidate
from vigie.training.clustered import codes_of, mean_of
from vigie.training.cross_validate import CrossValidation
from vigie.wording import said

GIVEN_UP = 0.01
"""Share of the log loss that the best saves against the worst, mostly the dummy, that may be given up for simplicity."""
_BECAUSE = {
    "sharpest": said("has the lowest log loss"),
    "simplest": said("is the simplest of those with the lowest log loss"),
}


def choose_winner(
    candidates: Mapping[str, Candidate], found: Mapping[str, CrossValidation], customers: np.ndarray
) -> tuple[str, str]:
    """Name of the winner and why it won, in a sentence.

    Args:
        candidates: By name.
        found: Cross-validation of each, on the same rows.
        customers: Key or code of each training row's customer: rows of one customer are not independent.
    """
    names = list(found)
    codes = codes_of(customers[found[names[0]].rows])
    richest = max(names, key=lambda name: (float(found[name].money.mean()), -candidates[name].complexity))
    paying = [name for name in names if as_good(found[richest].money, found[name].money, codes)]
    sharpest = min(paying, key=lambda name: (float(found[name].loss.mean()), candidates[name].complexity))
    least = float(found[sharpest].loss.mean())
    skill = max(float(one.loss.mean()) for one in found.values()) - least
    equal = [
        name
        for name in paying
        if as_good(-found[sharpest].loss, -found[name].loss, codes)
        and float(found[name].loss.mean()) - least <= GIVEN_UP * skill
    ]
    winner = min(equal, key=lambda name: candidates[name].complexity)
    title = candidates[winner].title
    if len(names) == 1:
        return winner, said("{title} is the only candidate.", title=title)
    if winner == richest and len(paying) == 1:
        return winner, said(
            "{title} brings the most money in cross-validation, by more than one standard error.", title=title
        )
    why = _BECAUSE["sharpest" if winner == sharpest else "simplest"]
    others = len(paying) - 1
    if others == 1:
        return winner, said(
            "{title} brings as much money in cross-validation as one other within one standard error, and {why}.",
            title=title,
            why=why,
        )
    return winner, said(
        "{title} brings as much money in cross-validation as {others} others within one standard error, and {why}.",
        title=title,
        others=others,
        why=why,
    )


def as_good(best: np.ndarray, other: np.ndarray, customers: np.ndarray) -> bool:
    """Whether the mean of *other* is less than one standard error of the paired difference below that of *best*.

    Args:
        best: Money, or the log loss turned around, of each row.
        other: The same of another candidate.
        customers: Code of each row's customer, shape (n,): the standard error is clustered by them.
    """
    difference = mean_of(best - other, customers)
    return difference.value <= difference.error
