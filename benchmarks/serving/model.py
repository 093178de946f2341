"""The same LightGBM model twice: as a bundle and as a scikit-learn pipeline saved by MLflow.

20 inputs (8 numbers with gaps, 12 categories), 300 trees of 31 leaves. The pipeline only codes the categories, which is
less than most do, so that MLflow's server is not made slower than it must be.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from vigie import Campaign, Score, Table
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
from vigie.definition import Kind
from vigie.features.values import Values

NUMBERS = [f"number_{i}" for i in range(8)]
CATEGORIES = {f"category_{i}": [f"level {chr(97 + j)}" for j in range(2 + i % 4)] for i in range(12)}
ROWS = 20_000


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


def save(folder: Path) -> tuple[list[dict[str, Any]], list[float]]:
    """Writes ``folder/bundle`` and ``folder/mlflow``; returns customers to ask for and their probabilities."""
    X, y = frame(ROWS, seed=0)
    names = {f"customers_{column}": column for column in X.columns}
    X.columns = pd.Index(list(names))
    numbers, categories = [c for c in names if "number" in c], [c for c in names if "category" in c]
    columns = {name: Values.of(Kind.NUMBER, X[name].tolist()) for name in numbers}
    columns |= {name: Values.of(Kind.CATEGORY, X[name].tolist()) for name in categories}
    encoder = fit_encoder(columns, y, style="tree")
    coded = [column for column in encoder.columns if isinstance(column, CategoryColumn)]
    orders = [[level for _, level in sorted(zip(one.codes, one.kept, strict=True))] for one in coded]
    pipeline = Pipeline(
        [
            (
                "code",
                ColumnTransformer(
                    [("numbers", "passthrough", numbers), ("categories", OrdinalEncoder(categories=orders), categories)]
                ),
            ),
            ("model", lightgbm.LGBMClassifier(n_estimators=300, num_leaves=31, random_state=0, n_jobs=1, verbose=-1)),
        ]
    ).fit(X, y)
    asked, _ = frame(500, seed=1)
    asked.columns = X.columns
    expected = pipeline.predict_proba(asked)[:, 1]
    mlflow.sklearn.save_model(
        pipeline,
        str(folder / "mlflow"),
        signature=infer_signature(X, pipeline.predict_proba(X[:5])),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    booster = pipeline.named_steps["model"].booster_
    _write_bundle(folder / "bundle", columns, encoder, booster.model_to_string(), list(names.values()))
    rows = [{k: None if v != v else v for k, v in row.items()} for row in asked.to_dict("records")]
    return rows, expected.tolist()


def _write_bundle(folder: Path, columns: dict[str, Values], encoder: Any, trees: str, names: list[str]) -> None:
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
        model=TreesModel.of_lightgbm(trees),
        decision=DecisionRule(act="contact"),
    )
    p = Scorer(bundle).probability(columns, ROWS)
    write_bundle(
        with_golden(replace(bundle, segments=segment_edges(p), profile=profile_of(columns, p)), columns), folder
    )
