"""Which set of parameters a candidate keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vigie.training.choose import as_good
from vigie.training.clustered import codes_of
from vigie.training.cross_validate import CrossValidation
from vigie.training.search.evaluate import glance, judge, spread, validated
from vigie.training.search.problem import Problem
from vigie.training.search.records import Look

FINALISTS = 5
"""Sets of a candidate, the best by the objective, among which money chooses; the defaults are always one more."""


def keep(
    problem: Problem, looks: Sequence[Look], customers: np.ndarray, *, maximise: bool
) -> tuple[Look, CrossValidation]:
    """The look that is kept and all of its cross-validation.

    The rule is the one that chooses among candidates. It is asked twice: among the best sets by a glance, then between
    the set found and the defaults with all that a cross-validation has. So nothing is kept that is worse than the
    defaults by the rule.

    Args:
        problem: What was searched.
        looks: At one candidate, as it is fitted in the end; the defaults first.
        customers: Key of each training row's customer.
        maximise: Whether more of the objective is better.
    """
    codes = codes_of(customers[validated(problem)])
    best = finalists(looks, maximise=maximise)
    default = judge(problem, best[0].outcome)
    if len(best) == 1:
        return best[0], default
    rows = [glance(problem, spread(problem, look.outcome)) for look in best]
    found = best[choose_set([money for money, _ in rows], [loss for _, loss in rows], codes)]
    if found is best[0]:
        return found, default
    other = judge(problem, found.outcome)
    at = choose_set([default.money, other.money], [default.loss, other.loss], codes)
    return (found, other) if at else (best[0], default)


def finalists(looks: Sequence[Look], *, maximise: bool) -> list[Look]:
    """The defaults and the best of *looks* that went through, in the order in which they were looked at."""
    sign = -1.0 if maximise else 1.0
    done = [look for look in looks if look.outcome.state == "done"]
    ranked = sorted(done, key=lambda look: (sign * look.outcome.objective, look.slot.number))[:FINALISTS]
    return [look for look in done if look.slot.stage == "defaults" or look in ranked]


def choose_set(money: Sequence[np.ndarray], loss: Sequence[np.ndarray], customers: np.ndarray) -> int:
    """Which of several sets is kept, the defaults first.

    Money first: those less than one standard error below the richest pay as much. Among them log loss decides, and of
    equals the first.

    Args:
        money: Of each row, one array a set.
        loss: Log loss of each row, likewise.
        customers: Code of each row's customer.
    """
    richest = max(range(len(money)), key=lambda i: (float(money[i].mean()), -i))
    paying = [i for i in range(len(money)) if as_good(money[richest], money[i], customers)]
    return min(paying, key=lambda i: (float(loss[i].mean()), i))
