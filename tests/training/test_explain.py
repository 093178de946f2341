"""Global explanations of models whose truth is known, and of every kind of model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest

from vigie import Campaign, Score, Table
from vigie.bundle import (
    Bundle,
    Calibration,
    ConstantModel,
    Encoder,
    Explainer,
    LinearModel,
    Scorer,
    TreesModel,
    fit_encoder,
    inputs_of,
    portable_features,
    portable_payoff,
)
from vigie.clock import DAY
from vigie.definition import Kind
from vigie.features.values import Values
from vigie.training.evidence import Explanation
from vigie.training.explain import explain
from vigie.training.explain.dependence import POINTS

N = 1_500
KINDS = {
    "a": Kind.NUMBER,
    "b": Kind.NUMBER,
    "noise": Kind.NUMBER,
    "when": Kind.TIME,
    "kind": Kind.CATEGORY,
    "flag": Kind.BOOLEAN,
}


def make_columns(seed: int = 0) -> dict[str, Values]:
    r = np.random.default_rng(seed)
    return {
        "t_a": Values(Kind.NUMBER, np.where(r.random(N) < 0.05, np.nan, r.normal(size=N))),
        "t_b": Values(Kind.NUMBER, r.integers(0, 5, N).astype(float)),
        "t_noise": Values(Kind.NUMBER, r.normal(size=N)),
        "t_when": Values(Kind.TIME, r.integers(0, 4000, N) * DAY),
        "t_kind": Values(Kind.CATEGORY, r.choice([-1, 0, 1, 2], N, p=[0.1, 0.5, 0.3, 0.1]).astype(np.int32), ("x", "y", "z")),
        "t_flag": Values(Kind.BOOLEAN, r.integers(0, 2, N).astype(float)),
    }  # fmt: skip


def bundle_of(
    make: Callable[[Encoder, np.ndarray, np.ndarray], Any], style: Any, truth: Callable[..., np.ndarray]
) -> Bundle:
    columns, table = make_columns(), Table("t", key="id")
    schema = {"t": {**KINDS, "id": Kind.CATEGORY, "left": Kind.BOOLEAN}}
    score = Score(
        "churn",
        outcome=table["left"] == True,
        features=[table[tuple(KINDS)]],
        decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.5, customer_value=100),
    ).bound(schema)
    z = truth(np.nan_to_num(columns["t_a"].data), columns["t_b"].data, columns["t_kind"].data, columns["t_flag"].data)
    y = (np.random.default_rng(1).random(N) < 1 / (1 + np.exp(-z))).astype(np.int8)
    encoder = fit_encoder(columns, y, style=style)
    return Bundle(
        score_name="churn",
        title="Who leaves?",
        inputs=inputs_of(score, schema, columns),
        features=portable_features(score, schema),
        payoff=portable_payoff(score.decision.payoff()),
        encoder=encoder,
        model=make(encoder, encoder.transform(columns, N), y),
        calibration=Calibration.sigmoid(1.2, 0.1),
    )


def boosted(_: Encoder, X: np.ndarray, y: np.ndarray) -> TreesModel:
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 8, "seed": 0, "deterministic": True}
    return TreesModel.of_lightgbm(lightgbm.train(params, lightgbm.Dataset(X, y), 60).model_to_string())


def linear(encoder: Encoder, X: np.ndarray, y: np.ndarray) -> LinearModel:
    weights = [{"t_a": 1.5, "t_flag": -0.7}.get(name, 0.0) for name in encoder.feature_names()]
    return LinearModel(tuple(weights), -0.3, tuple(X.mean(axis=0).tolist()))


def interacting(a: np.ndarray, b: np.ndarray, kind: np.ndarray, flag: np.ndarray) -> np.ndarray:
    return np.asarray(3 * a * (2 * flag - 1) + 0.6 * b + 2.0 * (kind == 2))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return bundle_of(boosted, "tree", interacting)


@pytest.fixture(scope="module")
def explanation(bundle: Bundle) -> Explanation:
    return explain(bundle, make_columns(), N, seed=0)


def test_what_matters_comes_first_and_noise_last(explanation: Explanation) -> None:
    names = [found.feature for found in explanation.importance]
    assert sorted(names) == sorted(make_columns())
    assert set(names[:2]) <= {"t_a", "t_flag", "t_b"}
    assert set(names[-2:]) == {"t_noise", "t_when"}
    means = [found.mean for found in explanation.importance]
    assert means == sorted(means, reverse=True)
    direction = {found.feature: found.direction for found in explanation.importance}
    assert direction["t_b"] > 0.8
    assert math.isnan(direction["t_kind"])
    assert (explanation.scale, explanation.rows) == ("log_odds", N)


def test_a_mean_contribution_is_that_of_the_rows(bundle: Bundle, explanation: Explanation) -> None:
    columns = make_columns()
    explainer = Explainer(bundle)
    found = np.abs(explainer.matrix(columns, N)[:, :-1]).mean(axis=0)
    expected = dict(zip(explainer.features, found, strict=True))
    assert {one.feature: one.mean for one in explanation.importance} == pytest.approx(expected)


def test_a_dependence_is_the_mean_probability_with_everybody_set(bundle: Bundle, explanation: Explanation) -> None:
    (b,) = [one for one in explanation.dependences if one.feature == "t_b"]
    assert b.points == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert np.all(np.diff(b.probability) > 0)
    assert b.share.sum() == pytest.approx(1)
    assert np.all((b.low <= b.probability) & (b.probability <= b.high))
    (a,) = [one for one in explanation.dependences if one.feature == "t_a"]
    assert len(a.points) == POINTS and list(a.points) == sorted(a.points)
    assert a.share.sum() == pytest.approx(1 - np.isnan(make_columns()["t_a"].data).mean())
    scorer, columns = Scorer(bundle), make_columns()
    everybody = {**columns, "t_b": Values(Kind.NUMBER, np.full(N, 3.0))}
    assert b.probability[3] == pytest.approx(scorer.probability(everybody, N).mean(), abs=0.03)


def test_categories_conditions_and_dates_have_names(explanation: Explanation) -> None:
    points = {one.feature: one.points for one in explanation.dependences}
    assert points["t_kind"] == ("x", "y", "z", "missing")
    assert points["t_flag"] == ("no", "yes")
    assert all(len(str(point)) == 10 for point in points.get("t_when", ()))
    (kind,) = [one for one in explanation.dependences if one.feature == "t_kind"]
    assert kind.probability[2] == kind.probability.max()
    assert kind.share.sum() == pytest.approx(1)


def test_the_pair_that_acts_together_is_found(explanation: Explanation) -> None:
    first, second = explanation.interactions[:2]
    assert {first.one, first.other} == {"t_a", "t_flag"}
    assert first.strength > 0.5 > 2 * second.strength
    assert all(0 <= pair.strength <= 1 for pair in explanation.interactions)


@pytest.mark.parametrize(
    "calibration", [Calibration(), Calibration.isotonic(np.array([0.0, 0.4, 1]), np.array([0, 0.1, 1]))]
)
def test_a_model_that_adds_up_has_no_interactions(calibration: Calibration) -> None:
    bundle = replace(bundle_of(linear, "linear", interacting), calibration=calibration)
    found = explain(bundle, make_columns(), N, seed=0)
    assert [one.feature for one in found.importance[:2]] == ["t_a", "t_flag"]
    assert found.interactions
    assert all(pair.strength < 1e-9 for pair in found.interactions)
    assert {one.feature for one in found.dependences} == {"t_a", "t_flag"}
    assert [one.direction for one in found.importance[:2]] == pytest.approx([1.0, -1.0])


def test_the_same_seed_gives_the_same_explanation(bundle: Bundle, explanation: Explanation) -> None:
    again, other = explain(bundle, make_columns(), N, seed=0), explain(bundle, make_columns(), N, seed=5)
    assert again.importance == explanation.importance
    assert again.interactions == explanation.interactions
    for one, two in zip(again.dependences, explanation.dependences, strict=True):
        np.testing.assert_array_equal(one.probability, two.probability)
    assert other.interactions != explanation.interactions


def test_a_model_of_nothing_is_explained_by_nothing() -> None:
    bundle = replace(bundle_of(linear, "linear", interacting), encoder=Encoder(), model=ConstantModel(0.3))
    found = explain(bundle, make_columns(), N, seed=0)
    assert (found.importance, found.dependences, found.interactions) == ((), (), ())


def test_large_trees_are_looked_at_in_fewer_rows(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigie.training.explain.whole.QUICK_NODES", 1)
    found = explain(bundle, make_columns(), N, seed=0)
    assert found.rows == 300
    assert {found.importance[0].feature, found.importance[1].feature} <= {"t_a", "t_flag", "t_b"}
