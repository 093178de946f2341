"""Customers who ask often, and steps that draw again, are not taken for evidence."""

from __future__ import annotations

import numpy as np

from vigie.release import CHALLENGER, Guardrails, judge, pooled
from vigie.serving.router_trial import Trial, Unit

SHARES = (0.1, 0.3, 0.5)
CUSTOMERS, REQUESTS, LOOKS, RUNS = 400, 1_500, 4, 60
RAILS = Guardrails(errors_floor=0.02)


def rolled_back(run: int, *, every_request: bool) -> bool:
    """One rollout of an equal challenger: one customer in thirty always fails, whoever scores, and asks most often."""
    r = np.random.default_rng(run)
    trial = Trial(f"run {run}", SHARES, now=run)
    failing = r.random(CUSTOMERS) < 1 / 30
    weight = np.where(failing, 30.0, 1.0)
    for step in range(len(SHARES)):
        for i, customer in enumerate(r.choice(CUSTOMERS, REQUESTS, p=weight / weight.sum()).tolist()):
            unit = trial.unit(str(customer), "", 0)
            if every_request:
                unit = Unit(unit.number, unit.place, again=False)
            look = (float(customer / CUSTOMERS), customer % 3 == 0)
            trial.count(unit, step, failed=bool(failing[customer]), look=look, seconds=0.001 * (1 + customer % 7))
            if i % (REQUESTS // LOOKS) == 0:
                evidence = pooled([trial.take()], SHARES)
                if any(one.state == "harmful" for one in judge(evidence, RAILS)):
                    return True
    return False


def test_an_equal_challenger_stays_however_often_the_same_customers_ask() -> None:
    assert sum(rolled_back(run, every_request=False) for run in range(RUNS)) <= 3
    # The same rollouts, every request counted: most would be rolled back for nothing.
    assert sum(rolled_back(run, every_request=True) for run in range(RUNS)) > 15


def test_a_customer_counts_under_the_model_it_gets() -> None:
    trial, got = Trial("r", SHARES, now=0), {CHALLENGER: 0, "champion": 0}
    for i in range(3_000):
        unit = trial.unit(str(i), "", 0)
        for step in range(3):
            trial.count(unit, step, failed=False, look=(0.5, True), seconds=None)
        got[trial.arm(unit, 2)] += 1
    evidence = pooled([trial.take()], SHARES)
    # Each once when first drawn; then only who had the champion, who is drawn again: 90 % and 70 % of them.
    assert [round(evidence.units[step] / 3_000, 1) for step in range(3)] == [1.0, 0.9, 0.7]
    for part in evidence.concurrent:
        n = part.champion[0] + part.challenger[0]
        assert (
            abs(part.challenger[0] / n - part.probability) < 4 * (part.probability * (1 - part.probability) / n) ** 0.5
        )
    assert [round(part.probability, 3) for part in evidence.concurrent] == [
        0.1,
        round(0.2 / 0.9, 3),
        round(0.2 / 0.7, 3),
    ]
    # Who ends with the challenger was drawn for it once, in whatever step that was; but for two of one place.
    assert abs(sum(part.challenger[0] for part in evidence.concurrent) - got[CHALLENGER]) <= 3
