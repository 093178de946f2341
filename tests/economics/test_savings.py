"""Cost and savings are empulse's, with the sums as columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.economics import (
    PayoffValues,
    cost_loss,
    expected_cost,
    expected_savings,
    profit_at_capacity,
    savings,
    top_k,
)

money = st.floats(-1e4, 1e4).map(lambda v: round(v * 4) / 4)  # sums of quarters are exact


@st.composite
def decided(draw, most=25):
    n = draw(st.integers(1, most))
    sums = [np.array(draw(st.lists(money, min_size=n, max_size=n))) for _ in range(4)]
    constant = draw(st.lists(st.booleans(), min_size=4, max_size=4))
    payoff = PayoffValues(*(v[0] * np.ones(()) if one else v for v, one in zip(sums, constant, strict=True)))
    p = np.array(draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)))
    act = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    return payoff, p, act, y


def costs(payoff, n):
    names = ("tp_cost", "fp_cost", "fn_cost", "tn_cost")
    return {name: -np.broadcast_to(v, n).astype(float) for name, v in zip(names, payoff.sums(), strict=True)}


@given(decided())
def test_costs_are_those_of_empulse(rows):
    from empulse import metrics

    payoff, p, act, y = rows
    known = costs(payoff, len(y)) | {"normalize": True, "check_input": False}
    near = {"rel": 1e-9, "abs": 1e-9}
    assert cost_loss(act, payoff, y) == pytest.approx(metrics.cost_loss(y, act.astype(int), **known), **near)
    assert expected_cost(p, payoff, y) == pytest.approx(metrics.expected_cost_loss(y, p, **known), **near)


@given(decided())
def test_savings_are_those_of_empulse_where_there_is_something_to_save(rows):
    from empulse import metrics

    payoff, p, act, y = rows
    known = costs(payoff, len(y)) | {"check_input": False}
    found = savings(act, payoff, y)
    if np.isnan(found):
        nobody, everybody = (cost_loss(np.full(len(y), who), payoff, y) for who in (False, True))
        assert min(nobody, everybody) == 0 and np.isnan(expected_savings(p, payoff, y))
        return
    assert found == pytest.approx(metrics.savings_score(y, act.astype(int), **known), rel=1e-9, abs=1e-9)
    wanted = metrics.expected_savings_score(y, p, **known)
    assert expected_savings(p, payoff, y) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@given(decided())
def test_no_better_than_the_baseline_is_a_saving_of_nothing(rows):
    payoff, _, _, y = rows
    n = len(y)
    nobody, everybody = np.zeros(n, bool), np.ones(n, bool)
    best = nobody if cost_loss(nobody, payoff, y) <= cost_loss(everybody, payoff, y) else everybody
    found = savings(best, payoff, y)
    assert np.isnan(found) or found == 0.0


@given(decided(), st.integers(1, 30))
def test_profit_at_a_capacity_is_that_of_acting_on_the_best(rows, capacity):
    payoff, p, _, y = rows
    gain = np.broadcast_to(payoff.gain(p), len(y))
    found = profit_at_capacity(gain, payoff, y, capacity)
    assert found == pytest.approx(-cost_loss(top_k(gain, 0.0, capacity), payoff, y), abs=1e-9)
    unlimited = profit_at_capacity(gain, payoff, y, len(y))
    assert unlimited == pytest.approx(float(payoff.realised(gain >= 0, y).mean()), abs=1e-9)


def test_customers_whose_sums_are_not_known_are_left_out():
    payoff = PayoffValues(np.array([10.0, np.nan]), np.array(-5.0), np.array(-1.0), np.array(0.0))
    y, act = np.array([1, 1]), np.array([True, True])
    assert cost_loss(act, payoff, y) == -10.0
    assert savings(np.array([False, False]), payoff, y) == pytest.approx(1 - 1 / -10)
