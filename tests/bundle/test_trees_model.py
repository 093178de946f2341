"""Trees read through LightGBM's library give what LightGBM and scikit-learn gave."""

from __future__ import annotations

import gc
import threading

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from vigie.bundle import TreeArrays, TreesModel
from vigie.bundle.encoder import SMALLEST
from vigie.errors import BundleError


def arrays(forest) -> list[TreeArrays]:
    return [
        TreeArrays(
            t.children_left,
            t.children_right,
            t.feature,
            t.threshold,
            t.missing_go_to_left,
            t.value[:, 0, 1],
            t.n_node_samples,
        )
        for t in (estimator.tree_ for estimator in forest.estimators_)
    ]


def data(rng, n=400, width=6, nulls=0.2):
    X = rng.normal(size=(n, width))
    X[:, 1] = rng.integers(0, 5, n)
    X[:, 2] = np.round(X[:, 2], 1)
    X[rng.random(X.shape) < nulls] = np.nan
    y = (np.nan_to_num(X[:, 0]) + np.isnan(X[:, 3]) + rng.normal(size=n) > 0.3).astype(int)
    return X, y


def same_rows(model: TreesModel, X: np.ndarray, expected: np.ndarray) -> None:
    found = model.probability(X)
    assert np.abs(found - expected).max() <= 1e-9
    row = model.row()
    assert [row(values) for values in X.tolist()] == found.tolist()
    assert np.array_equal(model.probability(X[::-1])[::-1], found)


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("nulls", [0.0, 0.3])
def test_a_forest_gives_the_probabilities_of_scikit_learn(kind, nulls):
    rng = np.random.default_rng(1)
    X, y = data(rng, nulls=nulls)
    forest = kind(60, random_state=0, n_jobs=1).fit(X, y)
    model = TreesModel.of_forest(arrays(forest), X.shape[1])
    probe, _ = data(rng, n=600, nulls=nulls)
    borders = np.array([t for tree in arrays(forest)[:5] for t in tree.threshold[tree.left >= 0]])
    borders = borders[np.isfinite(borders)][:200]
    # Rows that lie exactly on a border, or one step of single precision beside it.
    on = np.repeat(borders[:, None], X.shape[1], axis=1)
    near = np.nextafter(on.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    near[np.abs(near) <= SMALLEST] = 0.0  # as the encoder does, for LightGBM would
    for rows in (X, probe, on, near, np.zeros((2, X.shape[1])), np.full((2, X.shape[1]), 1e38)):
        same_rows(model, rows, forest.predict_proba(rows)[:, 1])


def test_a_missing_value_goes_where_scikit_learn_sends_it():
    rng = np.random.default_rng(2)
    X, y = data(rng, nulls=0.0)
    forest = RandomForestClassifier(40, random_state=0).fit(X, y)
    with_nulls, _ = data(rng, nulls=0.5)
    model = TreesModel.of_forest(arrays(forest), X.shape[1])
    # These columns had no missing value in training: they follow the larger branch.
    same_rows(model, with_nulls, forest.predict_proba(with_nulls)[:, 1])
    all_null = np.full((3, X.shape[1]), np.nan)
    same_rows(model, all_null, forest.predict_proba(all_null)[:, 1])


def test_a_split_of_missing_from_the_rest_is_kept():
    X = np.array([[np.nan], [np.nan], [1.0], [2.0]] * 20)
    y = np.isnan(X[:, 0]).astype(int)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    assert any(np.isinf(tree.threshold).any() for tree in arrays(forest))
    same_rows(TreesModel.of_forest(arrays(forest), 1), X, forest.predict_proba(X)[:, 1])


def test_300_deep_trees_and_trees_of_one_leaf():
    rng = np.random.default_rng(3)
    X, y = data(rng, n=1500)
    forest = RandomForestClassifier(300, random_state=0, min_samples_leaf=1, n_jobs=2).fit(X, y)
    assert max(estimator.get_depth() for estimator in forest.estimators_) > 12
    same_rows(TreesModel.of_forest(arrays(forest), X.shape[1]), X, forest.predict_proba(X)[:, 1])
    stump = RandomForestClassifier(7, random_state=0, min_samples_leaf=800).fit(X, y)
    assert all(estimator.get_n_leaves() == 1 for estimator in stump.estimators_)
    same_rows(TreesModel.of_forest(arrays(stump), X.shape[1]), X, stump.predict_proba(X)[:, 1])
    mixed = arrays(forest)[:2] + arrays(stump)[:3]
    expected = np.mean([e.predict_proba(X)[:, 1] for e in (*forest.estimators_[:2], *stump.estimators_[:3])], axis=0)
    same_rows(TreesModel.of_forest(mixed, X.shape[1]), X, expected)


@pytest.mark.parametrize("missing", [{}, {"zero_as_missing": True}, {"use_missing": False}])
def test_lightgbm_gives_its_own_probabilities(missing):
    rng = np.random.default_rng(4)
    X, y = data(rng, n=1200)
    X[rng.random(X.shape) < 0.1] = 0.0
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, "cat_smooth": 1, **missing}
    booster = lightgbm.train(params, lightgbm.Dataset(X, y, categorical_feature=[1]), 80)
    model = TreesModel.of_lightgbm(booster.model_to_string())
    probe = np.vstack([X, [[9.0, 77, 0, -0.0, 1e-36, np.nan]], [[np.nan] * 6], [[0.0, -3, 0, 0, 0, 0]]])
    found = model.probability(probe)
    assert np.array_equal(found, booster.predict(probe))
    same_rows(model, probe, booster.predict(probe))
    assert "parameters" not in model.text
    model.check(6)


def test_more_rows_than_one_thread_takes_are_the_same():
    rng = np.random.default_rng(5)
    X, y = data(rng, n=5000)
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, y), 20)
    model = TreesModel.of_lightgbm(booster.model_to_string())
    assert np.array_equal(model.probability(X)[:50], model.probability(X[:50]))
    assert model.probability(X[:0]).shape == (0,)


def test_files_give_the_same_model_and_the_same_bytes():
    rng = np.random.default_rng(6)
    X, y = data(rng)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    model = TreesModel.of_forest(arrays(forest), X.shape[1])
    again = TreesModel.from_files(model.to_files())
    assert again.to_files() == model.to_files()
    assert np.array_equal(again.probability(X), model.probability(X))
    with pytest.raises(BundleError, match=r"model.txt is missing"):
        TreesModel.from_files({"model.json": model.to_files()["model.json"]})


def test_threads_do_not_disturb_each_other():
    rng = np.random.default_rng(7)
    X, y = data(rng)
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, y), 30)
    model = TreesModel.of_lightgbm(booster.model_to_string())
    row, rows, expected = model.row(), X.tolist(), model.probability(X).tolist()
    wrong: list[int] = []

    def work(start: int) -> None:
        order = [i % len(rows) for i in range(start, len(rows) * 5, 3)]
        wrong.extend(i for i in order if row(rows[i]) != expected[i])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_row_function_outlives_its_model():
    rng = np.random.default_rng(8)
    X, y = data(rng)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    model = TreesModel.of_forest(arrays(forest), X.shape[1])
    row, expected = model.row(), float(model.probability(X[:1])[0])
    del model
    gc.collect()
    assert row(X[0].tolist()) == expected
    for _ in range(200):
        TreesModel.of_forest(arrays(forest), X.shape[1]).row()
    gc.collect()


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_text_is_refused_or_still_a_tree(data_):
    """Whatever is done to the text, the library is never led beyond its arrays."""
    text = TEXT
    for _ in range(data_.draw(st.integers(1, 3))):
        at = data_.draw(st.integers(0, len(text) - 1))
        end = at + data_.draw(st.sampled_from([0, 1, 1, 1, 5]))
        text = (
            text[:at]
            + data_.draw(st.sampled_from(["", "9", "-1", " ", "=", "\n", "nan", "e9", "Tree=", "77"]))
            + text[end:]
        )
    try:
        model = TreesModel(text)
        model.check(6)
    except BundleError:
        return
    assert model.probability(np.zeros((3, 6))).shape == (3,)


def _text() -> str:
    rng = np.random.default_rng(9)
    X, y = data(rng)
    y = (y + np.isin(X[:, 1], (1, 4)) > 1).astype(int)
    params = {
        "objective": "binary",
        "verbose": -1,
        "num_threads": 1,
        "num_leaves": 4,
        "cat_smooth": 1,
        "min_data_in_leaf": 5,
    }
    booster = lightgbm.train(params, lightgbm.Dataset(X, y, categorical_feature=[1]), 4)
    return TreesModel.of_lightgbm(booster.model_to_string()).text


TEXT = _text()


def resized(text: str) -> str:
    """The text with the sizes of its trees put right."""
    header, *blocks = text.partition("end of trees")[0].split("\nTree=")
    lines = [line for line in header.split("\n") if not line.startswith("tree_sizes")]
    sizes = " ".join(str(len("Tree=" + block.rstrip("\n") + "\n\n\n")) for block in blocks)
    whole = "".join("Tree=" + block.rstrip("\n") + "\n\n\n" for block in blocks)
    return "\n".join(lines).rstrip("\n") + f"\ntree_sizes={sizes}\n\n" + whole + "end of trees\n"


def test_the_check_takes_what_is_whole():
    assert TreesModel(resized(TEXT)).probability(np.zeros((1, 6))) == TreesModel(TEXT).probability(np.zeros((1, 6)))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("num_leaves=4", "num_leaves=5", "4 of 5 values of leaf_value"),
        ("num_leaves=4", "num_leaves=0", "0 leaves"),
        ("left_child=", "left_child=" + "9" * 30, "tree 0 is damaged"),
        ("num_leaves=4", "num_leaves=4\nnum_leaves=4", "twice"),
        ("left_child=", "left_child=7 ", "4 of 3 values of left_child"),
        ("left_child=1", "left_child=0", "do not make a tree"),
        ("max_feature_idx=5", "max_feature_idx=4", "one a column"),
        ("num_class=1", "num_class=3", "more than two classes"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=2", "more than two classes"),
        ("objective=binary", "objective=regression", "not a probability"),
        ("is_linear=0", "is_linear=1", "linear"),
        ("split_feature=1", "split_feature=6", "column that there is not"),
        ("cat_boundaries=0 1", "cat_boundaries=0 9", "1 of 9 values of cat_threshold"),
        ("leaf_value=", "leaf_value=nan ", "leaf_value"),
        ("\nleaf_value=", "\n\nleaf_value=", "empty"),
        ("\nleaf_value=", "\r\nleaf_value=", "plain text"),
        ("threshold=0", "threshold=77", "sets of categories"),
        ("tree\n", "tree\nhello\n", "another version"),
    ],
)
def test_damages_are_named(before, after, said):
    assert before in TEXT
    damaged = resized(TEXT.replace(before, after, 1))
    with pytest.raises(BundleError, match=said):
        TreesModel(damaged)


@pytest.mark.parametrize(
    "text", ["", "tree", "tree\n\nend of trees\n", TEXT[:-20], TEXT + "more", TEXT.replace("Tree=1", "Tre=1")]
)
def test_what_is_no_model_is_refused(text):
    with pytest.raises(BundleError):
        TreesModel(text)


def test_a_text_with_a_null_byte_and_another_width_are_refused():
    with pytest.raises(BundleError, match="plain text"):
        TreesModel(TEXT.replace("version=v4", "version=v4\0"))
    with pytest.raises(BundleError, match="read 6 columns, the encoder makes 5"):
        TreesModel(TEXT).check(5)
    with pytest.raises(BundleError, match="no end of trees"):
        TreesModel.of_lightgbm("tree")
    with pytest.raises(BundleError, match="without trees"):
        TreesModel.of_forest([], 3)
