"""A small trained model, and a registry that holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from vigie import Campaign, Score, Table
from vigie.definition import Kind
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.registry import ModelVersion, Registry
from vigie.training import TrainingResult, TrainOptions
from vigie.training.record import training_run
from vigie.training.train import train

DAY = 86_400_000_000


@pytest.fixture(scope="session")
def trained() -> TrainingResult:
    rng = np.random.default_rng(0)
    n = 400
    columns = {
        "visits": Values(Kind.NUMBER, np.where(rng.random(n) < 0.1, np.nan, rng.poisson(4, n))),
        "plan": Values.of(Kind.CATEGORY, [None if rng.random() < 0.1 else str(p) for p in rng.choice(["a", "b"], n)]),
        "active": Values(Kind.BOOLEAN, np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 2, n))),
        "since": Values(Kind.TIME, rng.integers(0, 20_000 * DAY, n)),
        "worth": Values(Kind.NUMBER, rng.gamma(4, 30, n)),
    }
    clients = Table("clients", key="id")
    schema = {"clients": {name: values.kind for name, values in columns.items()} | {"left": Kind.BOOLEAN}}
    score = Score(
        "churn",
        outcome=clients["left"] == True,
        features=[clients["visits", "plan", "active", "since"]],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=clients["worth"]),
        description="Which clients will leave?",
    ).bound(schema)
    labels = (rng.random(n) < 1 / (1 + np.exp(np.nan_to_num(columns["visits"].data, nan=4) - 3))).astype(np.int8)
    data = TrainingSet(
        customers=np.array([f"k{i}" for i in range(n)], object),
        moments=np.full(n, 20_000 * DAY),
        features={f"clients_{name}": columns[name] for name in ("visits", "plan", "active", "since")},
        extras={"clients_worth": columns["worth"]},
        labels=labels,
        score=score,
        schema=schema,
        as_of=20_000 * DAY,
        versions={"clients": 7},
        immature=0,
        unknown=0,
    )
    return train(
        data, TrainOptions(models=("lightgbm",), folds=2, threads=1, trials=0, select=False, code_version="abc123")
    )


@dataclass
class Home:
    registry: Registry
    folder: Path
    first: ModelVersion
    second: ModelVersion


@pytest.fixture(scope="session")
def home(trained: TrainingResult, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two versions: the champion with a report, and one that no alias points at."""
    folder = tmp_path_factory.mktemp("registry")
    report = folder / "written.html"
    report.write_text("<html>report</html>")
    registry = Registry(f"sqlite:///{folder}/state/mlflow.db", folder / "artifacts")
    first = registry.log(training_run(trained, files={"report/report.html": report}, started=1_700_000_000_000_000))
    other = replace(trained, bundle=replace(trained.bundle, title="another"))
    second = registry.log(training_run(other), alias=None)
    return Home(registry, folder, first, second)
