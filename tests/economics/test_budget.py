"""Acting within a budget, against every possible choice."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.economics import within_budget

customers = st.lists(
    st.tuples(st.integers(-20, 100), st.one_of(st.integers(0, 30), st.floats(0.1, 30).map(lambda v: round(v, 1)))),
    min_size=1,
    max_size=9,
)


@given(customers, st.floats(0, 120))
def test_within_one_customer_of_the_best_of_all_choices(rows, budget):
    gain, cost = (np.array(column, float) for column in zip(*rows, strict=True))
    found = within_budget(gain, cost, budget)
    choices = np.array(list(itertools.product([False, True], repeat=len(rows))))
    spent, brought = choices @ cost, choices @ gain
    best = float(brought[spent <= budget].max())

    assert found.cost <= budget + 1e-9 and (found.gain, found.cost) == (gain[found.act].sum(), cost[found.act].sum())
    assert found.gain <= best + 1e-9 and best <= found.bound + 1e-9
    assert found.bound - found.gain <= max(gain.max(), 0.0) + 1e-9
    assert found.gain >= best / 2 - 1e-9
    assert (gain[found.act] > 0).all()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(0, 30))
def test_with_equal_costs_it_is_the_best_few(gains, k):
    gain = np.array(gains, float)
    found = within_budget(gain, np.ones(len(gain)), k)
    assert found.gain == np.sort(gain)[::-1][:k].sum() and found.bound == pytest.approx(found.gain)


def test_the_bound_is_that_of_the_linear_relaxation():
    from scipy.optimize import linprog

    rng = np.random.default_rng(0)
    gain, cost = rng.normal(5, 10, 400), rng.gamma(2, 10, 400)
    found = within_budget(gain, cost, 1500.0)
    relaxed = linprog(-gain, A_ub=cost[None, :], b_ub=[1500.0], bounds=(0, 1))
    assert found.bound == pytest.approx(-relaxed.fun, rel=1e-7)
    assert found.bound - found.gain < 0.01 * found.bound


def test_one_that_is_worth_more_than_all_before_it_is_taken():
    found = within_budget(np.array([2.0, 100.0]), np.array([1.0, 100.0]), 100.0)
    assert found.act.tolist() == [False, True] and found.gain == 100.0


def test_customers_without_gain_or_knowledge_are_not_acted_on():
    found = within_budget(np.array([np.nan, 0.0, -1.0, 3.0]), np.array(0.0), 0.0)
    assert found.act.tolist() == [False, False, False, True]


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="budget"):
        within_budget(np.ones(2), np.ones(2), -1.0)
    with pytest.raises(ValueError, match="below 0"):
        within_budget(np.ones(2), np.array([1.0, -1.0]), 5.0)
    with pytest.raises(ValueError, match="not known"):
        within_budget(np.ones(2), np.array([1.0, np.nan]), 5.0)
