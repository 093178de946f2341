from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle

from vigie.training import metrics
from vigie.training.result import Metrics

rows = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int8, n, elements=st.integers(0, 1)),
        hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.7, 0.95, 1.0])),
    )
)


@given(rows)
def test_ranking_measures_equal_scikit_learn_with_ties(pair: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = pair
    if 0 < y.sum() < len(y):
        assert metrics.auc(y, p) == pytest.approx(oracle.roc_auc_score(y, p), abs=1e-12)
        assert metrics.average_precision(y, p) == pytest.approx(oracle.average_precision_score(y, p), abs=1e-12)
        assert metrics.auc(y, p) + metrics.auc(y, -p) == pytest.approx(1.0)
    else:
        assert math.isnan(metrics.auc(y, p))


@given(rows)
def test_probability_measures_equal_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = pair
    assert metrics.brier(y, p) == pytest.approx(oracle.brier_score_loss(y, p, pos_label=1), abs=1e-12)
    assert metrics.log_loss(y, p) == pytest.approx(float(metrics.row_log_loss(y, p).mean()))
    inner = np.clip(p, 0.01, 0.99)
    assert metrics.log_loss(y, inner) == pytest.approx(oracle.log_loss(y, inner, labels=[0, 1]), abs=1e-12)
    assert 0 <= metrics.expected_calibration_error(y, p) <= 1


def test_perfect_calibration_has_no_error_and_a_constant_lift_is_one() -> None:
    y = np.tile([0, 0, 0, 1], 250).astype(np.int8)
    p = np.full(1000, 0.25)
    assert metrics.expected_calibration_error(y, p) == pytest.approx(0.0, abs=1e-12)
    assert metrics.lift(y, p) == pytest.approx(1.0)
    assert metrics.lift(y, y.astype(float)) == pytest.approx(4.0)


def test_decision_measures_and_money() -> None:
    y = np.array([1, 1, 0, 0, 0], np.int8)
    act = np.array([True, False, True, False, False])
    got = metrics.measure(y, np.array([0.9, 0.2, 0.8, 0.1, 0.1]), act, np.array([10.0, 0, -2, 0, 0]))
    assert (got.precision, got.recall, got.f1, got.acted) == (0.5, 0.5, 0.5, 0.4)
    assert (got.value, got.value_total, got.n, got.positives) == (1.6, 8.0, 5, 2)
    nobody = metrics.measure(y, None, np.zeros(5, bool), np.zeros(5))
    assert nobody.precision == 0 and nobody.recall == 0 and math.isnan(nobody.auc) and math.isnan(nobody.brier)


def test_the_mean_leaves_out_what_is_not_defined_and_sums_counts() -> None:
    y = np.array([1, 0], np.int8)
    one = metrics.measure(y, np.array([0.9, 0.1]), np.array([True, False]), np.array([1.0, 0.0]))
    two = metrics.measure(np.zeros(2, np.int8), np.array([0.9, 0.1]), np.array([True, False]), np.array([1.0, 0.0]))
    mean = metrics.mean_metrics([one, two])
    assert isinstance(mean, Metrics)
    assert mean.auc == 1.0 and mean.n == 4 and mean.value_total == 2.0 and mean.precision == 0.5
