"""Where the line is drawn: theory for calibrated probabilities, experience where it earns more than noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.economics import PayoffValues, choose_threshold
from vigie.economics.threshold import empirical_cut

CAMPAIGN = PayoffValues.constant(56, -11)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=30),
    st.floats(-150, 150),
)
def test_no_other_line_has_a_higher_expected_value_on_calibrated_probabilities(rows, other):
    p, positive, negative = (np.array(column) for column in zip(*rows, strict=True))
    payoff = PayoffValues(positive, negative, np.zeros(()), np.zeros(()))
    gain = payoff.gain(p)
    assert payoff.expected(p, gain >= 0).sum() >= payoff.expected(p, gain >= other).sum() - 1e-9


@given(
    st.lists(
        st.tuples(st.one_of(st.integers(0, 5).map(float), st.floats(-9, 9)), st.floats(-20, 20)),
        min_size=1,
        max_size=20,
    )
)
def test_the_empirical_line_earns_most(rows):
    gain, advantage = (np.array(column) for column in zip(*rows, strict=True))
    cut = empirical_cut(gain, advantage)
    best = max([0.0, *(advantage[gain >= level].sum() for level in gain)])
    assert np.isclose(advantage[gain >= cut].sum(), best, atol=1e-9)
    assert np.isfinite(cut)


def test_calibrated_probabilities_get_the_theoretical_line():
    chosen = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        p = rng.beta(1, 4, 4000)
        y = (rng.random(4000) < p).astype(int)
        threshold = choose_threshold(p, CAMPAIGN, y, seed=seed, draws=100)
        chosen += threshold.origin == "theoretical"
        assert threshold.empirical_value >= threshold.theoretical_value and threshold.optimism > 0
        assert threshold.origin == "empirical" or threshold.min_gain == 0.0
    # Noise may win now and then; taking the best cut as it looks, it would in most cases.
    assert chosen >= 25


def test_probabilities_that_are_far_too_high_get_the_empirical_line():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 6, 20_000)
    y = (rng.random(20_000) < p / 3).astype(int)
    threshold = choose_threshold(p, CAMPAIGN, y)
    assert threshold.origin == "empirical" and threshold.min_gain == threshold.empirical_cut > 5
    acted = CAMPAIGN.gain(p) >= threshold.min_gain
    assert CAMPAIGN.realised(acted, y).mean() == pytest.approx(threshold.empirical_value)
    assert CAMPAIGN.realised(CAMPAIGN.gain(p) >= 0, y).mean() == pytest.approx(threshold.theoretical_value)
    assert threshold.empirical_value - threshold.theoretical_value > threshold.standard_error > 0


def test_where_acting_never_pays_nobody_is_acted_on():
    p = np.linspace(0, 1, 50)
    threshold = choose_threshold(p, CAMPAIGN, np.zeros(50, int))
    assert threshold.empirical_value == 0.0
    assert not (CAMPAIGN.gain(p) >= threshold.empirical_cut).any()


def test_the_same_seed_gives_the_same_line():
    rng = np.random.default_rng(1)
    p = rng.random(500)
    y = (rng.random(500) < p).astype(int)
    assert choose_threshold(p, CAMPAIGN, y, seed=3) == choose_threshold(p, CAMPAIGN, y, seed=3)
    assert (
        choose_threshold(p, CAMPAIGN, y, seed=3).standard_error
        != choose_threshold(p, CAMPAIGN, y, seed=4).standard_error
    )


def test_the_bootstrap_error_is_that_of_theory():
    rng = np.random.default_rng(2)
    p = rng.beta(1, 6, 3000)
    y = (rng.random(3000) < p / 2).astype(int)
    threshold = choose_threshold(p, CAMPAIGN, y, draws=2000)
    gain = CAMPAIGN.gain(p)
    difference = CAMPAIGN.realised(gain >= threshold.empirical_cut, y) - CAMPAIGN.realised(gain >= 0, y)
    assert threshold.standard_error == pytest.approx(difference.std() / np.sqrt(3000), rel=0.06)


def test_very_many_customers_are_resampled_less_often():
    rng = np.random.default_rng(3)
    p = rng.random(300_000)
    y = (rng.random(300_000) < p).astype(int)
    threshold = choose_threshold(p, CAMPAIGN, y, draws=20)
    assert 0 < threshold.standard_error < 0.01 and threshold.empirical_value - threshold.theoretical_value < 0.01


def test_customers_whose_sums_are_not_known_are_left_out():
    p, y = np.array([0.9, 0.8, 0.1]), np.array([1, 1, 0])
    payoff = PayoffValues(np.array([56.0, np.nan, 56.0]), np.array(-11.0), np.array(0.0), np.array(0.0))
    threshold = choose_threshold(p, payoff, y)
    assert threshold.theoretical_value == 28.0
    nothing = choose_threshold(p[1:2], payoff.take(np.array([1])), y[1:2])
    assert nothing.min_gain == 0.0 and nothing.theoretical_value == 0.0
