"""The constant, the linear and the rule's model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from vigie.bundle import ConstantModel, LinearModel, RuleModel, rule_matrix
from vigie.definition import Kind
from vigie.errors import BundleError
from vigie.features.values import Values


def test_logistic_regression_gives_the_probabilities_of_scikit_learn():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 40)) * 3
    y = (X[:, 0] + rng.normal(size=500) > 0).astype(int)
    regression = LogisticRegression(C=100, max_iter=500).fit(X, y)
    model = LinearModel(tuple(regression.coef_[0].tolist()), float(regression.intercept_[0]))
    found, row = model.probability(X), model.row()
    assert np.abs(found - regression.predict_proba(X)[:, 1]).max() <= 1e-12
    assert [row(values) for values in X.tolist()] == found.tolist()
    assert LinearModel.from_files(model.to_files()) == model


@given(st.data())
def test_a_linear_model_gives_one_row_what_it_gives_many(data):
    width = data.draw(st.integers(0, 6))
    line = st.lists(st.floats(-1e6, 1e6), min_size=width, max_size=width)
    model = LinearModel(tuple(data.draw(line)), data.draw(st.floats(-10, 10)))
    lines = data.draw(st.lists(line, min_size=1, max_size=9))
    X = np.array(lines, dtype=float).reshape(len(lines), width)
    row, found = model.row(), model.probability(X)
    assert [row(values) for values in X.tolist()] == found.tolist()
    model.check(width)


def test_what_does_not_fit_is_refused():
    with pytest.raises(BundleError, match="2 weights for 3 columns"):
        LinearModel((1.0, 2.0), 0.0).check(3)
    with pytest.raises(BundleError, match="not a finite number"):
        LinearModel((float("nan"),), 0.0).check(1)
    with pytest.raises(BundleError, match="not a probability"):
        ConstantModel(1.5).check(0)
    with pytest.raises(BundleError, match="cannot be read"):
        ConstantModel.from_files({"model.json": b'{"kind":"constant","share":"much"}'})
    with pytest.raises(BundleError, match="model.json is missing"):
        ConstantModel.from_files({})
    with pytest.raises(BundleError, match="not a score"):
        RuleModel((0.0,), (0.5,), 2.0).check(1)


def test_the_constant_is_the_same_for_everybody():
    model = ConstantModel(0.25)
    assert model.probability(np.zeros((3, 0))).tolist() == [0.25] * 3 == [model.row()([])] * 3
    assert ConstantModel.from_files(model.to_files()) == model


def test_a_condition_scores_one_where_it_holds():
    values = Values.of(Kind.BOOLEAN, [True, False, None])
    model = RuleModel.fit(values)
    assert model.probability(rule_matrix(values)).tolist() == [1.0, 0.0, 0.0]


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9), st.integers(0, 5).map(float)), min_size=1, max_size=40),
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), min_size=1, max_size=20),
)
@example([0.0, 2.225073858507e-311], [None])
def test_a_number_scores_in_its_own_order(training, later):
    model = RuleModel.fit(Values.of(Kind.NUMBER, training))
    model.check(1)
    assert RuleModel.from_files(model.to_files()) == model
    X = rule_matrix(Values.of(Kind.NUMBER, [*training, *later]))
    found, row = model.probability(X), model.row()
    assert [row(values) for values in X.tolist()] == found.tolist()
    known = ~np.isnan(X[:, 0])
    assert (np.diff(found[known][np.argsort(X[known, 0], kind="stable")]) >= -1e-12).all()
    assert (found[~known] == 0).all() and ((found >= 0) & (found <= 1)).all()
