from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.training.calibrate import choose_calibration, fit_isotonic, fit_sigmoid
from vigie.training.metrics import log_loss


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 1.5, n)
    p = 1 / (1 + np.exp(-z))
    return p, (rng.random(n) < p).astype(np.int8)


def test_what_is_calibrated_stays_as_it_is() -> None:
    p, y = drawn(20_000)
    assert choose_calibration(p, y).kind == "identity"


@pytest.mark.parametrize(("a", "b"), [(2.0, 0.5), (0.5, -1.0), (1.0, 1.0)])
def test_a_sigmoid_undoes_a_distortion_of_the_log_odds(a: float, b: float) -> None:
    p, y = drawn(40_000)
    z = (np.log(p / (1 - p)) - b) / a
    distorted = 1 / (1 + np.exp(-z))
    fitted = fit_sigmoid(distorted, y)
    assert fitted.a == pytest.approx(a, rel=0.05) and fitted.b == pytest.approx(b, abs=0.06)
    chosen = choose_calibration(distorted, y)
    assert chosen.kind == "sigmoid"
    assert log_loss(y, chosen.apply(distorted)) < log_loss(y, distorted) - 0.005


def test_steps_are_left_to_isotonic_only_with_enough_rows() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(20_000)
    truth = np.where(p < 0.3, 0.02, np.where(p < 0.6, 0.5, 0.55))
    y = (rng.random(20_000) < truth).astype(np.int8)
    assert choose_calibration(p, y).kind == "isotonic"
    assert choose_calibration(p[:900], y[:900]).kind != "isotonic"


@given(st.integers(0, 10_000), st.integers(20, 400))
def test_every_map_keeps_the_order_and_stays_between_0_and_1(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(n), 2)
    y = (rng.random(n) < 0.3).astype(np.int8)
    y[:2] = (0, 1)
    grid = np.linspace(0, 1, 101)
    for fitted in (fit_sigmoid(p, y), fit_isotonic(p, y)):
        mapped = fitted.apply(grid)
        assert (np.diff(mapped) >= -1e-12).all() and (mapped > 0).all() and (mapped < 1).all()


def test_a_ranking_that_is_upside_down_becomes_all_but_the_share_of_positives() -> None:
    p, y = drawn(5_000)
    assert np.ptp(fit_sigmoid(1 - p, y).apply(1 - p)) < 0.03
    assert fit_sigmoid(1 - p, y).apply(p).mean() == pytest.approx(y.mean(), abs=0.01)


def test_a_rule_of_true_and_false_gets_its_two_rates() -> None:
    rng = np.random.default_rng(5)
    says = (rng.random(8_000) < 0.3).astype(float)
    y = (rng.random(8_000) < np.where(says == 1, 0.6, 0.1)).astype(np.int8)
    chosen = choose_calibration(says, y)
    assert chosen.apply(np.array([0.0, 1.0])) == pytest.approx([0.1, 0.6], abs=0.03)


def test_a_moving_share_of_positives_does_not_hide_the_ranking() -> None:
    """Simpson's paradox: each fold ranks well, but scores lag behind the share of positives of their fold."""
    chance = np.random.default_rng(3)
    scores, labels, folds = [], [], []
    for fold, (level, truth) in enumerate([(-1.0, -3.0), (-2.0, -2.0), (-3.0, -1.0)]):
        merit = chance.normal(size=2_000)
        labels.append(chance.random(2_000) < 1 / (1 + np.exp(-(merit + truth))))
        scores.append(1 / (1 + np.exp(-(0.5 * merit + level))))
        folds.append(np.full(2_000, fold))
    p, y, groups = np.concatenate(scores), np.concatenate(labels).astype(np.int8), np.concatenate(folds)

    pooled, within = fit_sigmoid(p, y), fit_sigmoid(p, y, groups)

    assert np.ptp(pooled.apply(p)) < 0.02
    assert np.ptp(within.apply(p)) > 0.2
    assert np.all(np.diff(within.apply(np.sort(p))) > 0)
    np.testing.assert_allclose(within.apply(p).mean(), y.mean(), atol=0.02)
