"""Training sets for the tests: small, generated, with a known mechanism; and real tables where they are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vigie import Campaign, Events, Lead, Score, Table, at, days, every
from vigie.definition import Decision, Feature, Kind
from vigie.features.rowwise import evaluate, leaves
from vigie.features.training_set import TrainingSet
from vigie.features.values import Columns, Values

DAY = 86_400_000_000
MadeSet = Callable[..., TrainingSet]


def logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


@pytest.fixture(scope="session")
def once_set() -> MadeSet:
    """One moment, all kinds of features, a rule, and a customer value that differs and is missing now and then."""

    def make(n: int = 1200, seed: int = 0, *, capacity: int | None = None, missing_value: bool = False) -> TrainingSet:
        rng = np.random.default_rng(seed)
        age = rng.normal(45, 12, n).round()
        visits = rng.poisson(4, n).astype(float)
        plan = rng.choice(["basic", "plus", "pro", "old", "trial"], n, p=[0.5, 0.25, 0.22, 0.015, 0.015])
        active = (rng.random(n) < 0.6).astype(float)
        since = (rng.integers(0, 2000, n) * DAY).astype(np.int64)
        worth = rng.gamma(4, 30, n).round(2)
        z = 1.2 - 0.5 * visits + 0.03 * (age - 45) - 0.8 * active + 1.0 * (plan == "basic")
        labels = (rng.random(n) < logistic(z)).astype(np.int8)
        age[rng.random(n) < 0.08] = np.nan
        visits[rng.random(n) < 0.03] = np.nan
        active[rng.random(n) < 0.05] = np.nan
        if missing_value:
            worth[:40] = np.nan
        plans: list[str | None] = [None if rng.random() < 0.04 else str(text) for text in plan]
        columns = {
            "age": Values(Kind.NUMBER, age),
            "visits": Values(Kind.NUMBER, visits),
            "plan": Values.of(Kind.CATEGORY, plans),
            "active": Values(Kind.BOOLEAN, active),
            "since": Values(Kind.TIME, since),
            "worth": Values(Kind.NUMBER, worth),
        }
        schema = {"clients": {name: values.kind for name, values in columns.items()} | {"left": Kind.BOOLEAN}}
        clients = Table("clients", key="id")
        score = Score(
            "churn",
            outcome=clients["left"] == True,
            features=[clients["age", "visits", "plan", "active", "since"]],
            decision=Campaign(
                contact_cost=1, offer_cost=10, accepted=0.3, customer_value=clients["worth"], capacity=capacity
            ),
            rule=clients["visits"] < 2,
        ).bound(schema)
        keys = np.array([f"k{i}" for i in range(n)], object)
        return assembled(score, schema, columns, labels, keys, np.full(n, 20_000 * DAY, np.int64))

    return make


@pytest.fixture(scope="session")
def monthly_set() -> MadeSet:
    """Snapshots of the same customers every 30 days, with a horizon of 30 days and a mechanism that drifts slowly."""

    def make(months: int = 12, customers: int = 150, seed: int = 0, *, capacity: int | None = None) -> TrainingSet:
        rng = np.random.default_rng(seed)
        n = months * customers
        month = np.repeat(np.arange(months), customers)
        person = np.tile(np.arange(customers), months)
        habit = rng.gamma(2, 1.5, customers)[person]
        count = rng.poisson(habit).astype(float)
        amount = np.where(count > 0, count * rng.gamma(3, 10, n), np.nan)
        country = Values(Kind.CATEGORY, rng.integers(0, 3, customers)[person].astype(np.int32), ("DE", "FR", "IT"))
        labels = (rng.random(n) < logistic(0.9 - 0.6 * count + 0.02 * month)).astype(np.int8)
        orders = Events("orders", key="client", time="at", id="order")
        clients = Table("clients", key="client", known_at="since")
        schema = {
            "orders": {"amount": Kind.NUMBER, "at": Kind.TIME, "client": Kind.CATEGORY},
            "clients": {"country": Kind.CATEGORY, "since": Kind.TIME, "client": Kind.CATEGORY},
        }
        score = Score(
            "churn",
            moments=every("month"),
            outcome=orders.count(next=days(30)) == 0,
            features=[orders.count(days(30)), orders["amount"].sum(days(30)), clients["country"]],
            decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200, capacity=capacity),
            rule=orders.count(days(30)) == 0,
        ).bound(schema)
        named = [feature.name for feature in score.bound_features]
        columns = dict(zip(named, [Values(Kind.NUMBER, count), Values(Kind.NUMBER, amount), country], strict=True))
        keys = np.array([f"c{i}" for i in person], object)
        return assembled(score, schema, columns, labels, keys, month * 30 * DAY + 100 * DAY)

    return make


@pytest.fixture(scope="session")
def lead_set() -> TrainingSet:
    """Leads scored one by one when they come in, with a capacity that therefore cannot rank them."""
    rng = np.random.default_rng(4)
    n = 900
    budget = rng.gamma(2, 100, n)
    leads = Events("leads", key="lead", time="submitted_at", id="lead")
    deals = Events("deals", key="lead", time="won_at", id="lead")
    schema = {
        "leads": {"budget": Kind.NUMBER, "submitted_at": Kind.TIME},
        "deals": {"won_at": Kind.TIME},
    }
    score = Score(
        "lead",
        moments=at(leads),
        outcome=deals.count(next=days(10)) > 0,
        features=[leads["budget"].at_moment()],
        decision=Lead(contact_cost=5, deal_value=50, capacity=10),
    ).bound(schema)
    labels = (rng.random(n) < logistic(budget / 100 - 3)).astype(np.int8)
    moments = np.sort(rng.integers(0, 200 * DAY, n))
    columns = {score.bound_features[0].name: Values(Kind.NUMBER, budget)}
    return assembled(score, schema, columns, labels, np.array([f"l{i}" for i in range(n)], object), moments)


def assembled(
    score: Score,
    schema: dict[str, dict[str, Kind]],
    columns: Columns,
    labels: np.ndarray,
    keys: np.ndarray,
    moments: np.ndarray,
) -> TrainingSet:
    """A training set from the values of its columns, by column or by leaf name."""
    wanted: list[Feature] = [e for e in score.decision.payoff().expressions() if isinstance(e, Feature)]
    wanted += [score.rule] if score.rule is not None else []

    def values_of(leaf: Feature) -> Values:
        return columns[getattr(leaf, "column", leaf.name)] if leaf.name not in columns else columns[leaf.name]

    features = {
        feature.name: evaluate(
            feature, {name: values_of(leaf) for name, leaf in leaves([feature]).items()}, len(labels)
        )
        for feature in score.bound_features
    }
    return TrainingSet(
        customers=keys,
        moments=moments,
        features=features,
        extras={name: values_of(leaf) for name, leaf in leaves(wanted).items()},
        labels=labels,
        score=score,
        schema=schema,
        as_of=int(moments.max()) + 400 * DAY,
        versions=dict.fromkeys(schema, 3),
        immature=0,
        unknown=0,
    )


@pytest.fixture(scope="session")
def table_set() -> Callable[..., TrainingSet]:
    """A training set from a CSV file with a target column."""

    def make(
        path: Path,
        *,
        key: str,
        target: str,
        positive: object,
        decision: Decision,
        null: str = "",
        but: Sequence[str] = (),
    ) -> TrainingSet:
        frame = pl.read_csv(path, infer_schema_length=None, null_values=[null] if null else None)
        name = path.stem.split("_")[0]
        schema: dict[str, dict[str, Kind]] = {name: {}}
        columns: dict[str, Values] = {}
        for column in frame.columns:
            series = frame[column]
            if series.dtype == pl.String:
                text = series.str.strip_chars().replace("", None)
                number = text.cast(pl.Float64, strict=False)
                series = number if number.null_count() == text.null_count() < len(text) else text
            kind = Kind.NUMBER if series.dtype.is_numeric() else Kind.CATEGORY
            schema[name][column] = kind
            columns[column] = Values.of(kind, series.to_list())
        table = Table(name, key=key)
        score = Score(
            f"{name}_score",
            outcome=table[target] == positive,
            features=table.all(but=list(but)) if but else table,
            decision=decision,
        ).bound(schema)
        labels = (frame[target].cast(pl.String) == str(positive)).to_numpy().astype(np.int8)
        keys = np.array([str(value) for value in frame[key]], object)
        return assembled(score, schema, columns, labels, keys, np.full(len(keys), 20_000 * DAY, np.int64))

    return make
