"""A small bundle with every kind of input, an app over it, and callers of the app without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vigie import Campaign, Score, Table, moment
from vigie.bundle import (
    Bundle,
    DecisionRule,
    LinearModel,
    fit_encoder,
    inputs_of,
    load_bundle,
    portable_features,
    portable_payoff,
    profile_of,
    segment_edges,
    with_golden,
    write_bundle,
)
from vigie.clock import FixedClock, parse_moment
from vigie.definition import Kind
from vigie.errors import SourceError
from vigie.features.values import Columns, Values
from vigie.journal import PredictionJournal
from vigie.serving import Served, ServingSettings, create_app

ClientOf = Callable[..., TestClient]
NOW = parse_moment("2026-11-04T10:15:30.25Z")
SCHEMA = {
    "customers": {
        "id": Kind.CATEGORY,
        "age": Kind.NUMBER,
        "country": Kind.CATEGORY,
        "newsletter": Kind.BOOLEAN,
        "since": Kind.TIME,
        "worth": Kind.NUMBER,
        "left": Kind.BOOLEAN,
    }
}
VALUES: dict[str, Any] = {
    "customers_age": 41,
    "customers_country": "FR",
    "customers_newsletter": True,
    "customers_since": "2024-02-29",
    "customers_worth": 250.5,
}


def churn() -> Score:
    customers = Table("customers", key="id")
    return Score(
        "churn",
        outcome=customers["left"] == True,
        features=[customers["age", "country", "newsletter", "since"], moment.month()],
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=customers["worth"]),
        description="Which customers will leave?",
    ).bound(SCHEMA)


def some_columns(n: int = 400) -> dict[str, Values]:
    r = np.random.default_rng(7)
    columns: dict[str, Values] = {
        "customers_age": Values(Kind.NUMBER, np.where(r.random(n) < 0.1, np.nan, r.integers(18, 90, n).astype(float))),
        "customers_country": Values(Kind.CATEGORY, r.integers(-1, 3, n).astype(np.int32), ("BE", "DE", "FR")),
        "customers_newsletter": Values(Kind.BOOLEAN, r.integers(0, 2, n).astype(float)),
        "customers_since": Values(Kind.TIME, r.integers(NOW - 10**15 // 8, NOW, n)),
        "customers_worth": Values(Kind.NUMBER, r.integers(50, 900, n).astype(float)),
    }
    for feature in churn().bound_features:
        if feature.name not in columns:
            columns[feature.name] = Values(Kind.NUMBER, r.integers(1, 13, n).astype(float))
    return columns


def make_bundle() -> Bundle:
    score, columns = churn(), some_columns()
    inputs = inputs_of(score, SCHEMA, columns)
    features = {f.name: columns[f.name] for f in score.bound_features}
    encoder = fit_encoder(features, style="linear")
    weights = tuple(np.random.default_rng(3).normal(0, 0.8, encoder.width).tolist())
    bundle = Bundle(
        score_name="churn",
        title="Which customers will leave?",
        inputs=inputs,
        features=portable_features(score, SCHEMA),
        payoff=portable_payoff(score.decision.payoff()),
        encoder=encoder,
        model=LinearModel(weights, -0.7),
        decision=DecisionRule(act="contact", leave="leave", positive="churns"),
    )
    from vigie.bundle import Scorer

    p = Scorer(bundle).probability(columns, 400)
    bundle = replace(bundle, segments=segment_edges(p), profile=profile_of(features, p))
    return with_golden(bundle, columns)


@dataclass(frozen=True, eq=False)
class Looked:
    features: Columns
    extras: Columns
    known: np.ndarray[Any, Any]


class Base:
    """A provider over the columns above: customer "7" is row 7. "broken" cannot be read."""

    def __init__(self) -> None:
        self.columns = some_columns()
        self.asked: list[tuple[tuple[str, ...], int]] = []
        self.near = False  # whether a look takes no time

    def features(self, customers: Sequence[str], as_of: int) -> Looked:
        self.asked.append((tuple(customers), as_of))
        if "broken" in customers:
            raise SourceError("the lake cannot be read", where="lake", remedy="mount it")
        rows = np.array([int(c) if c.isascii() and c.isdigit() and int(c) < 400 else -1 for c in customers])
        found = {name: values.take(np.maximum(rows, 0)) for name, values in self.columns.items()}
        worth = {"customers_worth": found.pop("customers_worth")}
        return Looked(found, worth, rows >= 0)

    def at_hand(self, customers: Sequence[str], as_of: int) -> list[dict[str, Any] | None] | None:
        if not self.near:
            return None
        found = self.features(customers, as_of)
        lists = {name: values.to_list() for name, values in {**found.features, **found.extras}.items()}
        return [{n: v[i] for n, v in lists.items()} if there else None for i, there in enumerate(found.known)]


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the bundle is written."""
    folder = tmp_path_factory.mktemp("bundle") / "churn"
    write_bundle(make_bundle(), folder)
    return folder


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> Bundle:
    return load_bundle(bundle_folder)


@pytest.fixture
def base() -> Base:
    return Base()


@pytest.fixture
def served(bundle: Bundle, base: Base) -> Served:
    return Served("churn", "3", bundle, base)


@pytest.fixture
def journal(tmp_path: Path) -> PredictionJournal:
    return PredictionJournal(tmp_path / "predictions")


@pytest.fixture
def app(served: Served, journal: PredictionJournal) -> FastAPI:
    return create_app({"churn": served}, journal, FixedClock(NOW))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def client_of(journal: PredictionJournal) -> ClientOf:
    """Makes a client of an app with these models and settings."""

    def make(models: Mapping[str, Served], **settings: Any) -> TestClient:
        return TestClient(create_app(models, journal, FixedClock(NOW), ServingSettings(**settings)))

    return make


@pytest.fixture
def values() -> dict[str, Any]:
    """Values that can be sent."""
    return dict(VALUES)


@pytest.fixture
def now() -> int:
    """The moment of the app's clock."""
    return NOW
