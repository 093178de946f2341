"""How far probabilities can be believed: intervals hold, slopes are those of a regression, ties stay together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from vigie.training.metrics import expected_calibration_error
from vigie.training.reliability import reliability


def drawn(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1.2, 4, n)
    return p, (rng.random(n) < p).astype(np.int8)


def test_right_probabilities_are_found_to_be_right() -> None:
    p, y = drawn()
    found = reliability(y, p, np.arange(4000), {"identity": 0.4}, 0)
    assert found.size.sum() == 4000 and len(found.size) == 10 and (np.diff(found.mean) > 0).all()
    assert found.ece.value == pytest.approx(expected_calibration_error(y, p), abs=1e-12)
    assert 0 <= found.ece.low <= found.ece.value <= found.ece.high and found.losses == {"identity": 0.4}


def test_the_interval_of_a_bin_holds_as_often_as_it_says() -> None:
    held = tried = lines = 0
    for seed in range(80):
        p, y = drawn(600, seed)
        found = reliability(y, p, np.arange(600), {}, 0, draws=10)
        held += int(((found.low <= found.mean) & (found.mean <= found.high)).sum())
        tried += len(found.mean)
        lines += (found.slope.low <= 1 <= found.slope.high) + (found.offset.low <= 0 <= found.offset.high)
    assert 0.92 <= held / tried <= 0.98
    assert 0.90 <= lines / 160 <= 0.99


def test_slope_and_offset_are_those_of_a_logistic_regression() -> None:
    p, y = drawn()
    z = np.log(p / (1 - p))
    told = 1 / (1 + np.exp(-(2 * z + 0.7)))
    found = reliability(y, told, np.arange(4000), {}, 0)
    wanted = LogisticRegression(C=1e12, tol=1e-10).fit((2 * z + 0.7)[:, None], y)
    assert found.slope.value == pytest.approx(float(wanted.coef_[0, 0]), abs=1e-4)
    assert found.slope.high < 1  # too extreme


def test_rows_of_one_customer_widen_every_interval() -> None:
    p, y = drawn(1000)
    p, y = np.repeat(p, 4), np.repeat(y, 4)
    alone = reliability(y, p, np.arange(4000), {}, 0)
    together = reliability(y, p, np.repeat(np.arange(1000), 4), {}, 0)
    assert (together.high - together.low).mean() > 1.7 * (alone.high - alone.low).mean()
    for one, other in ((alone.slope, together.slope), (alone.offset, together.offset)):
        assert other.high - other.low == pytest.approx(2 * (one.high - one.low), rel=0.05)


def test_a_bin_without_positives_still_has_an_interval() -> None:
    p = np.repeat([0.01, 0.9], 100)
    y = np.repeat([0, 1], 100)
    found = reliability(y, p, np.arange(200), {}, 0)
    assert found.size.tolist() == [100, 100]
    assert found.low[0] == 0 < found.high[0] < 0.05 and found.low[1] > 0.95


@given(st.integers(0, 1000), st.integers(2, 60), st.integers(1, 5))
def test_equal_probabilities_are_in_one_bin(seed, n, levels):
    rng = np.random.default_rng(seed)
    p, y = rng.integers(0, levels, n) / 10 + 0.1, rng.integers(0, 2, n)
    found = reliability(y, p, rng.integers(0, 5, n), {}, 0, draws=10)
    assert found.size.sum() == n and len(found.size) <= levels
    assert ((found.low <= found.observed) & (found.observed <= found.high)).all()


def test_what_is_not_defined_is_not_told() -> None:
    one_class = reliability(np.zeros(20, int), np.linspace(0.1, 0.9, 20), np.arange(20), {}, 0)
    assert np.isnan(one_class.slope.value) and np.isnan(one_class.offset.low)
    constant = reliability(np.arange(20) % 2, np.full(20, 0.3), np.arange(20), {}, 0)
    assert np.isnan(constant.slope.value) and constant.offset.value == pytest.approx(np.log(7 / 3), abs=1e-6)
