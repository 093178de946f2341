from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.training.calibrate import choose_calibration, choose_map, fit_beta, fit_isotonic, fit_sigmoid
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
    for fitted in (fit_sigmoid(p, y), fit_beta(p, y), fit_isotonic(p, y)):
        mapped = fitted.apply(grid)
        inner = mapped[1:-1]
        assert (np.diff(mapped) >= -1e-12).all() and (inner > 0).all() and (inner < 1).all()
        assert mapped[0] >= 0 and mapped[-1] <= 1


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


def drifting(seed: int, bend: float = 1.0, n: int = 2_500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Folds in time: the share of positives rises, the models' scores lag behind it and fall; each fold ranks well."""
    chance = np.random.default_rng(seed)
    scores, labels = [], []
    for level, truth in [(-1.0, -2.5), (-1.6, -1.8), (-2.2, -1.2), (-2.8, -0.5)]:
        merit = chance.normal(size=n)
        chances = 1 / (1 + np.exp(-(np.where(merit > 0, bend * merit, merit) + truth)))
        labels.append((chance.random(n) < chances).astype(np.int8))
        scores.append(1 / (1 + np.exp(-(0.6 * merit + level))))
    return np.concatenate(scores), np.concatenate(labels), np.repeat(np.arange(4), n)


@pytest.mark.parametrize("fit", [fit_sigmoid, fit_beta, fit_isotonic])
def test_no_map_mistakes_the_drift_of_folds_for_a_ranking(fit) -> None:
    p, y, groups = drifting(0)
    one = np.sort(p[groups == 2])
    pooled, within = fit(p, y).apply(one), fit(p, y, groups).apply(one)
    # Of the middle nine tenths of a fold; pooled, little of the ranking is left.
    middle = slice(125, -125)
    assert np.ptp(pooled[middle]) < 0.15 and np.ptp(within[middle]) > 0.3
    assert (np.diff(within) >= -1e-12).all()
    assert fit(p, y, groups).apply(p).mean() == pytest.approx(y.mean(), abs=0.01)


def test_isotonic_steps_of_drifting_folds_hold_on_a_new_one() -> None:
    p, y, groups = drifting(1, bend=0.2)
    later, truth, fold = drifting(2, bend=0.2)
    later, truth = later[fold == 2], truth[fold == 2]
    lost = {name: log_loss(truth, fit_isotonic(p, y, known).apply(later)) for name, known in
            {"pooled": None, "within": groups}.items()}  # fmt: skip
    assert lost["within"] < lost["pooled"] - 0.005


def test_isotonic_steps_of_folds_that_do_not_differ_are_those_of_all_rows() -> None:
    p, y = drawn(12_000, seed=4)
    grid = np.linspace(0.02, 0.95, 200)
    pooled, within = fit_isotonic(p, y), fit_isotonic(p, y, np.arange(12_000) % 4)
    assert np.abs(pooled.apply(grid) - within.apply(grid)).mean() < 0.01


def test_a_beta_map_bends_both_ends_on_their_own() -> None:
    rng = np.random.default_rng(2)
    p = rng.beta(0.8, 1.5, 60_000)
    y = (rng.random(60_000) < 1 / (1 + np.exp(-(0.5 * np.log(p) - 1.6 * np.log1p(-p) + 0.4)))).astype(np.int8)
    fitted = fit_beta(p, y)
    assert (fitted.a, fitted.b, fitted.c) == pytest.approx((0.5, 1.6, 0.4), abs=0.06)
    chosen = choose_map(p, y)
    assert chosen.calibration.kind == "beta"
    assert chosen.losses["beta"] < chosen.losses["sigmoid"] - 5e-4 and set(chosen.losses) == set(KINDS)


KINDS = ("identity", "sigmoid", "beta", "isotonic")


def test_a_map_that_holds_only_for_the_past_is_not_chosen() -> None:
    """Scores that were too high in the first folds and are right in the last: what was learned there does not hold."""
    rng = np.random.default_rng(6)
    truth = rng.beta(2, 4, 8_000)
    groups = np.repeat(np.arange(4), 2_000)
    y = (rng.random(8_000) < truth).astype(np.int8)
    z = np.log(truth / (1 - truth)) + np.select([groups == 0, groups == 1], [1.0, -1.0], 0.0)
    p = 1 / (1 + np.exp(-z))
    chosen = choose_map(p, y, groups=groups, in_time=True)
    assert chosen.calibration.kind == "identity"
    # A map is fitted on earlier folds only: what comes later cannot change what it lost on the second one.
    part = groups < 2
    first = choose_map(p[part], y[part], groups=groups[part], in_time=True).losses
    flipped = choose_map(p[part], np.where(groups[part] == 0, y[part], 1 - y[part]), groups=groups[part], in_time=True)
    assert first["sigmoid"] != flipped.losses["sigmoid"]
    fitted = fit_sigmoid(p[groups == 0], y[groups == 0])
    assert first["sigmoid"] == pytest.approx(log_loss(y[groups == 1], fitted.apply(p[groups == 1])), rel=1e-12)


def test_whole_folds_are_left_out() -> None:
    p, y, groups = drifting(3)
    losses = choose_map(p, y, groups=groups).losses
    total = 0.0
    for fold in range(4):
        others = groups != fold
        total += log_loss(y[~others], fit_beta(p[others], y[others], groups[others]).apply(p[~others]))
    assert losses["beta"] == pytest.approx(total / 4, rel=1e-12)


def test_the_same_rows_give_the_same_map() -> None:
    p, y, groups = drifting(5)
    one, two = choose_map(p, y, groups=groups), choose_map(p, y, groups=groups)
    assert one.calibration == two.calibration and one.losses == two.losses


def test_scores_that_are_all_alike_are_left_as_they_are() -> None:
    chosen = choose_map(np.full(100, 0.3), np.arange(100) % 2)
    assert chosen.calibration.kind == "identity" and chosen.losses == {}


@pytest.mark.parametrize("fit", [fit_sigmoid, fit_beta, fit_isotonic])
@pytest.mark.parametrize("folds", [[0.3], [0.21, 0.34, 0.28]])
def test_scores_that_say_the_same_to_everybody_of_a_fold_become_the_share_of_positives(fit, folds: list[float]) -> None:
    """Between folds they differ, by the share of positives then; that is no ranking, and no slope can be learned of it."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(len(folds)), 1_500)
    p = np.array(folds)[groups]
    y = (rng.random(len(p)) < p).astype(np.int8)
    for _ in range(2):
        assert np.abs(fit(p, y, groups).apply(p) - y.mean()).max() < 0.005
        p = p + 1e-13 * rng.random(len(p))  # nor is what rounding leaves
