"""What the decisions of a rollout brought, once their outcomes are known: the evidence about value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import RegistryError, SettingsError
from vigie.lifecycle.decision_money import Money
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import holdout_of, standing_of

if TYPE_CHECKING:
    from vigie.journal import Prediction
    from vigie.journal.ledger import Ledger
    from vigie.release import Plan

WORKER = "outcomes"
"""Name under which the sums stand in the ledger: counting again writes over them."""


@dataclass(frozen=True, slots=True)
class CountedOutcomes:
    """What was counted.

    Attributes:
        rollout: Its id.
        known: Customers whose outcome is known, by arm: champion and challenger.
        waiting: Customers whose outcome is not known yet.
        value: Mean value of a decision whose outcome is known, by arm, currency; NaN for none.
    """

    rollout: str
    known: dict[str, int]
    waiting: int
    value: dict[str, float]


def count_outcomes(project: Project, ledger: Ledger, score: str) -> CountedOutcomes:
    """Look up what became of the customers of the last rollout, and put what their decisions brought into the evidence.

    The first answer to each customer in the rollout counts, under the model that was drawn for it, also where the champion
    answered in its place. May be done again and again: everything is counted anew.

    Args:
        project: Where predictions, lake and models are.
        ledger: Of the project.
        score: Name of the score.

    Raises:
        RegistryError: The score had no rollout, or a version is gone.
        SettingsError: Value is not judged in it.
        FeatureError: Outcomes of the score cannot be looked up.
        JournalError: Predictions or the ledger cannot be read.
        DataError: The lake cannot be read.
    """
    from vigie.features.event_outcomes import outcomes_of_scores
    from vigie.lifecycle.recorded import recorded
    from vigie.release import CHALLENGER, CHAMPION, Places
    from vigie.release.cells import VALUE, arm_cells, key_of
    from vigie.release.value import mean, rounded

    rollout = standing_of(ledger, score).rollout
    if rollout is None:
        raise RegistryError(f"{score} has had no rollout", remedy="begin one: `vigie rollout start`")
    low, high = rollout.plan.rails.value_low, rollout.plan.rails.value_high
    if "value" not in rollout.plan.rails.judged:
        raise SettingsError(
            f"value is not judged in the rollout of {score}",
            where="[rollout]",
            remedy="give value_low and value_high before it begins: the least and the greatest sum of the cost matrix",
        )
    answered = list(
        _first(one for one in recorded(project, score=score, since=rollout.started) if one.rollout == rollout.id)
    )
    schema = project.schema(project.score(score))
    bound = project.score(score).bound(schema)
    moments = np.array([one.as_of for one in answered], dtype=np.int64)
    customers = [str(one.customer) for one in answered]
    outcomes = outcomes_of_scores(bound, project.lake, schema, customers, moments, as_of=project.clock.now())
    money = Money(project, score)
    brought = np.array([money.of(one, y) for one, y in zip(answered, outcomes.tolist(), strict=True)], dtype=np.float64)
    places = Places(f"value {rollout.id}")  # by hash, so that counting again rounds the same way
    draws = np.array([places.of(one) for one in customers])
    known = ~np.isnan(brought)
    point = np.zeros(len(answered), dtype=np.int64)
    point[known] = rounded(brought[known], low, high, draws[known])
    sums: dict[str, list[float]] = {}
    rest = 1.0 - holdout_of(project)
    arms = {CHAMPION: arm_cells(), CHALLENGER: arm_cells()}
    for i in np.flatnonzero(known).tolist():
        arm = CHAMPION if answered[i].arm == CHAMPION else CHALLENGER
        step = step_of(answered[i], rollout.plan, rest)
        if step is None:
            continue
        for cells in (sums.setdefault(key_of(step, -1, arm), arm_cells()), arms[arm]):
            cells[VALUE + int(point[i])] += 1
    ledger.put_counts(rollout.id, WORKER, project.clock.now(), sums)
    return CountedOutcomes(
        rollout.id,
        {arm: int(sum(cells[VALUE:])) for arm, cells in arms.items()},
        int(np.isnan(outcomes).sum()),
        {arm: mean(np.array(cells), low, high) for arm, cells in arms.items()},
    )


def step_of(prediction: Prediction, plan: Plan, rest: float) -> int | None:
    """Step in which a prediction was made, by the probability with which its arm was drawn; ``None`` for the shadow.

    Args:
        prediction: Of the rollout.
        plan: Of the rollout.
        rest: Share of the customers who are not held out.
    """
    drawn = prediction.assignment_probability / rest
    share = 1.0 - drawn if prediction.arm == "champion" else drawn
    found = (i for i, step in enumerate(plan.steps) if step.share and math.isclose(step.share, share, abs_tol=1e-9))
    return next(found, None)


def _first(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    """The first answer to each customer while customers were drawn; none of the hold-out, whom nobody acts on."""
    first: dict[str, Prediction] = {}
    for one in predictions:
        drawn = one.assignment_probability < 1 and one.arm != "holdout"
        if one.customer is None or not drawn:
            continue
        before = first.get(one.customer)
        if before is None or (one.at, one.id) < (before.at, before.id):
            first[one.customer] = one
    yield from first.values()
