"""``vigie train --spark`` and ``vigie score --spark``: the same bundle and the same table as without."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from vigie.cli.program import program

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet:FutureWarning")

PROJECT = '''"""Which customers will not order in the next 30 days?"""
from dataclasses import dataclass

from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="customer_id")
orders = Events("orders", key="customer_id", time="ordered_at", id="order_id")


@dataclass(frozen=True, kw_only=True)
class Call(Campaign):
    """A class that only this file knows, and no worker can import."""


churn = Score(
    "churn",
    moments=every("month"),
    population=orders.count(days(90)) > 0,
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], orders.count(days(30, 90)), orders["amount"].sum(days(90)), orders.days_since_last()],
    decision=Call(contact_cost=1, offer_cost=5, accepted=0.3, customer_value=80, capacity=20),
)
'''
TOML = """
[project]
files = ["churn.py"]
[sources.customers]
path = "data/customers.csv"
[sources.orders]
path = "data/orders.csv"
"""
WHEN = ("--as-of", "2024-12-01")


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(program, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "data").mkdir()
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(TOML)
    chance, begin = random.Random(5), datetime(2024, 1, 1, tzinfo=UTC)
    with (
        (folder / "data" / "customers.csv").open("w", newline="") as file,
        (folder / "data" / "orders.csv").open("w", newline="") as more,
    ):
        people, orders = csv.writer(file), csv.writer(more)
        people.writerow(["customer_id", "country"])
        orders.writerow(["order_id", "customer_id", "ordered_at", "amount"])
        for customer in range(200):
            people.writerow([f"c{customer}", chance.choice(["FR", "DE", "Österreich"])])
            day, gap = chance.uniform(0, 60), chance.uniform(4, 40)
            while day < 334 and chance.random() > 0.04:
                when = (begin + timedelta(days=day)).isoformat()
                orders.writerow([f"{customer}-{day}", f"c{customer}", when, round(chance.uniform(5, 120), 2)])
                day += chance.expovariate(1 / gap)
    return folder


def test_training_gives_the_same_bundle_and_scoring_the_same_table(project, spark, spark_cluster):
    model = ("--model", "logistic_regression", "--project", str(project), *WHEN)
    run("train", "churn", *model, "--trials", "0")
    run("train", "churn", *model, "--trials", "0", "--spark", spark_cluster.url)
    bundles = {next(p.glob("bundle/manifest.json")).read_bytes() for p in (project / ".vigie/reports/churn").iterdir()}
    assert len(bundles) == 1

    here, there = project / "here.parquet", project / "there.parquet"
    run("score", "churn", "--project", str(project), *WHEN, "--output", str(here))
    said = run("score", "churn", "--project", str(project), *WHEN, "--output", str(there), "--spark", spark_cluster.url)
    ours, theirs = pl.read_parquet(here), pl.read_parquet(there)
    assert ours.height > 50 and theirs.equals(ours)
    assert ours["decision"].eq("contact").sum() == 20
    assert "already" in said.output or "same run" in said.output  # the very same run adds nothing
