"""CatBoost's symmetric trees, carried over: CatBoost's own answer for every row."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import catboost
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vigie.bundle import TreesModel
from vigie.bundle.catboost_text import catboost_to_text
from vigie.bundle.encoder import LARGEST, SMALLEST
from vigie.bundle.logistic import logistic
from vigie.bundle.trees_check import check_text
from vigie.errors import BundleError

VALUE = st.one_of(
    st.just(float("nan")),
    st.integers(-3, 3).map(float),
    st.floats(-LARGEST, LARGEST),
    st.sampled_from([0.1, 1 / 3, 1e-30, -LARGEST, LARGEST]),
)


def as_encoded(X: np.ndarray) -> np.ndarray:
    return np.where(np.abs(X) <= SMALLEST, 0.0, X)


def learned(X: np.ndarray, y: np.ndarray, rounds: int = 10, **params: object) -> catboost.CatBoost:
    fixed = {"loss_function": "Logloss", "iterations": rounds, "depth": 3, "learning_rate": 0.4, "random_seed": 0}
    fixed |= {"thread_count": 1, "allow_writing_files": False, "logging_level": "Silent"}
    return catboost.CatBoost({**fixed, **params}).fit(X, y)


def as_data(machine: catboost.CatBoost) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        machine.save_model(f"{folder}/model.json", format="json")
        return json.loads((Path(folder) / "model.json").read_text())


def carried(machine: catboost.CatBoost, X: np.ndarray) -> TreesModel:
    at = machine.calc_leaf_indexes(X)
    counts = [np.bincount(at[:, t], minlength=int(n)) for t, n in enumerate(machine.get_tree_leaf_counts())]
    text = catboost_to_text(as_data(machine), counts, X.shape[1])
    check_text(text)
    return TreesModel(text, "float32")


def same(machine: catboost.CatBoost, X: np.ndarray, probe: np.ndarray) -> TreesModel:
    model = carried(machine, X)
    found = model.probability(probe)
    own = machine.predict(probe, prediction_type="RawFormulaVal")
    assert np.abs(found - logistic(own)).max() <= 1e-12
    row = model.row()
    assert [row(values) for values in probe.tolist()] == found.tolist()
    return model


def around(machine: catboost.CatBoost, width: int) -> np.ndarray:
    """Rows at every border, one step of single precision to either side, and half a step."""
    borders = [b for column in as_data(machine)["features_info"]["float_features"] for b in column["borders"]]
    single = np.unique(np.clip(np.array(borders or [0.0]), -LARGEST, LARGEST).astype(np.float32))
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
    X[:, 4] = 7.0  # a constant column in the middle: CatBoost leaves it out of its own numbering
    y = (np.nan_to_num(X[:, 0]) + (X[:, 1] == 2) + np.isnan(X[:, 3]) + rng.normal(size=n) > 0.7).astype(int)
    return X, y


@pytest.mark.parametrize("mode", ["Min", "Max"])
@pytest.mark.parametrize("depth", [1, 4, 7])
def test_every_row_gets_catboosts_answer(mode, depth):
    X, y = made()
    machine = learned(X, y, rounds=30, depth=depth, nan_mode=mode, bootstrap_type="Bernoulli", subsample=0.7, rsm=0.6)
    edge = np.array([[np.nan] * 6, [0.0] * 6, [LARGEST] * 6, [-LARGEST] * 6, [1e-33] * 6])
    same(machine, X, np.vstack([X, around(machine, 6), edge, made(seed=1)[0]]))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_whatever_the_values(data):
    n, width = data.draw(st.integers(12, 40)), data.draw(st.integers(1, 3))
    X = as_encoded(np.array(data.draw(st.lists(VALUE, min_size=n * width, max_size=n * width))).reshape(n, width))
    assume(any(len(np.unique(column.astype(np.float32))) > 1 for column in X.T))
    y = np.array([0, 1, *data.draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))])
    machine = learned(X, y, rounds=5)
    more = as_encoded(np.array(data.draw(st.lists(VALUE, min_size=width * 5, max_size=width * 5))).reshape(5, width))
    same(machine, X, np.vstack([X, around(machine, width), more]))


def test_a_missing_value_that_training_never_saw():
    X, y = made()
    whole = np.nan_to_num(X, nan=0.5)
    same(learned(whole, y), whole, X)


def test_scale_and_bias_count():
    X, y = made()
    machine = learned(X, y, boost_from_average=True)
    assert machine.get_scale_and_bias()[1] != 0
    same(machine, X, X)
    machine.set_scale_and_bias(0.5, -1.25)
    same(machine, X, X)


def test_nodes_know_how_many_rows_came_by_and_empty_halves_are_leaves():
    X, y = made()
    machine = learned(X, y, rounds=4, depth=6)
    model = carried(machine, X)
    collapsed = 0
    for number, block in enumerate(model.text.split("\nTree=")[1:]):
        lines = dict(line.partition("=")[::2] for line in block.split("\n"))
        counts = [int(word) for word in lines["leaf_count"].split()]
        empty = counts.count(1)
        # A leaf that nobody came to counts as one row, so that explanations can divide by it.
        assert len(X) <= sum(counts) <= len(X) + empty
        collapsed += number > 0 and len(counts) < 64
    assert collapsed > 0


def test_another_shape_is_refused():
    X, y = made(300)
    deep = learned(X, y, grow_policy="Lossguide", max_leaves=5)
    with pytest.raises(BundleError, match="symmetric"):
        catboost_to_text(as_data(deep), [], 6)
    codes = np.column_stack([np.where(X[:, 0] > 0, "a", "b"), np.where(X[:, 2] > 0, "c", "d")]).astype(object)
    own = learned(codes, y, cat_features=[0, 1])
    with pytest.raises(BundleError, match="symmetric trees on numbers"):
        catboost_to_text(as_data(own), [], 2)
