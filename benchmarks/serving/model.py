"""The models that are served: each as a bundle and as a scikit-learn pipeline, saved by joblib and, one of them, by MLflow.

20 inputs (8 numbers with gaps, 12 categories). LightGBM: 300 trees of 31 leaves. Forest: 300 trees of depth 12. The pipelines
only code the categories, which is less than most do, so that other servers are not made slower than they must be. *By id*: the
same LightGBM over 20 window features of 2,000 customers with 200 events each, held in SQLite.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from vigie import Campaign, Events, Score, Table, days, every
from vigie.bundle import (
    Bundle,
    CategoryColumn,
    DecisionRule,
    Scorer,
    TreesModel,
    fit_encoder,
    inputs_of,
    portable_features,
    portable_payoff,
    profile_of,
    segment_edges,
    with_golden,
    write_bundle,
)
from vigie.clock import DAY, SystemClock
from vigie.definition import Kind
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.lookup import Lookup
from vigie.features.online.needs import holdings_of
from vigie.features.online.open_store import open_store
from vigie.features.values import Values
from vigie.training.candidates.random_forest import arrays_of

NUMBERS = [f"number_{i}" for i in range(8)]
CATEGORIES = {f"category_{i}": [f"level {chr(97 + j)}" for j in range(2 + i % 4)] for i in range(12)}
ROWS = 20_000
SHOPPERS, EVENTS = 2_000, 200
SCHEMA = {"orders": {"amount": Kind.NUMBER}}
_orders = Events("orders", key="customer_id", time="at", id="order_id")
SHOP = Score(
    "shop",
    moments=every("month"),
    outcome=_orders.count(next=days(30)) == 0,
    features=[
        feature
        for window in (days(7), days(30), days(90), days(365))
        for feature in (
            _orders.count(window),
            _orders["amount"].sum(window),
            _orders["amount"].mean(window),
            _orders["amount"].max(window),
            _orders.days_since_last(window),
        )
    ],
    decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
).bound(SCHEMA)


def frame(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Customers, and whether each left."""
    r = np.random.default_rng(seed)
    data: dict[str, Any] = {name: np.round(r.gamma(2.0, 20.0, rows), 2) for name in NUMBERS}
    codes = {name: r.integers(0, len(levels), rows) for name, levels in CATEGORIES.items()}
    z = -1.5 + 0.02 * data["number_0"] - 0.01 * data["number_1"] + 0.5 * codes["category_3"]
    z = z - 0.4 * codes["category_1"] * (data["number_2"] > 30)
    for name in NUMBERS[3:5]:
        data[name][r.random(rows) < 0.05] = np.nan
    for name, levels in CATEGORIES.items():
        data[name] = np.array(levels, dtype=object)[codes[name]]
    return pd.DataFrame(data), (r.random(rows) < 1 / (1 + np.exp(-z))).astype(np.int8)


def save(folder: Path, *, forest: bool = False) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """Writes ``lightgbm``, with *forest* also ``forest`` (bundles), their ``*.joblib`` and ``mlflow`` into *folder*.

    Returns:
        Customers to ask for, and their probabilities by ``"lightgbm"`` and ``"forest"``.
    """
    X, y = frame(ROWS, seed=0)
    names = {f"customers_{column}": column for column in X.columns}
    X.columns = pd.Index(list(names))
    numbers, categories = [c for c in names if "number" in c], [c for c in names if "category" in c]
    columns = {name: Values.of(Kind.NUMBER, X[name].tolist()) for name in numbers}
    columns |= {name: Values.of(Kind.CATEGORY, X[name].tolist()) for name in categories}
    encoder = fit_encoder(columns, y, style="tree")
    coded = [column for column in encoder.columns if isinstance(column, CategoryColumn)]
    orders = [[level for _, level in sorted(zip(one.codes, one.kept, strict=True))] for one in coded]
    learners: dict[str, Any] = {
        "lightgbm": lightgbm.LGBMClassifier(n_estimators=300, num_leaves=31, random_state=0, n_jobs=1, verbose=-1)
    }
    if forest:
        learners["forest"] = RandomForestClassifier(300, max_depth=12, random_state=0, n_jobs=1)
    # Without gaps: not every server can be told of a missing number.
    asked = frame(700, seed=1)[0].dropna().head(500)
    asked.columns = X.columns
    expected: dict[str, list[float]] = {}
    for name, learner in learners.items():
        code = ColumnTransformer(
            [("numbers", "passthrough", numbers), ("categories", OrdinalEncoder(categories=orders), categories)]
        )
        pipeline = Pipeline([("code", code), ("model", learner)]).fit(X, y)
        expected[name] = pipeline.predict_proba(asked)[:, 1].tolist()
        joblib.dump(pipeline, folder / f"{name}.joblib")
        if name == "lightgbm":
            mlflow.sklearn.save_model(
                pipeline,
                str(folder / "mlflow"),
                signature=infer_signature(X, pipeline.predict_proba(X[:5])),
                pyfunc_predict_fn="predict_proba",
                serialization_format="cloudpickle",
            )
        _write_bundle(folder / name, columns, encoder, _portable(learner), list(names.values()))
    return asked.to_dict("records"), expected


def _portable(learner: Any) -> TreesModel:
    """The same trees as a bundle has them."""
    if isinstance(learner, lightgbm.LGBMClassifier):
        return TreesModel.of_lightgbm(learner.booster_.model_to_string())
    return TreesModel.of_forest([arrays_of(one.tree_) for one in learner.estimators_], learner.n_features_in_)


def save_by_id(folder: Path) -> list[str]:
    """Writes ``by_id``, a bundle over window features, and ``online.db`` into *folder*; returns customers to ask for."""
    now = SystemClock().now()
    looked = lookup(folder)
    r = np.random.default_rng(0)
    for first in range(0, SHOPPERS, 500):
        keys = np.tile(np.arange(first, first + 500), EVENTS)
        n = len(keys)
        amounts = Values(Kind.NUMBER, np.round(r.gamma(2.0, 20.0, n), 2))
        ids = [str(i) for i in range(first * EVENTS, first * EVENTS + n)]
        arrived = Arrivals([str(k) for k in keys], now - r.integers(1, 370 * DAY, n), {"amount": amounts}, ids)
        looked._histories.put("orders", arrived)
    customers = [str(i) for i in range(SHOPPERS)]
    columns = looked.features(customers, now).features
    y = (r.random(SHOPPERS) < 1 / (1 + np.exp(columns[next(iter(columns))].data - 4))).astype(np.int8)
    encoder = fit_encoder(columns, y, style="tree")
    learner = lightgbm.LGBMClassifier(n_estimators=300, num_leaves=31, random_state=0, n_jobs=1, verbose=-1)
    learner.fit(encoder.transform(columns), y)
    bundle = Bundle(
        score_name="shop",
        title="Who will order again?",
        inputs=inputs_of(SHOP, SCHEMA, columns),
        features=portable_features(SHOP, SCHEMA),
        payoff=portable_payoff(SHOP.decision.payoff()),
        encoder=encoder,
        model=_portable(learner),
        decision=DecisionRule(act="contact"),
    )
    _finish(folder / "by_id", bundle, columns, SHOPPERS)
    looked._histories.store.close()
    return [str(i) for i in r.permutation(SHOPPERS)]


def lookup(folder: Path) -> Lookup:
    """Inputs by customer id, computed from the histories in ``folder/online.db`` at the moment of a request."""
    store = open_store(f"sqlite:///{folder / 'online.db'}", "benchmark", default=folder / "online.db")
    histories = OnlineHistories(store, holdings_of(SHOP, SCHEMA), keep=7 * DAY, clock=SystemClock())
    return Lookup(SHOP, SCHEMA, histories)


def _write_bundle(folder: Path, columns: dict[str, Values], encoder: Any, model: TreesModel, names: list[str]) -> None:
    customers = Table("customers", key="id")
    schema = {
        "customers": {
            "id": Kind.CATEGORY,
            "left": Kind.BOOLEAN,
            **{name: columns[f"customers_{name}"].kind for name in names},
        }
    }
    score = Score(
        "churn",
        outcome=customers["left"] == True,  # noqa: E712
        features=[customers[name] for name in names],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
    ).bound(schema)
    bundle = Bundle(
        score_name="churn",
        title="Which customers will leave?",
        inputs=inputs_of(score, schema, columns),
        features=portable_features(score, schema),
        payoff=portable_payoff(score.decision.payoff()),
        encoder=encoder,
        model=model,
        decision=DecisionRule(act="contact"),
    )
    _finish(folder, bundle, columns, ROWS)


def _finish(folder: Path, bundle: Bundle, columns: Any, rows: int) -> None:
    p = Scorer(bundle).probability(columns, rows)
    whole = replace(bundle, segments=segment_edges(p), profile=profile_of(columns, p))
    write_bundle(with_golden(whole, columns), folder)
