"""The law that everything rests on: while the claim holds, no bet gains on average. Checked exactly, not by drawing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.release.betting import contrast, log_wealth, mixed, steps
from vigie.release.cells import LATENCY_EDGES, SCORE_EDGES
from vigie.release.scores import paired
from vigie.release.two_arms import CENTRES
from vigie.release.value import outcomes, points, rounded

shares = st.floats(0.001, 0.97)
rates = st.floats(0.0, 1.0)


def mean_growth(values: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """E[1 + λx] of every bet: at most 1 while the claim holds."""
    return (np.exp(steps(values)) * chances[..., None]).sum(axis=-2)


def chances_of(share: float, p0: float, p1: float) -> np.ndarray:
    return np.array([(1 - share) * (1 - p0), (1 - share) * p0, share * (1 - p1), share * p1])


@given(shares, rates, rates, st.floats(1.0, 4.0), st.floats(0.0, 0.3), st.sampled_from([1, -1]))
def test_the_mean_of_a_contrast_is_the_difference_of_the_rates(
    share: float, p0: float, p1: float, factor: float, margin: float, sign: int
) -> None:
    values = contrast(share, CENTRES, factor=factor, margin=margin, sign=sign)
    means = (values * chances_of(share, p0, p1)).sum(axis=-1)
    assert means == pytest.approx(np.full(len(CENTRES), sign * (p1 - factor * p0) - margin), abs=1e-9)


@given(shares, rates, rates, st.floats(1.0, 4.0), st.floats(0.0, 0.3), st.sampled_from([1, -1]))
def test_no_bet_gains_while_the_claim_holds_and_some_do_when_it_does_not(
    share: float, p0: float, p1: float, factor: float, margin: float, sign: int
) -> None:
    values = contrast(share, CENTRES, factor=factor, margin=margin, sign=sign)
    worse = sign * (p1 - factor * p0) - margin
    for bets, claim_holds in ((values, worse <= 0), (-values, worse >= 0)):
        if (bets.min(axis=-1) < 0).all():
            growth = mean_growth(bets, chances_of(share, p0, p1))
            assert (growth <= 1 + 1e-9).all() if claim_holds else (growth >= 1 - 1e-9).all()


@given(rates, rates, rates, st.floats(0.001, 0.5), st.sampled_from([1, -1]))
def test_the_same_where_both_scored_the_same_customer(a: float, b: float, c: float, distance: float, sign: int) -> None:
    chances = np.array([a, b, c]) / max(a + b + c, 1e-12) if a + b + c else np.array([0.0, 1.0, 0.0])
    growth = mean_growth(paired(distance, sign), chances)
    if sign * (chances[2] - chances[0]) <= distance:
        assert (growth <= 1 + 1e-9).all()


@given(shares, st.lists(st.floats(0, 1), min_size=17, max_size=17), st.floats(-0.3, 0.5), st.floats(-50, 5))
def test_the_same_for_values(share: float, weights: list[float], loss: float, low: float) -> None:
    w = np.array(weights) + 1e-3
    law = w / w.sum()
    values = outcomes(share, low, low + 60, 1 - loss)
    chances = np.concatenate([(1 - share) * law, share * law])
    v = float(law @ points(low, low + 60))
    mean = (values * chances).sum(axis=-1)
    assert mean == pytest.approx(np.full(5, (v - (1 - loss) * v) / 60), abs=1e-9)
    if v * loss >= 0:  # both arms bring v, so the claim v1 >= (1 - loss) v0 holds
        assert (mean_growth(-values, chances) <= 1 + 1e-9).all()


def test_wealth_is_a_product_over_observations_and_adds_over_parts() -> None:
    values = np.array([-0.2, 0.8])
    one_by_one = sum(log_wealth(values, np.eye(2)[i]) for i in (0, 1, 0, 0))
    assert log_wealth(values, np.array([3, 1])) == pytest.approx(one_by_one)
    assert log_wealth(values, np.array([1, 1])) + log_wealth(values, np.array([2, 0])) == pytest.approx(one_by_one)
    # The bet of the whole first fraction: 1 − f·1 at each loss, 1 + f·4 at a gain.
    f = 0.0005
    assert log_wealth(values, np.array([3, 1]))[0] == pytest.approx(3 * np.log(1 - f) + np.log(1 + 4 * f))


def test_the_average_of_wealths_that_no_float_can_hold() -> None:
    assert mixed(np.array([[2000.0, 1000.0], [-5000.0, 0.0]])) == pytest.approx(2000 - np.log(4))
    assert mixed(np.zeros((3, 2)), axis=1) == pytest.approx(np.zeros(3))


def test_a_claim_that_cannot_be_wrong_is_not_bet_against() -> None:
    with pytest.raises(ValueError, match="nothing to bet against"):
        steps(np.array([0.0, 1.0]))


def test_rounding_keeps_the_mean_and_stays_inside() -> None:
    r = np.random.default_rng(4)
    low, high = -11.0, 56.0
    for value in (-11.0, -10.9, 0.0, 3.3, 56.0):
        got = points(low, high)[rounded(np.full(200_000, value), low, high, r.random(200_000))]
        assert got.mean() == pytest.approx(value, abs=0.02)
    assert rounded(np.array([-99.0, 99.0]), low, high, np.array([0.999, 0.999])).tolist() == [0, 16]


def test_edges_rise() -> None:
    assert all(a < b for edges in (LATENCY_EDGES, SCORE_EDGES) for a, b in itertools.pairwise(edges))
