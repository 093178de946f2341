"""A shop's score with features of every kind, extras of the cost matrix, and bundles of every model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pytest
from interpret.glassbox import ExplainableBoostingClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from vigie.bundle import (
    AdditiveModel,
    Bundle,
    Calibration,
    ConstantModel,
    DecisionRule,
    Encoder,
    LinearModel,
    RuleModel,
    TreeArrays,
    TreesModel,
    fit_encoder,
    inputs_of,
    portable_features,
    portable_payoff,
    portable_rule,
    profile_of,
    rule_matrix,
    segment_edges,
    with_golden,
)
from vigie.clock import DAY
from vigie.definition import Campaign, Events, Kind, Score, Table, days, every
from vigie.features.rowwise import evaluate
from vigie.features.values import Values

SCHEMA = {
    "customers": {
        "country": Kind.CATEGORY,
        "born": Kind.TIME,
        "newsletter": Kind.BOOLEAN,
        "clv": Kind.NUMBER,
    },
    "orders": {"amount": Kind.NUMBER},
}
MODELS = ("constant", "rule", "linear", "forest", "boosting", "additive")


def shop_score() -> Score:
    customers = Table("customers", key="id")
    orders = Events("orders", key="id", time="at")
    clv = customers["clv"].named("clv")
    return Score(
        "churn",
        outcome=orders.count(next=days(30)) == 0,
        moments=every("month"),
        features=[
            customers["country"].named("country"),
            customers["born"].named("born"),
            customers["newsletter"].named("newsletter"),
            clv,
            orders.count(days(30, 90)),
            orders["amount"].sum(days(90)).named("spent"),
        ],
        rule=orders.days_since_last() > 60,
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=clv + 5 * orders.count(days(30))),
    ).bound(SCHEMA)


@dataclass(frozen=True, eq=False)
class Shop:
    score: Score
    columns: dict[str, Values]
    labels: np.ndarray

    @property
    def n(self) -> int:
        return len(self.labels)

    @property
    def features(self) -> dict[str, Values]:
        return {f.name: self.columns[f.name] for f in self.score.bound_features}

    def rows(self) -> list[dict[str, Any]]:
        lists = {name: values.to_list() for name, values in self.columns.items()}
        return [{name: values[i] for name, values in lists.items()} for i in range(self.n)]


@pytest.fixture(scope="session")
def shop() -> Shop:
    return make_shop(600)


def make_shop(n: int, seed: int = 0) -> Shop:
    rng = np.random.default_rng(seed)
    recent = rng.poisson(2, n).astype(float)
    spent = np.where(rng.random(n) < 0.2, np.nan, rng.gamma(2, 40, n))
    country = rng.choice(["fr", "de", "it", "lu"], size=n, p=[0.5, 0.3, 0.18, 0.02])
    y = (rng.random(n) < 1 / (1 + np.exp(recent - 1 - (country == "de")))).astype(np.int8)
    columns = {
        "country": Values.of(Kind.CATEGORY, [None if rng.random() < 0.05 else str(c) for c in country]),
        "born": Values.of(
            Kind.TIME, [None if rng.random() < 0.1 else int(d) * DAY for d in rng.integers(-9000, 12000, n)]
        ),
        "newsletter": Values(Kind.BOOLEAN, np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 2, n).astype(float))),
        "clv": Values(Kind.NUMBER, rng.gamma(2, 80, n)),
        "orders_count_30d": Values(Kind.NUMBER, recent),
        "orders_count_90d": Values(Kind.NUMBER, recent + rng.poisson(3, n)),
        "spent": Values(Kind.NUMBER, spent),
        "orders_days_since_last": Values(Kind.NUMBER, np.where(recent == 0, np.nan, rng.uniform(0, 90, n))),
    }
    return Shop(shop_score(), columns, y)


@pytest.fixture(scope="session")
def fitted(shop: Shop) -> dict[str, tuple[Encoder, Any, np.ndarray]]:
    """Encoder, portable model and the training library's probabilities, by model."""
    y, features = shop.labels, shop.features
    found: dict[str, tuple[Encoder, Any, np.ndarray]] = {
        "constant": (Encoder(), ConstantModel(float(y.mean())), np.full(shop.n, y.mean()))
    }
    rule = evaluate(shop.score.rule, shop.columns, shop.n)
    by_rule = RuleModel.fit(rule)
    found["rule"] = (Encoder(), by_rule, by_rule.probability(rule_matrix(rule)))

    linear = fit_encoder(features, y, style="linear")
    X = linear.transform(features)
    regression = LogisticRegression(max_iter=1000).fit(X, y)
    found["linear"] = (
        linear,
        LinearModel(tuple(regression.coef_[0].tolist()), float(regression.intercept_[0])),
        regression.predict_proba(X)[:, 1],
    )

    tree = fit_encoder(features, y, style="tree")
    X = tree.transform(features)
    forest = RandomForestClassifier(30, random_state=0, n_jobs=1).fit(X, y)
    arrays = [
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
    found["forest"] = (tree, TreesModel.of_forest(arrays, X.shape[1]), forest.predict_proba(X)[:, 1])
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True}
    booster = lightgbm.train(params, lightgbm.Dataset(X, y, categorical_feature=tree.categorical()), 40)
    found["boosting"] = (tree, TreesModel.of_lightgbm(booster.model_to_string()), booster.predict(X))

    additive = fit_encoder(features, y, style="additive")
    X = additive.transform(features)
    types = ["nominal" if i in additive.categorical() else "continuous" for i in range(X.shape[1])]
    machine = ExplainableBoostingClassifier(
        feature_types=types, interactions=3, outer_bags=2, max_rounds=50, n_jobs=1, random_state=0
    ).fit(X, y)
    found["additive"] = (
        additive,
        AdditiveModel.of(machine.bins_, machine.term_features_, machine.term_scores_, machine.intercept_),
        machine.predict_proba(X)[:, 1],
    )
    return found


@pytest.fixture(scope="session")
def bundles(shop: Shop, fitted: dict[str, Any]) -> dict[str, Bundle]:
    return {name: make_bundle(shop, *fitted[name]) for name in MODELS}


def make_bundle(shop: Shop, encoder: Encoder, model: Any, probability: np.ndarray) -> Bundle:
    bundle = Bundle(
        score_name=shop.score.name,
        title="Which customers leave?",
        inputs=inputs_of(shop.score, SCHEMA, shop.columns),
        features=portable_features(shop.score, SCHEMA),
        payoff=portable_payoff(shop.score.decision.payoff()),
        rule=portable_rule(shop.score),
        encoder=encoder,
        model=model,
        calibration=Calibration.sigmoid(0.9, -0.1),
        decision=DecisionRule(min_gain=0.0, request_min_gain=2.5, capacity=100, act="contact", positive="churns"),
        segments=segment_edges(probability),
        profile=profile_of(shop.features, probability),
        lineage={"as_of": 17, "seed": 0},
        metrics={"auc": 0.8},
    )
    return with_golden(bundle, shop.columns)
