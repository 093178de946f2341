"""The explainable boosting machine gives what InterpretML gave."""

from __future__ import annotations

import numpy as np
import pytest
from interpret.glassbox import ExplainableBoostingClassifier

from vigie.bundle import AdditiveModel, fit_encoder
from vigie.definition import Kind
from vigie.errors import BundleError
from vigie.features.values import Values


def columns(rng, n):
    number = rng.normal(size=n)
    number[rng.random(n) < 0.15] = np.nan
    texts = rng.choice(["a", "b", "c", "rare"], size=n, p=[0.5, 0.3, 0.19, 0.01])
    categories = [None if rng.random() < 0.1 else str(text) for text in texts]
    return {
        "number": Values.of(Kind.NUMBER, number.tolist()),
        "count": Values(Kind.NUMBER, rng.poisson(2, n).astype(float)),
        "category": Values.of(Kind.CATEGORY, categories),
        "flag": Values(Kind.BOOLEAN, np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 2, n))),
        "whole": Values.of(Kind.CATEGORY, rng.choice(["x", "y"], size=n).tolist()),
        "noise": Values(Kind.NUMBER, rng.normal(size=n)),
    }


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    given = columns(rng, 1500)
    x, c = np.nan_to_num(given["number"].data), given["category"].data
    y = (x * (c == 1) + given["count"].data / 3 + np.isnan(given["flag"].data) + rng.normal(size=1500) > 1).astype(int)
    encoder = fit_encoder(given, y, style="additive")
    X = encoder.transform(given)
    types = ["nominal" if i in encoder.categorical() else "continuous" for i in range(X.shape[1])]
    machine = ExplainableBoostingClassifier(
        feature_types=types, interactions=6, outer_bags=2, max_rounds=80, n_jobs=1, random_state=0
    ).fit(X, y)
    model = AdditiveModel.of(machine.bins_, machine.term_features_, machine.term_scores_, machine.intercept_)
    return machine, model, encoder, X


def test_probabilities_are_those_of_the_machine(fitted):
    machine, model, encoder, X = fitted
    assert any(len(term.features) == 2 for term in model.terms)
    rng = np.random.default_rng(1)
    cuts = np.concatenate([level for levels in machine.bins_ for level in levels if isinstance(level, np.ndarray)])
    on = np.repeat(np.concatenate([cuts, np.nextafter(cuts, np.inf), np.nextafter(cuts, -np.inf)])[:, None], 6, axis=1)
    codes = encoder.categorical()
    on[:, codes] = rng.integers(0, 3, (len(on), len(codes)))
    extremes = np.array([[np.nan] * 6, [1e38, 0, 1, 0, 1, 1e38], [-1e38, 0, 9, 1, 7, -1e38]])
    for rows in (X, encoder.transform(columns(rng, 500)), on, extremes):
        found = model.probability(rows)
        assert np.abs(found - machine.predict_proba(rows)[:, 1]).max() <= 1e-9
        row = model.row()
        assert [row(values) for values in rows.tolist()] == found.tolist()


def test_files_give_the_same_model_and_the_same_bytes(fitted):
    _, model, _, X = fitted
    model.check(6)
    again = AdditiveModel.from_files(model.to_files())
    assert again == model and again.to_files() == model.to_files()
    assert np.array_equal(again.probability(X), model.probability(X))


def test_a_code_never_seen_counts_as_unknown(fitted):
    _, model, encoder, X = fitted
    rows = np.repeat(X[:1], 3, axis=0)
    rows[:, encoder.categorical()[0]] = [50, -1, 0.5]
    found = model.probability(rows)
    assert found[0] == found[1] == found[2]
    row = model.row()
    assert [row(values) for values in rows.tolist()] == found.tolist()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b'"features":[0]', b'"features":[9]', "reads a column"),
        (b'"bins":[0]', b'"bins":[5]', "reads a column or bins"),
        (b'"scores":[', b'"scores":[0.5,', "scores for"),
        (b'"cuts":[', b'"cuts":[1e9,', "out of order"),
        (b'"kind"', b'"kin"', "cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused(fitted, before, after, said):
    content = fitted[1].to_files()["model.json"]
    assert before in content
    with pytest.raises(BundleError, match=said):
        AdditiveModel.from_files({"model.json": content.replace(before, after, 1)}).check(6)


def test_another_width_is_refused(fitted):
    with pytest.raises(BundleError, match="6 columns for 5"):
        fitted[1].check(5)
