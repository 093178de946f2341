"""The profit curve, its best point against empulse's maximum profit, and the strategies."""

from __future__ import annotations

import numpy as np
import pytest
from empulse.metrics import mpa_score, mpc, mpcs_score
from hypothesis import given
from hypothesis import strategies as st

from vigie.economics import PayoffValues, profit_curve, strategy_acts, strategy_values, top_k

scores = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1)), min_size=4, max_size=60).filter(
    lambda rows: {y for _, y in rows} == {0, 1}
)


def split(rows):
    return np.array([p / 40 for p, _ in rows]), np.array([y for _, y in rows])


def curve(p, payoff, y, points=201):
    gain = payoff.gain(p)
    return profit_curve(gain, payoff, y, gain >= 0, points)


@given(scores, st.floats(0.05, 0.95), st.floats(50, 500), st.floats(1, 40), st.floats(0.1, 5))
def test_the_best_point_is_the_maximum_profit_of_empulse(rows, accepted, value, offer, contact):
    p, y = split(rows)
    payoff = PayoffValues.constant(accepted * (value - offer) - contact, -offer - contact)
    # Where even a churner costs money nobody is ranked by probability.
    if payoff.act_positive <= 0:
        return
    found = curve(p, payoff, y)
    best, share = mpc(
        y, p, accept_rate=accepted, clv=value, incentive_cost=offer, contact_cost=contact, check_input=False
    )
    assert found.best_value == pytest.approx(best, abs=1e-9)
    at = np.interp(share, found.share, found.value)
    assert found.best_share == pytest.approx(share, abs=1e-9) or at == pytest.approx(best, rel=1e-6, abs=1e-6)


@given(scores, st.floats(10, 1e4), st.floats(0.1, 9))
def test_the_best_calls_are_those_of_empulse(rows, deal, contact):
    p, y = split(rows)
    found = curve(p, PayoffValues.constant(deal - contact, -contact), y)
    best = mpa_score(
        y, p, contribution=deal, contact_cost=contact, sales_cost=0, direct_selling=1, commission=0.1, check_input=False
    )
    assert found.best_value == pytest.approx(best, abs=1e-9)


@given(scores, st.floats(0.05, 1), st.floats(0.01, 0.5))
def test_the_best_refusals_are_those_of_empulse(rows, loss, interest):
    p, y = split(rows)
    payoff = PayoffValues.constant(0.0, 0.0, -loss, interest)
    everybody_granted = payoff.realised(False, y).mean()
    best = mpcs_score(y, p, loan_lost_rate=loss, roi=interest, check_input=False)
    assert curve(p, payoff, y).best_value - everybody_granted == pytest.approx(best, abs=1e-9)


@given(scores)
def test_the_curve_runs_from_nobody_to_everybody_through_the_decision(rows):
    p, y = split(rows)
    payoff = PayoffValues.constant(56, -11, -3, 2)
    found = curve(p, payoff, y, points=1000)
    assert found.share[0] == 0 and found.share[-1] == 1 and (np.diff(found.share) > 0).all()
    assert found.value[0] == pytest.approx(payoff.realised(False, y).mean())
    assert found.value[-1] == pytest.approx(payoff.realised(True, y).mean())
    assert found.chosen_value == pytest.approx(np.interp(found.chosen_share, found.share, found.value))
    assert found.best_value >= found.value.max() - 1e-9 and found.best_share in found.share


def test_within_a_tie_the_curve_is_straight():
    y = np.array([1, 0, 1, 0])
    payoff = PayoffValues.constant(10, -2)
    found = profit_curve(np.zeros(4), payoff, y, np.ones(4, bool))
    assert found.value.tolist() == pytest.approx([0, 1, 2, 3, 4])


def test_customers_whose_sums_are_not_known_are_left_out():
    payoff = PayoffValues(np.array([10.0, np.nan]), np.array(-2.0), np.array(0.0), np.array(0.0))
    y = np.array([1, 1])
    found = profit_curve(payoff.gain(np.array([0.5, 0.5])), payoff, y, np.array([True, False]))
    assert found.best_value == 10.0 and found.chosen_share == 1.0
    with pytest.raises(ValueError, match="sums are known"):
        profit_curve(np.full(2, np.nan), payoff, y, np.zeros(2, bool))


def test_many_customers_make_few_points():
    rng = np.random.default_rng(0)
    p = rng.random(50_000)
    y = (rng.random(50_000) < p).astype(int)
    found = curve(p, PayoffValues.constant(56, -11), y, points=101)
    assert 101 <= len(found.share) <= 102
    assert found.best_share == pytest.approx((p > 11 / 67).mean(), abs=0.03)


def test_strategies_act_as_their_names_say():
    p = np.array([0.9, 0.6, 0.2, 0.1])
    rule = np.array([0.0, 1.0, np.nan, 1.0])
    acts = strategy_acts(p, np.array([True, False, False, False]), rule=rule)
    assert list(acts) == ["nobody", "everybody", "rule", "threshold_0.5", "vigie"]
    assert {name: act.tolist() for name, act in acts.items()} == {
        "nobody": [False] * 4,
        "everybody": [True] * 4,
        "rule": [False, True, False, True],
        "threshold_0.5": [True, True, False, False],
        "vigie": [True, False, False, False],
    }
    assert "rule" not in strategy_acts(p, acts["vigie"])
    values = strategy_values(acts, PayoffValues.constant(56, -11, -3, 2), np.array([1, 0, 0, 1]))
    assert values == {
        "nobody": (-3 + 2 + 2 - 3) / 4,
        "everybody": (56 - 11 - 11 + 56) / 4,
        "rule": (-3 - 11 + 2 + 56) / 4,
        "threshold_0.5": (56 - 11 + 2 - 3) / 4,
        "vigie": (56 + 2 + 2 - 3) / 4,
    }


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 5))
def test_every_strategy_keeps_within_capacity(n, capacity, seed):
    rng = np.random.default_rng(seed)
    p, moments = rng.random(n), rng.integers(0, 3, n)
    rule = rng.choice([0.0, 1.0, 2.0, np.nan], n)
    decided = top_k(p - 0.2, 0.0, capacity, moments)
    acts = strategy_acts(p, decided, rule=rule, capacity=capacity, moments=moments, seed=seed)
    for act in acts.values():
        assert np.bincount(moments[act], minlength=3).max() <= capacity
    assert acts["everybody"].sum() == np.minimum(np.bincount(moments), capacity).sum()
    for moment in range(3):
        taken, left = rule[(moments == moment) & acts["rule"]], rule[(moments == moment) & ~acts["rule"] & (rule > 0)]
        assert (taken > 0).all() and (not len(left) or (len(taken) == capacity and taken.min() >= left.max()))
    again = strategy_acts(p, decided, rule=rule, capacity=capacity, moments=moments, seed=seed)
    assert all(np.array_equal(acts[name], again[name]) for name in acts)
