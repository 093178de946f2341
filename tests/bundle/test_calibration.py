"""Calibration: as scikit-learn's, monotone, and the same for one probability as for many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from vigie.bundle import Calibration
from vigie.bundle.logistic import log_odds, log_odds_one, logistic, logistic_one
from vigie.bundle.stored import read_stored, stored
from vigie.errors import BundleError

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), probabilities)
def test_isotonic_is_that_of_scikit_learn(fitted, later):
    x, y = np.array([p for p, _ in fitted]), np.array([float(label) for _, label in fitted])
    regression = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(x, y)
    calibration = Calibration.isotonic(regression.X_thresholds_, regression.y_thresholds_)
    p = np.array([*later, *x])
    found = calibration.apply(p)
    # Two knots closer than 1e-12 make a slope whose rounding nobody shares; predictions of a model lie wider apart.
    if len(calibration.x) < 2 or np.diff(calibration.x).min() > 1e-12:
        assert np.abs(found - regression.predict(p)).max() <= 1e-9
    same_one_by_one(calibration, p)


def same_one_by_one(calibration, p):
    found, one = calibration.apply(p), calibration.row()
    assert [one(value) for value in p.tolist()] == found.tolist()
    ordered = calibration.apply(np.sort(p))
    assert (np.diff(ordered) >= -1e-15).all()
    assert ((found >= -1e-15) & (found <= 1 + 1e-15)).all()


@given(st.floats(0, 5), st.floats(-5, 5), probabilities)
def test_a_sigmoid_works_on_the_log_odds(a, b, p):
    calibration, p = Calibration.sigmoid(a, b), np.array(p)
    same_one_by_one(calibration, p)
    inner = p[(p > 1e-12) & (p < 1 - 1e-12)]
    assert np.allclose(calibration.apply(inner), expit(a * logit(inner) + b), atol=1e-12)


@given(st.floats(0, 5), st.floats(0, 5), st.floats(-5, 5), probabilities)
def test_a_beta_map_works_on_the_logarithms_of_both_sides(a, b, c, p):
    calibration, p = Calibration.beta(a, b, c), np.array(p)
    same_one_by_one(calibration, p)
    inner = p[(p > 1e-12) & (p < 1 - 1e-12)]
    assert np.allclose(calibration.apply(inner), expit(a * np.log(inner) - b * np.log1p(-inner) + c), atol=1e-12)


def test_a_beta_map_of_equal_slopes_is_a_sigmoid():
    p = np.linspace(0, 1, 101)
    assert np.allclose(Calibration.beta(1.7, 1.7, -0.4).apply(p), Calibration.sigmoid(1.7, -0.4).apply(p), atol=1e-12)


def test_the_identity_and_a_sigmoid_that_is_one():
    p = np.linspace(0, 1, 11)
    assert Calibration.identity().apply(p) is p
    assert np.allclose(Calibration.sigmoid(1, 0).apply(p), p, atol=1e-14)
    same_one_by_one(Calibration.identity(), p)


@given(st.lists(st.floats(-800, 800), min_size=1, max_size=40))
def test_the_logistic_function_is_that_of_scipy(z):
    z = np.array(z)
    assert np.abs(logistic(z) - expit(z)).max() <= 1e-15
    assert [logistic_one(value) for value in z.tolist()] == logistic(z).tolist()


@given(probabilities)
def test_log_odds_one_by_one(p):
    assert [log_odds_one(value) for value in p] == log_odds(np.array(p)).tolist()


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ((), (), "not increasing"),
        ((0.0, 0.0), (0.0, 1.0), "not increasing"),
        ((0.0, 1.0), (1.0, 0.0), "not increasing"),
        ((0.0, 1.0), (0.0, 2.0), "outside"),
    ],
)
def test_knots_that_make_no_curve_are_refused(x, y, said):
    with pytest.raises(BundleError, match=said):
        Calibration("isotonic", x=x, y=y)


def test_a_falling_sigmoid_is_refused():
    with pytest.raises(BundleError, match="turn the ranking around"):
        Calibration.sigmoid(-1, 0)
    with pytest.raises(BundleError, match="turn the ranking around"):
        Calibration.beta(1, -0.1, 0)
    with pytest.raises(BundleError, match="finite"):
        Calibration.sigmoid(1, np.inf)


def test_every_map_survives_being_stored():
    for one in (Calibration.identity(), Calibration.sigmoid(1.5, 0.2), Calibration.beta(0.5, 1.5, -0.1)):
        assert read_stored({"calibration.json": stored(one)}, "calibration.json", Calibration) == one
    older = {"calibration.json": stored({"kind": "sigmoid", "a": 1.5, "b": 0.2, "x": [], "y": []})}
    assert read_stored(older, "calibration.json", Calibration) == Calibration.sigmoid(1.5, 0.2)


def test_equal_knots_are_merged():
    assert Calibration.isotonic(np.array([0.1, 0.1, 0.5]), np.array([0.0, 0.2, 0.9])).x == (0.1, 0.5)
