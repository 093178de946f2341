"""What each column adds to a model's answer: the sums, and for trees the Shapley values themselves."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import lightgbm
import numpy as np
import pytest
import shap
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import RandomForestClassifier

from vigie.bundle import AdditiveModel, ConstantModel, LinearModel, RuleModel, TreeArrays, TreesModel, tree_shapley
from vigie.bundle.logistic import log_odds
from vigie.errors import BundleError

WIDTH = 5
NUMBERS = st.one_of(st.floats(-3, 3), st.just(np.nan), st.sampled_from([0.0, -1e38, 1e38, 0.5]))
ROWS = st.integers(1, 4).flatmap(lambda n: arrays(np.float64, (n, WIDTH), elements=NUMBERS))


def make_data(n: int = 500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, WIDTH))
    X[:, 3] = rng.integers(0, 4, n)
    X[rng.random(X.shape) < 0.1] = np.nan
    z = np.nan_to_num(X[:, 0]) * np.nan_to_num(X[:, 1]) + np.nan_to_num(X[:, 2]) + (X[:, 3] == 2)
    return X, (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)


def boosting(**params: Any) -> tuple[lightgbm.Booster, TreesModel]:
    X, y = make_data()
    given = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True, **params}
    booster = lightgbm.train(given, lightgbm.Dataset(X, y), 30)
    return booster, TreesModel.of_lightgbm(booster.model_to_string())


def forest(trees: int = 12, **params: Any) -> tuple[RandomForestClassifier, TreesModel]:
    X, y = make_data()
    learner = RandomForestClassifier(trees, random_state=0, n_jobs=1, **params).fit(X, y)
    nodes = [
        TreeArrays(
            t.children_left,
            t.children_right,
            t.feature,
            t.threshold,
            t.missing_go_to_left,
            t.value[:, 0, 1],
            t.weighted_n_node_samples,
        )
        for t in (one.tree_ for one in learner.estimators_)
    ]
    return learner, TreesModel.of_forest(nodes, WIDTH)


def answers(model: Any, X: np.ndarray) -> np.ndarray:
    p = model.probability(X)
    return p if model.scale == "probability" else log_odds(p)


def check_sums(model: Any, X: np.ndarray, tolerance: float = 1e-9) -> None:
    found = model.contributions(X)
    assert found.shape == (len(X), X.shape[1] + 1)
    assert np.ptp(found[:, -1]) == 0
    np.testing.assert_allclose(found.sum(axis=1), answers(model, X), atol=tolerance, rtol=0)
    one = model.contribution_row()
    np.testing.assert_allclose([one(row) for row in X.tolist()], found, atol=1e-12, rtol=1e-9)


BOOSTED, FOREST = boosting()[1], forest()[1]


@given(ROWS)
@settings(max_examples=40, deadline=None)
def test_trees_sum_to_their_answer_whatever_the_row(X: np.ndarray) -> None:
    check_sums(BOOSTED, X)
    check_sums(FOREST, X)


@pytest.mark.parametrize(
    "params", [{}, {"num_leaves": 3}, {"max_depth": 2}, {"use_missing": False}, {"num_leaves": 60}]
)
def test_boosted_trees_give_the_shapley_values_of_shap(params: dict[str, Any]) -> None:
    booster, model = boosting(**params)
    X = make_data(80, seed=7)[0]
    expected = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent").shap_values(X)
    np.testing.assert_allclose(model.contributions(X)[:, :-1], expected, atol=1e-9)


@pytest.mark.parametrize("params", [{}, {"max_depth": 3}, {"class_weight": {0: 1, 1: 3}}, {"min_samples_leaf": 8}])
def test_forests_give_the_shapley_values_of_shap(params: dict[str, Any]) -> None:
    learner, model = forest(**params)
    # shap walks a forest's trees without sending missing values anywhere in particular, so there are none here.
    X = np.nan_to_num(make_data(40, seed=7)[0])
    explainer = shap.TreeExplainer(learner, feature_perturbation="tree_path_dependent")
    found = model.contributions(X)
    np.testing.assert_allclose(found[:, :-1], explainer.shap_values(X)[..., 1], atol=1e-9)
    assert found[0, -1] == pytest.approx(np.ravel(explainer.expected_value)[1], abs=1e-9)


def test_missing_values_of_a_forest_give_what_lightgbm_makes_of_them() -> None:
    _, model = forest()
    X = make_data(60, seed=3)[0]
    np.testing.assert_allclose(
        model.contributions(X), model._booster.contributions(X) / model._booster.trees, atol=1e-9
    )


@pytest.mark.parametrize("made", [boosting, forest])
def test_large_models_are_near_and_their_sums_exact(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, exact = made()
    X = make_data(30, seed=5)[0]
    expected = exact.contributions(X)
    monkeypatch.setattr(tree_shapley, "LARGE", 1)
    _, near = made()
    check_sums(near, X)
    assert not near._explained().exact
    np.testing.assert_allclose(near.contributions(X), expected, atol=1e-5)


@pytest.mark.parametrize("together", [1, 40, 100_000])
def test_trees_may_be_gone_through_in_any_groups(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X = make_data(20, seed=9)[0]
    monkeypatch.setattr(tree_shapley, "TOGETHER", together)
    np.testing.assert_allclose(forest()[1].contributions(X), FOREST.contributions(X), atol=1e-12)


def test_sets_of_categories_are_explained_by_lightgbm_itself() -> None:
    X, y = make_data()
    X[:, 3] = np.nan_to_num(X[:, 3])
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_per_group": 5, "cat_smooth": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(X, y, categorical_feature=[3]), 20)
    model = TreesModel.of_lightgbm(booster.model_to_string())
    assert model._explained() is None
    check_sums(model, X[:20])
    np.testing.assert_allclose(model.contributions(X[:20]), booster.predict(X[:20], pred_contrib=True), atol=1e-12)


def test_zero_that_counts_as_missing_is_left_to_lightgbm() -> None:
    X, y = make_data()
    X[:, 4] = np.where(np.arange(len(X)) % 3 == 0, 0.0, X[:, 4])
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "zero_as_missing": True}
    booster = lightgbm.train(params, lightgbm.Dataset(X, y, params={"zero_as_missing": True, "verbose": -1}), 20)
    check_sums(TreesModel.of_lightgbm(booster.model_to_string()), X[:20])


def test_trees_of_one_leaf_add_to_the_base() -> None:
    leaf = TreeArrays(*(np.array([one]) for one in (-1, -1, 0, 0.0, 0, 0.25, 10)))
    model = TreesModel.of_forest([leaf, leaf], 2)
    assert model.contributions(np.zeros((1, 2))).tolist() == [[0.0, 0.0, 0.25]]


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_a_linear_model_is_told_against_the_average_customer(weights: list[float], means: list[float]) -> None:
    model = LinearModel(tuple(weights), 0.5, tuple(means))
    X = np.array([means, [1.0, 2.0, -1.0]])
    found = model.contributions(X)
    np.testing.assert_array_equal(found[0, :-1], 0)
    np.testing.assert_allclose(found.sum(axis=1), 0.5 + X @ np.array(weights), atol=1e-9)
    assert [model.contribution_row()(row) for row in X.tolist()] == found.tolist()


def test_a_linear_model_written_before_there_were_means_still_loads() -> None:
    old = LinearModel.from_files({"model.json": b'{"intercept":1.0,"kind":"linear","weights":[2.0,3.0]}'})
    assert old.contributions(np.array([[1.0, 1.0]])).tolist() == [[2.0, 3.0, 1.0]]
    assert LinearModel.from_files(old.to_files()) == old
    with pytest.raises(BundleError, match="1 means for 2 columns"):
        LinearModel((1.0, 2.0), 0.0, (1.0,)).check(2)


def test_a_rule_and_a_constant() -> None:
    rule = RuleModel((0.0, 1.0), (0.0, 1.0), missing=0.1)
    check_sums(rule, np.array([[0.0], [1.0], [0.3], [np.nan]]))
    check_sums(ConstantModel(0.3), np.zeros((2, 4)))


def test_an_additive_model_splits_a_pair_in_two(fitted: dict[str, Any], shop: Any) -> None:
    encoder, model, _ = fitted["additive"]
    X = encoder.transform(shop.features)[:50]
    check_sums(model, X)
    pairs = [term for term in model.terms if len(term.features) == 2]
    assert pairs
    without = AdditiveModel(model.intercept, model.bins, tuple(t for t in model.terms if t is not pairs[0]))
    difference = (model.contributions(X) - without.contributions(X))[:, list(pairs[0].features)]
    np.testing.assert_allclose(difference[:, 0], difference[:, 1], atol=1e-12)
    assert np.abs(difference).max() > 0


def test_an_additive_model_is_told_against_the_mean_of_its_training_rows(fitted: dict[str, Any], shop: Any) -> None:
    encoder, model, _ = fitted["additive"]
    found = model.contributions(encoder.transform(shop.features))
    assert np.abs(found[:, :-1].sum(axis=1).mean()) < 0.02


def test_large_batches_come_in_the_order_of_their_rows() -> None:
    X = make_data(200, seed=1)[0]
    whole = BOOSTED.contributions(X)
    for low, high in pairwise(range(0, 201, 50)):
        np.testing.assert_array_equal(BOOSTED.contributions(X[low:high]), whole[low:high])


def test_limits_in_single_precision_are_the_greatest_numbers_below_and_warn_of_nothing() -> None:
    limits = np.array([-1e300, -3.4028234663852886e38, 0.1, 1.0, 3.5e38, np.inf])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tree_shapley._below(limits, np.float32)
    assert found.dtype == np.float32 and (found.astype(np.float64) <= limits).all()
    with np.errstate(over="ignore"):
        above = np.nextafter(found, np.float32(np.inf)).astype(np.float64)
    assert (above > limits)[:-1].all()
