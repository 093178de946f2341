"""Scores of real and generated customers, day by day, by models that knew no more than their day did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from vigie import Score, every
from vigie.bundle import Bundle, Scorer
from vigie.clock import DAY, FixedClock, parse_moment
from vigie.definition.score import replace_score
from vigie.economics import PayoffValues
from vigie.features.training_set import TrainingSet, build_training_set
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.training.options import TrainOptions
from vigie.training.train import train

RETAIL = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail.parquet"
OPTIONS = TrainOptions(models=("lightgbm", "logistic_regression"), trials=0, stack=False, select=False, threads=1)


@dataclass(frozen=True, eq=False)
class Day:
    """A day of a replay.

    Attributes:
        moment: Its beginning, µs.
        version: Of the model that scored, from 1.
        customers: Codes, shape (n,).
        p: Calibrated probabilities.
        act: Who is acted on.
        payoff: Cost matrices.
        y: What came of it, known at ``moment + horizon``.
    """

    moment: int
    version: int
    customers: np.ndarray
    p: np.ndarray
    act: np.ndarray
    payoff: PayoffValues
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Replay:
    """A replay.

    Attributes:
        name: Of the data.
        horizon: µs.
        days: In order; those of a new model's test, which lie before it answers, have a negative version.
    """

    name: str
    horizon: int
    days: list[Day]


def shop_project(folder: Path, seed: int, customers: int, shock: str | None = None) -> tuple[Project, Score]:
    """The generated shop, ingested."""
    from vigie_demos.shop.prepare import SETTINGS
    from vigie_demos.shop.project import churn
    from vigie_demos.shop.world import generate

    world = generate(
        seed, customers, date(2024, 1, 1), date(2025, 9, 1), price_shock=date.fromisoformat(shock) if shock else None
    )
    (folder / "data").mkdir(parents=True)
    world.tables["customers"].write_csv(folder / "data" / "customers.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    for name in ("orders", "visits", "emails"):
        world.tables[name].write_parquet(folder / "data" / f"{name}.parquet")
    import polars as pl

    opened_at = pl.col("opened_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    world.tables["tickets"].with_columns(opened_at).write_ndjson(folder / "data" / "tickets.jsonl")
    import vigie_demos.shop.project as declared

    (folder / "shop.py").write_text(Path(declared.__file__).read_text())
    (folder / "vigie.toml").write_text(SETTINGS)
    return _ingested(folder, "2025-09-01"), churn


RETAIL_TOML = '[project]\nfiles = ["retail.py"]\n[sources.lines]\npath = "{path}"\n'
RETAIL_FILE = """
from vigie import Campaign, Events, Feature, Score, days, every

lines = Events("lines", key="CustomerID", time="InvoiceDate")
bought = lines.where(lines["Quantity"] > 0).named("bought")
returned = lines.where(lines["Quantity"] < 0).named("returned")
spent = bought["Quantity"] * bought["UnitPrice"]

churn = Score(
    "retail_churn",
    moments=every("week"),
    population=bought.count(days(90)) > 0,
    outcome=bought.count(next=days(30)) == 0,
    features=[
        bought.count(days(30, 60, 90)).each(Feature.log1p),
        bought["InvoiceNo"].distinct(days(30, 60, 90)),
        bought["StockCode"].distinct(days(90)),
        spent.sum(days(30, 90)).each(Feature.log1p),
        bought["UnitPrice"].mean(days(90)),
        bought.days_since_last(),
        bought.days_since_first(),
        bought.mean_gap(days(90)),
        returned.count(days(90)),
    ],
    decision=Campaign(contact_cost=0.5, offer_cost=5, accepted=0.15, customer_value=120, currency="GBP"),
)
"""


def retail_project(folder: Path, path: Path) -> tuple[Project, Score]:
    """Online Retail, 30-day churn of who bought in the last 90 days."""
    folder.mkdir(parents=True)
    (folder / "retail.py").write_text(RETAIL_FILE)
    (folder / "vigie.toml").write_text(RETAIL_TOML.format(path=path))
    project = _ingested(folder, "2011-12-09")
    return project, project.score("retail_churn")


def _ingested(folder: Path, today: str) -> Project:
    project = Project.open(folder, "", FixedClock(parse_moment(today)))
    ingest_sources(project)
    return project


def replay(
    name: str,
    project: Project,
    declared: Score,
    *,
    first: str,
    start: str,
    end: str,
    renew: int | None,
    period: str = "day",
) -> Replay:
    """Train at *start* on weekly moments from *first* on, then score every *period* up to *end*.

    Args:
        name: Of the data.
        project: With its lake.
        declared: The score; its moments are not used.
        first: First moment that is learned from.
        start: When the first model is trained.
        end: Last moment scored.
        renew: Days after which a new model is trained; ``None``: never.
        period: How often everybody is scored.
    """
    schema = project.schema(declared)
    now = project.clock.now()
    weekly = replace_score(declared, moments=every("week", start=first)).bound(schema)
    daily = replace_score(declared, moments=every(period, start=start, end=end)).bound(schema)
    learning = build_training_set(weekly, project.lake, schema, as_of=now)
    scored = build_training_set(daily, project.lake, schema, as_of=now)
    horizon = declared.horizon.microseconds if declared.horizon else 0
    codes = {key: i for i, key in enumerate(sorted({*learning.customers.tolist(), *scored.customers.tolist()}))}
    begin, last = parse_moment(start), parse_moment(end)
    found: list[Day] = []
    version, at = 0, begin
    while at <= last:
        version += 1
        until = last + DAY if renew is None else at + renew * DAY
        known = _take(learning, learning.moments <= at - horizon)
        result = train(known, OPTIONS, evidence=False)
        test = _take(known, np.isin(np.arange(len(known)), result.test_index))
        found += list(_days(test, result.bundle, -version, codes))
        found += list(
            _days(_take(scored, (scored.moments >= at) & (scored.moments < until)), result.bundle, version, codes)
        )
        at = until
    return Replay(name, horizon, found)


def _take(rows: TrainingSet, mask: np.ndarray) -> TrainingSet:
    from dataclasses import replace

    index = np.flatnonzero(mask)
    return replace(
        rows,
        customers=rows.customers[index],
        moments=rows.moments[index],
        labels=rows.labels[index],
        features={name: one.take(index) for name, one in rows.features.items()},
        extras={name: one.take(index) for name, one in rows.extras.items()},
    )


def _days(rows: TrainingSet, bundle: Bundle, version: int, codes: dict[str, int]) -> Iterator[Day]:
    scorer = Scorer(bundle)
    scores = scorer.score({**rows.extras, **rows.features}, len(rows))
    customers = np.array([codes[key] for key in rows.customers.tolist()])
    for moment in np.unique(rows.moments).tolist():
        index = np.flatnonzero(rows.moments == moment)
        act = bundle.decision.choose(scores.gain[index])
        yield Day(
            moment, version, customers[index], scores.probability[index], act, scores.payoff.take(index),
            rows.labels[index].astype(np.float64),
        )  # fmt: skip
