"""The registry of features says what the definitions, the contracts, the lake and the models say."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vigie.cli.program import program
from vigie.clock import DAY, FixedClock, parse_moment
from vigie.errors import DefinitionError
from vigie.lifecycle.catalogue import catalogue, freshness
from vigie.lifecycle.project import Project

PROJECT = '''"""Which customers will not order in the next 30 days?"""
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="customer_id")
cities = Table("cities", key="city")
orders = Events("orders", key="customer_id", time="ordered_at", id="order_id")
recent = orders.count(days(30)).owned_by("growth").described("Orders <b>lately</b>")

churn = Score(
    "churn", owner="crm",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], recent, orders["amount"].sum(), orders["amount"].sum(days(90)) / orders.count(days(7)),
              customers["city"].of(cities)["people"]],
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.3, customer_value=80),
)
asleep = Score(
    "asleep",
    moments=every("month"),
    outcome=orders.count(next=days(60)) == 0,
    features=[recent, orders.days_since_last()],
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.3, customer_value=80),
)
'''
TOML = """
[project]
files = ["churn.py"]
[sources.customers]
path = "customers.csv"
[sources.cities]
path = "cities.csv"
[sources.orders]
path = "orders.csv"
"""
NOW = "2024-12-01"
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(program, list(arguments), catch_exceptions=False, env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(TOML)
    (folder / "cities.csv").write_text("city,people\nParis,2100000\nWien,2000000\n")
    chance = random.Random(5)
    people, orders = ["customer_id,country,city"], ["order_id,customer_id,ordered_at,amount"]
    for customer in range(150):
        people.append(f"c{customer},{chance.choice(['FR', 'AT'])},{chance.choice(['Paris', 'Wien'])}")
        day, gap = chance.uniform(0, 60), chance.uniform(4, 40)
        while day < 334 and chance.random() > 0.04:
            when = (BEGIN + timedelta(days=day)).isoformat()
            orders.append(f"{len(orders)},c{customer},{when},{round(chance.uniform(5, 120), 2)}")
            day += chance.expovariate(1 / gap)
    (folder / "customers.csv").write_text("\n".join(people) + "\n")
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    done = run(
        "train", "churn", "--project", str(folder), "--as-of", NOW, "--model", "logistic_regression", "--trials", "0"
    )
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def project(folder: Path) -> Project:
    return Project.open(folder, None, FixedClock(parse_moment("2024-12-03")))


def test_a_feature_knows_what_it_reads_who_owns_it_and_who_uses_it(project: Project) -> None:
    found = catalogue(project)
    recent = found.entry("orders_count_30d")

    assert found.scores == ("churn", "asleep") and len(found.entries) == 6
    assert (recent.owner, recent.kind, recent.windows) == ("growth", "number", ("30 days",))
    assert [(u.score, u.versions, u.champion) for u in recent.uses] == [("churn", (1,), 1), ("asleep", (), None)]
    assert recent.uses[0].rank is not None and recent.uses[0].ranked == 5 and recent.profile is not None
    assert found.entry(recent.fingerprint) is recent
    (orders,) = recent.sources
    assert (orders.kind, orders.key, orders.columns) == ("events", "customer_id", {"ordered_at": "time"})
    assert orders.location.endswith("orders.csv")
    assert found.entry("customers_country").owner == "crm" and found.entry("customers_country").windows == ()
    assert found.entry("orders_days_since_last").owner == ""
    ratio = next(e for e in found.entries if len(e.windows) > 1)
    assert ratio.windows == ("90 days", "7 days")
    assert found.entry("orders_amount_sum").windows == ("all of history",)
    city = next(e for e in found.entries if any(s.related for s in e.sources))
    assert [(s.name, s.related, set(s.columns)) for s in city.sources] == [
        ("customers", False, {"city"}),
        ("cities", True, {"people"}),
    ]
    with pytest.raises(DefinitionError, match="did you mean 'orders_count_30d'"):
        found.entry("orders_count_3d")


def test_the_freshness_is_that_of_the_newest_event(project: Project) -> None:
    found = freshness(project, project.sources["orders"])
    assert found.newest is not None and found.age == parse_moment("2024-12-03") - found.newest
    table = freshness(project, project.sources["customers"])
    assert (table.rows, table.age) == (150, 2 * DAY)


def test_the_commands_say_it_and_say_it_as_data(folder: Path) -> None:
    where = ("--project", str(folder))
    said = run("features", "list", *where).output
    listed = json.loads(run("features", "list", "asleep", "--json", *where).output)
    assert re.search(r"orders_count_30d\s+number\s+orders\s+30 days\s+growth\s+churn, asleep\s+[\d.-]+", said)
    assert [one["name"] for one in listed] == ["orders_count_30d", "orders_days_since_last"]
    assert json.loads(run("features", "list", "--source", "cities", "--json", *where).output)[0]["sources"][1][
        "related"
    ]
    shown = run("features", "show", "orders_count_30d", *where, "--as-of", "2024-12-03").output
    for words in ("30 days", "growth", "orders by customer_id", "days old", "version 1 in use", "median", "without it"):
        assert words in shown, words
    data = json.loads(run("features", "show", "customers_country", "--json", *where, "--as-of", "2024-12-03").output)
    assert data["sources"][0]["age_seconds"] == 2 * 86_400 and data["definition"]["node"] == "column"
    assert "FR" in run("features", "show", "customers_country", *where).output
    tree = run("features", "lineage", "orders_count_30d", *where).output
    assert re.search(
        r"comes from.*orders \(events by customer_id\).*goes into.*score churn.*version 1, the champion",
        tree,
        re.DOTALL,
    )
    assert len(json.loads(run("features", "lineage", "--json", *where).output)) == 6


def test_the_page_has_every_feature_and_loads_nothing(folder: Path) -> None:
    done = run("features", "page", "--project", str(folder), "--as-of", "2024-12-03")
    page = (folder / ".vigie" / "reports" / "features.html").read_text()

    assert done.exit_code == 0, done.output
    assert page.count('class="feature"') == 6 and page.count("<section") == 3
    assert "Orders &lt;b&gt;lately&lt;/b&gt;" in page and "<b>lately" not in page
    assert not re.search(r"""(src|href)=["'](?!#)|https?://|@import|url\(""", page)
    assert 'data-find="orders_count_30d' in page and "growth" in page
