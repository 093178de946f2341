"""The nested estimate: outer test rows choose nothing, folds are the field's own, figures are what they say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from vigie.errors import TrainingError
from vigie.training import TrainOptions
from vigie.training.metrics import auc
from vigie.training.nested import NestedEstimate, OuterFold, _one, _ranking, _Tested, nested_estimate
from vigie.training.outer_folds import outer_folds
from vigie.training.train import train

FAST = TrainOptions(models=("logistic_regression",), folds=2, threads=1, trials=0, stack=False, select=False)


@pytest.fixture(scope="module")
def told() -> list[OuterFold]:
    return []


@pytest.fixture(scope="module")
def estimate(once_set, told) -> NestedEstimate:
    return nested_estimate(once_set(500, seed=1), FAST, folds=2, told=told.append)


def silent(doing: str, share: float) -> None:
    pass


def test_without_time_the_folds_are_those_of_scikit_learn(once_set) -> None:
    data = once_set(300)
    wanted = StratifiedKFold(5, shuffle=True, random_state=7).split(data.labels, data.labels)
    for found, (learned, tested) in zip(outer_folds(data, 5, 7), wanted, strict=True):
        assert found.train.tolist() == learned.tolist() and found.test.tolist() == tested.tolist()
        assert found.description.kind == "stratified" and found.description.gap == 0


def test_in_time_each_test_lies_a_horizon_after_what_was_learned_from(monthly_set) -> None:
    data = monthly_set()
    folds = outer_folds(data, 4, 0)
    horizon = data.score.horizon.microseconds
    assert len(folds) == 4
    for fold in folds:
        assert data.moments[fold.train].max() + horizon <= data.moments[fold.test].min()
        assert fold.description.kind == "out_of_time" and fold.description.gap == horizon
    starts = [data.moments[fold.test].min() for fold in folds]
    assert starts == sorted(starts)
    tested = np.concatenate([fold.test for fold in folds])
    assert len(np.unique(tested)) == len(tested)


def test_all_rows_of_a_customer_are_on_one_side_where_there_is_no_time(once_set) -> None:
    data = once_set(300)
    data = replace(data, customers=np.array([f"k{i // 3}" for i in range(300)], object))
    for fold in outer_folds(data, 3, 0):
        assert not set(data.customers[fold.train]) & set(data.customers[fold.test])


def test_too_few_of_a_class_are_refused(once_set) -> None:
    data = once_set(300)
    labels = np.zeros(300, np.int8)
    labels[:9] = 1
    with pytest.raises(TrainingError, match="nested estimate needs 10"):
        outer_folds(replace(data, labels=labels), 5, 0)


def test_outer_test_rows_choose_nothing(once_set) -> None:
    """With the outcomes of the test rows turned around, everything that was learned and chosen stays as it is."""
    data = once_set(500, seed=1)
    split = outer_folds(data, 2, 0)[0]
    turned = data.labels.copy()
    turned[split.test] = 1 - turned[split.test]
    other = replace(data, labels=turned)
    one, said = _one(data, FAST, split, 1, silent)
    two, again = _one(other, FAST, split, 1, silent)
    assert (one.winner, one.params, one.calibration, one.best_fixed, one.features) == (
        two.winner, two.params, two.calibration, two.best_fixed, two.features,
    )  # fmt: skip
    for name, probability in said.probability.items():
        assert probability.tolist() == again.probability[name].tolist(), name
    for name, act in said.act.items():
        assert act.tolist() == again.act[name].tolist(), name
    assert one.metrics["vigie"].auc == pytest.approx(1 - two.metrics["vigie"].auc)


def test_every_row_tests_once_and_figures_are_means(estimate: NestedEstimate, told: list[OuterFold]) -> None:
    assert estimate.rows == estimate.customers == 500 and not estimate.in_time
    assert [fold.number for fold in told] == [1, 2] and tuple(told) == estimate.folds
    ours = estimate.figures["vigie"]
    values = [fold.metrics["vigie"].value for fold in estimate.folds]
    assert ours["value"].mean == pytest.approx(np.mean(values), abs=1e-9)
    assert ours["value"].error == pytest.approx(np.std(values, ddof=1) / 2**0.5)
    assert ours["auc"].mean == pytest.approx(np.mean([fold.metrics["vigie"].auc for fold in estimate.folds]))
    assert set(estimate.differences) == {
        "best_fixed", "nobody", "everybody", "rule", "threshold_0.5", "default_lightgbm", "hand_tuned_lightgbm",
    }  # fmt: skip
    for who, figures in estimate.differences.items():
        for name, figure in figures.items():
            wanted = ours[name].mean - estimate.figures[who][name].mean
            assert figure.mean == pytest.approx(wanted, abs=1e-9) and figure.low <= figure.mean <= figure.high
    assert estimate.figures["nobody"]["value"].mean == 0.0 and "auc" not in estimate.figures["nobody"]


def test_one_fold_is_the_split_of_a_training(once_set) -> None:
    data = once_set(300, seed=2)
    found = nested_estimate(data, FAST, folds=1)
    trained = train(data, FAST, evidence=False)
    assert found.rows == len(trained.test_index) and len(found.folds) == 1
    assert found.figures["vigie"]["auc"].mean == trained.best.test.auc
    assert found.figures["vigie"]["value"].mean == pytest.approx(trained.best.test.value, abs=1e-9)
    assert np.isnan(found.figures["vigie"]["auc"].error)
    assert found.to_data()["figures"]["vigie"]["auc"]["error"] is None


def test_the_file_holds_plain_data(estimate: NestedEstimate) -> None:
    data = estimate.to_data()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["folds"][0]["metrics"]["vigie"]["auc"] == estimate.folds[0].metrics["vigie"].auc
    assert data["folds"][0]["metrics"]["nobody"]["auc"] is None


def test_the_interval_of_an_auc_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.3).astype(np.int8)
    p = (rng.normal(y, 1.2)).round(1)
    part = _Tested(y, np.arange(600), {}, {}, {"vigie": p})
    (found,), influence = _ranking([part], "vigie")
    assert found == pytest.approx(auc(y, p)) and influence.sum() == pytest.approx(0, abs=1e-9)
    drawn = [auc(y[i], p[i]) for i in (rng.integers(0, 600, 600) for _ in range(600))]
    assert float(np.sqrt(influence @ influence)) == pytest.approx(np.std(drawn), rel=0.12)
