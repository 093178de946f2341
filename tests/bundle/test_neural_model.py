"""A network gives scikit-learn's probabilities, one row what it gives many, and reasons that add up."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier

from vigie.bundle import NeuralModel
from vigie.bundle.logistic import log_odds, logistic
from vigie.errors import BundleError

NUMBER = st.floats(-1e3, 1e3)


def drawn(data: st.DataObject) -> tuple[NeuralModel, np.ndarray]:
    width, units, n = (data.draw(st.integers(1, most)) for most in (5, 6, 7))

    def array(*shape: int) -> np.ndarray:
        size = int(np.prod(shape))
        return np.array(data.draw(st.lists(NUMBER, min_size=size, max_size=size)), dtype=float).reshape(shape)

    model = NeuralModel(array(width, units), array(units), array(units) / 1e3, float(array(1)[0]) / 1e3, array(width))
    model.check(width)
    return model, array(n, width)


def line_integral(model: NeuralModel, row: np.ndarray, points: int = 20_000) -> np.ndarray:
    """Integrated gradients by the midpoint rule."""
    at = (np.arange(points) + 0.5) / points
    path = model.baseline + at[:, None] * (row - model.baseline)
    active = (path @ model.hidden + model.hidden_offset) > 0
    return (row - model.baseline) * ((active * model.output).mean(axis=0) @ model.hidden.T)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_networks_averaged_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 9))
    y = (X[:, 0] * X[:, 1] + rng.normal(size=900) > 0).astype(int)
    nets = [MLPClassifier((7,), max_iter=20, n_iter_no_change=20, random_state=i).fit(X, y) for i in range(3)]
    model = NeuralModel.averaged(
        [(net.coefs_[0], net.intercepts_[0], net.coefs_[1][:, 0], float(net.intercepts_[1][0])) for net in nets],
        X.mean(axis=0),
    )
    probe = np.vstack([X, X * 50, np.zeros((1, 9))])
    for net in nets:
        net.out_activation_ = "identity"
    expected = logistic(np.mean([net.predict_proba(probe)[:, 1] for net in nets], axis=0))
    assert np.abs(model.probability(probe) - expected).max() <= 1e-12
    assert model.output.shape == (21,)


@given(st.data())
def test_one_row_is_answered_as_many_are_to_the_bit(data):
    model, X = drawn(data)
    found, row = model.probability(X), model.row()
    assert [row(values) for values in X.tolist()] == found.tolist()
    assert model.probability(X[::-1])[::-1].tolist() == found.tolist()


def test_rows_beyond_one_slab_are_answered_alike():
    rng = np.random.default_rng(1)
    model = NeuralModel(rng.normal(size=(4, 300)), rng.normal(size=300), rng.normal(size=300) / 50, 0.1, np.zeros(4))
    X = rng.normal(size=(2_000, 4))  # a slab is 873 of these
    found, row = model.probability(X), model.row()
    assert [row(values) for values in X[860:890].tolist()] == found[860:890].tolist()
    assert model.probability(X[:0]).shape == (0,)
    assert np.abs(model.contributions(X).sum(axis=1) - log_odds(found)).max() <= 1e-9


@given(st.data())
def test_contributions_add_up_to_the_log_odds(data):
    model, X = drawn(data)
    found, row = model.contributions(X), model.contribution_row()
    z = np.maximum(X @ model.hidden + model.hidden_offset, 0) @ model.output + model.output_offset
    size = max(1.0, float((np.maximum(np.abs(X) @ np.abs(model.hidden), 1) @ np.abs(model.output)).max()))
    assert np.abs(found.sum(axis=1) - z).max() <= 1e-12 * size * 100
    assert np.unique(found[:, -1]).size == 1
    assert np.allclose([row(values) for values in X.tolist()], found, rtol=1e-9, atol=1e-9 * size)
    at_base = model.contributions(model.baseline[None, :])[0]
    assert not at_base[:-1].any()


@settings(max_examples=25)
@given(st.data())
def test_contributions_are_the_integral_of_the_gradient_along_the_line(data):
    model, X = drawn(data)
    found = model.contributions(X[:1])[0, :-1]
    # Each unit switches once, so the midpoint rule is off by at most one of its steps for each.
    reach = np.abs(X[0] - model.baseline) * (np.abs(model.hidden) @ np.abs(model.output))
    assert (np.abs(found - line_integral(model, X[0])) <= 1e-4 * reach + 1e-6).all()


def test_files_give_the_same_model_and_the_same_bytes():
    rng = np.random.default_rng(2)
    model = NeuralModel(rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=5), 0.25, rng.normal(size=3))
    again = NeuralModel.from_files(model.to_files())
    X = rng.normal(size=(20, 3))
    assert again.to_files() == model.to_files()
    assert np.array_equal(again.probability(X), model.probability(X))
    assert np.array_equal(again.contributions(X), model.contributions(X))
    again.check(3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden": [[1.0, 2.0], [1.0]]}, "does not have 2 weights"),
        ({"hidden": [[1.0, 2.0]]}, "1 × 2 weights for 2 columns"),
        ({"hidden": []}, "0 × 2 weights"),
        ({"hidden_offset": [1.0]}, "not one a unit"),
        ({"baseline": [1.0]}, "not one a unit or column"),
        ({"output": [1.0, None]}, "cannot be read"),
        ({"output": []}, "does not have 0 weights"),
        ({"more": 1}, "cannot be read"),
    ],
)
def test_damages_are_named(change, said):
    model = NeuralModel(np.ones((2, 2)), np.zeros(2), np.ones(2), 0.0, np.zeros(2))
    data = {**msgspec.json.decode(model.to_files()["model.json"]), **change}
    with pytest.raises(BundleError, match=said):
        NeuralModel.from_files({"model.json": msgspec.json.encode(data)}).check(2)


def test_a_weight_that_is_no_number_is_refused():
    bad = np.array([[1.0, np.inf], [0.0, 0.0]])
    with pytest.raises(BundleError, match="not a finite number"):
        NeuralModel(bad, np.zeros(2), np.ones(2), 0.0, np.zeros(2)).check(2)
    with pytest.raises(BundleError, match=r"model.json is missing"):
        NeuralModel.from_files({})
