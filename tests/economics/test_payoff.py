"""The cost matrix: gain, expected and realised money, against its definition and against empulse."""

from __future__ import annotations

import numpy as np
import pytest
from empulse.metrics import (
    cost_loss,
    expected_cost_loss,
    expected_cost_loss_acquisition,
    expected_cost_loss_churn,
)
from hypothesis import given
from hypothesis import strategies as st

from vigie.economics import PayoffValues

money = st.floats(-1e4, 1e4)
share = st.floats(0, 1)


@st.composite
def customers(draw, most=25):
    n = draw(st.integers(1, most))
    sums = [np.array(draw(st.lists(money, min_size=n, max_size=n))) for _ in range(4)]
    constant = draw(st.lists(st.booleans(), min_size=4, max_size=4))
    payoff = PayoffValues(*(v[0] * np.ones(()) if one else v for v, one in zip(sums, constant, strict=True)))
    p = np.array(draw(st.lists(share, min_size=n, max_size=n)))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    act = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return payoff, p, y, act


@given(customers())
def test_gain_is_the_difference_of_the_expected_values(case):
    payoff, p, _, _ = case
    assert np.allclose(payoff.gain(p), payoff.expected(p, True) - payoff.expected(p, False), atol=1e-9)


@given(customers())
def test_the_expected_value_is_the_mean_of_the_realised(case):
    payoff, p, _, act = case
    ones, zeros = np.ones(len(p)), np.zeros(len(p))
    mean = p * payoff.realised(act, ones) + (1 - p) * payoff.realised(act, zeros)
    assert np.allclose(payoff.expected(p, act), mean, atol=1e-9)


@given(customers())
def test_advantage_and_take(case):
    payoff, p, y, act = case
    some = np.flatnonzero(act)
    assert np.allclose(payoff.realised(act, y), payoff.realised(False, y) + act * payoff.advantage(y), atol=1e-9)
    assert np.array_equal(payoff.take(some).gain(p[some]), payoff.gain(p)[some])
    assert np.array_equal(payoff.take(some).realised(act[some], y[some]), payoff.realised(act, y)[some])


@given(customers())
def test_nothing_is_gained_at_the_break_even(case):
    payoff, p, _, _ = case
    at = np.broadcast_to(payoff.break_even(), len(p))
    sane = ~np.isnan(at) & (np.abs(at) < 1e3)
    total = (
        np.abs(payoff.act_positive)
        + np.abs(payoff.act_negative)
        + np.abs(payoff.pass_positive)
        + np.abs(payoff.pass_negative)
    )
    gain = np.broadcast_to(payoff.gain(at), len(p))
    assert (np.abs(gain[sane]) <= 1e-6 * (1 + np.broadcast_to(total, len(p))[sane]) * (1 + np.abs(at[sane]))).all()


def test_actions_that_always_differ_never_break_even():
    assert np.isnan(PayoffValues.constant(3, 3, 1, 1).break_even())


@given(customers())
def test_the_cost_of_decisions_is_that_of_empulse(case):
    payoff, p, y, act = case
    ap, an, pp, pn = (np.broadcast_to(v, len(p)) for v in payoff.sums())
    costs = {"tp_cost": -ap, "fp_cost": -an, "fn_cost": -pp, "tn_cost": -pn, "check_input": False}
    assert np.isclose(payoff.realised(act, y).sum(), -cost_loss(y, act.astype(int), **costs), rtol=1e-9, atol=1e-9)
    by_chance = p * payoff.realised(True, y) + (1 - p) * payoff.realised(False, y)
    assert np.isclose(by_chance.sum(), -expected_cost_loss(y, p, **costs), rtol=1e-9, atol=1e-9)


@given(customers(), st.floats(0.01, 0.99), st.floats(20, 1000), st.floats(0.01, 0.9), st.floats(0.1, 20))
def test_a_campaigns_cost_is_that_of_empulse(case, accepted, value, fraction, contact):
    _, p, y, _ = case
    offer = fraction * value
    payoff = PayoffValues.constant(accepted * (value - offer) - contact, -offer - contact)
    expected = expected_cost_loss_churn(
        y, p, accept_rate=accepted, clv=value, incentive_fraction=fraction, contact_cost=contact, check_input=False
    )
    assert np.isclose((p * payoff.realised(True, y)).sum(), -expected, rtol=1e-9, atol=1e-9)


@given(customers(), st.floats(10, 1e4), st.floats(0, 50))
def test_a_calls_cost_is_that_of_empulse(case, deal, contact):
    _, p, y, _ = case
    payoff = PayoffValues.constant(deal - contact, -contact)
    expected = expected_cost_loss_acquisition(
        y, p, contribution=deal, contact_cost=contact, sales_cost=0, direct_selling=1, commission=0, check_input=False
    )
    assert np.isclose((p * payoff.realised(True, y)).sum(), -expected, rtol=1e-9, atol=1e-9)


def test_an_unknown_sum_makes_an_unknown_gain():
    payoff = PayoffValues(np.array([5.0, np.nan]), np.array(-1.0), np.array(0.0), np.array(0.0))
    gain = payoff.gain(np.array([0.5, 0.5]))
    assert gain[0] == 2.0 and np.isnan(gain[1])
    assert payoff.expected(np.array([0.5, 0.5]), np.array([True, False])).tolist() == [2.0, 0.0]
    with pytest.raises(AttributeError):
        payoff.act_positive = np.array(1.0)
