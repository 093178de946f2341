"""XGBoost's trees, carried over: the same leaf for every row, and XGBoost's own answer within its precision."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.bundle import TreesModel
from vigie.bundle.encoder import LARGEST, SMALLEST
from vigie.bundle.logistic import logistic
from vigie.bundle.trees_check import check_text
from vigie.bundle.xgboost_text import xgboost_leaves, xgboost_offset, xgboost_to_text
from vigie.errors import BundleError

VALUE = st.one_of(
    st.just(float("nan")),
    st.integers(-3, 3).map(float),
    st.floats(-LARGEST, LARGEST),
    st.sampled_from([0.1, 1 / 3, 1e-30, -LARGEST, LARGEST]),
)


def as_encoded(X: np.ndarray) -> np.ndarray:
    return np.where(np.abs(X) <= SMALLEST, 0.0, X)


def learned(X: np.ndarray, y: np.ndarray, rounds: int = 12, **params: object) -> xgboost.Booster:
    fixed = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "verbosity": 0, "seed": 0}
    fixed |= {"min_child_weight": 0.1, "reg_lambda": 0.5, "max_depth": 4, "learning_rate": 0.4}
    return xgboost.train({**fixed, **params}, xgboost.DMatrix(X, y, nthread=1), rounds)


def leaves(booster: xgboost.Booster, X: np.ndarray) -> np.ndarray:
    found = booster.predict(xgboost.DMatrix(X, nthread=1), pred_leaf=True, strict_shape=True)
    return found.reshape(len(X), -1).astype(int)


def carried(booster: xgboost.Booster, X: np.ndarray) -> tuple[TreesModel, dict]:
    data = json.loads(booster.save_raw("json"))
    at = leaves(booster, X)
    counts = [np.bincount(at[:, t], minlength=len(value)) for t, value in enumerate(xgboost_leaves(data))]
    text = xgboost_to_text(data, counts, X.shape[1])
    check_text(text)
    return TreesModel(text, "float32"), data


def same(booster: xgboost.Booster, X: np.ndarray, probe: np.ndarray) -> TreesModel:
    """Every row of *probe* falls into the leaves that XGBoost sends it to."""
    model, data = carried(booster, X)
    at, total = leaves(booster, probe), np.full(len(probe), xgboost_offset(data))
    for tree, value in enumerate(xgboost_leaves(data)):
        total += value[at[:, tree]]
    found = model.probability(probe)
    assert np.abs(found - logistic(total)).max() <= 1e-12
    own = booster.predict(xgboost.DMatrix(probe, nthread=1))
    assert np.abs(found - own).max() <= 1e-6
    row = model.row()
    assert [row(values) for values in probe.tolist()] == found.tolist()
    return model


def around(booster: xgboost.Booster, width: int) -> np.ndarray:
    """Rows at every threshold, one step of single precision to either side, and half a step."""
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    at = [c for t in trees for c, left in zip(t["split_conditions"], t["left_children"], strict=True) if left >= 0]
    single = np.unique(np.array(at or [0.0], dtype=np.float32))
    up, down = np.nextafter(single, np.float32(np.inf)), np.nextafter(single, np.float32(-np.inf))
    exact = single.astype(np.float64)
    points = np.concatenate([exact, up, down, (exact + up) / 2, (exact + down) / 2, np.nextafter(exact, np.inf)])
    return as_encoded(np.repeat(points[:, None], width, axis=1).astype(np.float64))


def made(n: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    X[:, 1] = rng.integers(0, 6, n)
    X[:, 2] = np.round(X[:, 2], 1)
    X[:, 4] = 7.0
    X[rng.random(X.shape) < 0.15] = np.nan
    y = (np.nan_to_num(X[:, 0]) + (X[:, 1] == 2) + np.isnan(X[:, 3]) + rng.normal(size=n) > 0.7).astype(int)
    return X, y


@pytest.mark.parametrize("params", [{}, {"max_depth": 7, "gamma": 1.0}, {"grow_policy": "lossguide", "max_leaves": 9}])
def test_every_row_falls_into_the_leaf_that_xgboost_says(params):
    X, y = made()
    booster = learned(X, y, rounds=60, subsample=0.7, colsample_bytree=0.6, **params)
    edge = np.array([[np.nan] * 6, [0.0] * 6, [LARGEST] * 6, [-LARGEST] * 6, [1e-33] * 6])
    same(booster, X, np.vstack([X, around(booster, 6), edge, made(seed=1)[0]]))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_whatever_the_values(data):
    n, width = data.draw(st.integers(12, 40)), data.draw(st.integers(1, 3))
    cells = st.lists(VALUE, min_size=n * width, max_size=n * width)
    X = as_encoded(np.array(data.draw(cells)).reshape(n, width))
    y = np.array([0, 1, *data.draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))])
    booster = learned(X, y, rounds=6)
    more = as_encoded(np.array(data.draw(st.lists(VALUE, min_size=width * 5, max_size=width * 5))).reshape(5, width))
    same(booster, X, np.vstack([X, around(booster, width), more]))


def test_a_missing_value_that_training_never_saw_goes_its_learned_way():
    X, y = made()
    whole = np.nan_to_num(X, nan=0.5)
    same(learned(whole, y), whole, X)


def test_nodes_know_how_many_rows_came_by():
    X, y = made()
    booster = learned(X, y, rounds=3)
    model, _ = carried(booster, X)
    at = leaves(booster, X)
    for number, block in enumerate(model.text.split("\nTree=")[1:]):
        lines = dict(line.partition("=")[::2] for line in block.split("\n"))
        counts = [int(word) for word in lines["leaf_count"].split()]
        if number == 0:
            assert counts == [len(X)]  # the constant: what every row starts from
            continue
        assert sorted(counts) == sorted(np.unique(at[:, number - 1], return_counts=True)[1].tolist())
        inner = [int(word) for word in lines["internal_count"].split()]
        left = [int(word) for word in lines["left_child"].split()]
        right = [int(word) for word in lines["right_child"].split()]
        for node, rows in enumerate(inner):
            assert rows == sum(inner[c] if c >= 0 else counts[~c] for c in (left[node], right[node]))
        assert inner[0] == len(X)


def test_contributions_are_those_of_xgboost_where_rows_weigh_alike():
    """With squared-error-like equal curvature at the start, XGBoost's cover is proportional to the rows."""
    X, y = made()
    booster = learned(X, y, rounds=1, base_score=0.5)
    model, _ = carried(booster, X)
    own = booster.predict(xgboost.DMatrix(X, nthread=1), pred_contribs=True, strict_shape=True).reshape(len(X), -1)
    assert np.abs(model.contributions(X) - own).max() <= 1e-5


def test_trees_without_a_split_and_other_models():
    X, y = made(60)
    flat = np.ones_like(X)
    model = same(learned(flat, y, rounds=3), flat, X)
    assert model.probability(X[:1])[0] == pytest.approx(y.mean(), abs=0.02)
    for params in ({"booster": "gblinear", "tree_method": None}, {"objective": "reg:squarederror"}):
        given_ = {name: value for name, value in params.items() if value is not None}
        base = {"objective": "binary:logistic", "verbosity": 0, "nthread": 1, **given_}
        booster = xgboost.train(base, xgboost.DMatrix(np.nan_to_num(X), y), 2)
        with pytest.raises(BundleError, match="not XGBoost's trees"):
            xgboost_leaves(json.loads(booster.save_raw("json")))


def test_xgboosts_own_categories_are_refused():
    X, y = made(200)
    codes = np.nan_to_num(X[:, [1]])
    y = np.isin(codes[:, 0], (1, 4)).astype(int)
    data = xgboost.DMatrix(codes, y, feature_types=["c"], enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "max_cat_to_onehot": 1, "verbosity": 0}, data, 2)
    with pytest.raises(BundleError, match="own categories"):
        xgboost_leaves(json.loads(booster.save_raw("json")))
