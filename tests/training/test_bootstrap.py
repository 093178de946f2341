"""Intervals by resampling customers: they hold the truth as often as they say, and rows of one customer count once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vigie.training import bootstrap
from vigie.training.bootstrap import Resampling


def test_the_interval_of_a_mean_holds_the_truth_as_often_as_it_says() -> None:
    """Rows of a customer share a part; money is skewed."""
    rng = np.random.default_rng(0)
    customers = np.repeat(np.arange(60), 4)
    held = 0
    for run in range(200):
        shared = rng.gamma(1.0, 5.0, 60)[customers]
        found = Resampling(customers, run, draws=400).mean(shared + rng.normal(0, 1, 240))
        held += found.low <= 5.0 <= found.high
    # 95 % wanted; a binomial of 200 leaves ±3, and 60 skewed customers cost a little.
    assert 0.89 <= held / 200 <= 0.99


def test_rows_of_one_customer_are_not_independent() -> None:
    rng = np.random.default_rng(1)
    money = np.repeat(rng.normal(size=100), 5)
    alone = Resampling(np.arange(500), 0).mean(money)
    together = Resampling(np.repeat(np.arange(100), 5), 0).mean(money)
    assert alone.value == pytest.approx(together.value)
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(5**0.5, rel=0.1)


def test_of_a_symmetric_mean_it_is_the_interval_of_theory() -> None:
    x = np.random.default_rng(2).normal(3, 2, 3000)
    found = Resampling(np.arange(3000), 0).mean(x)
    half = 1.96 * x.std() / 3000**0.5
    assert (found.low, found.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.15 * half)


def test_it_is_the_bca_interval_of_scipy() -> None:
    x = np.random.default_rng(3).gamma(0.5, 10, 150)
    found = Resampling(np.arange(150), 0, draws=20_000).mean(x)
    wanted = stats.bootstrap((x,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    width = found.high - found.low
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=0.03 * width)
    # It leans to the long side, as the distribution does.
    assert found.high - found.value > 1.1 * (found.value - found.low)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(1, 10), st.integers(0, 99))
def test_the_figure_lies_within_its_interval_and_the_seed_decides(x, customers, seed):
    x = np.array(x)
    keys = np.array([f"c{i % customers}" for i in range(len(x))], object)
    found = Resampling(keys, seed, draws=20).mean(x)
    assert found.low <= found.value <= found.high
    assert found == Resampling(keys, seed, draws=20).mean(x)


def test_a_figure_that_is_not_defined_has_no_interval() -> None:
    found = Resampling(np.arange(20), 0).estimate(np.zeros((20, 2)), lambda sums: sums[:, 0] / sums[:, 1])
    assert np.isnan([found.value, found.low, found.high]).all()


def test_very_many_customers_are_dealt_to_groups_without_changing_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(4).normal(size=8_000)
    one_by_one = Resampling(np.arange(8_000), 0).mean(x)
    monkeypatch.setattr(bootstrap, "MOST_CLUSTERS", 1_000)
    grouped = Resampling(np.arange(8_000), 0)
    assert grouped.customers == 8_000
    found = grouped.mean(x)
    assert found.high - found.low == pytest.approx(one_by_one.high - one_by_one.low, rel=0.08)


def test_what_is_drawn_once_serves_all_figures_to_the_last_bit() -> None:
    r = np.random.default_rng(5)
    customers, x, y = np.repeat(np.arange(300), 3), r.normal(size=900), r.normal(size=900)
    both = Resampling(customers, 1)
    assert [both.mean(x), both.mean(y)] == [Resampling(customers, 1).mean(one) for one in (x, y)]
