"""Features by customer id of a project: equal to the batch, fresh at the moment of the request, and following the lake."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from vigie.clock import DAY, Clock, FixedClock, SystemClock, parse_moment
from vigie.errors import ContractError
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.sqlite_store import SqliteStore
from vigie.features.training_set import build_feature_set
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.online_features import OnlineFeatures, has_contracts
from vigie.lifecycle.project import Project

NOW = parse_moment("2024-03-01")
FILE = """
from vigie import Campaign, Events, Score, Table, at, days, every

customers = Table("customers", key="id")
orders = Events("orders", key="id", time="at", id="order")
churn = Score(
    "churn",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], orders.count(days(30)), orders.days_since_last(), orders["amount"].sum()],
    decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=orders["amount"].sum(days(90))),
)
big = Score(
    "big",
    moments=at(orders),
    outcome=orders.count(next=days(10)) > 0,
    features=[orders["amount"].at_moment(), orders.count(days(30)), customers["country"]],
    decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=10),
)
"""


class Shop:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "shop.py").write_text(FILE)
        sources = "".join(f"[sources.{name}]\npath = '{name}-*.csv'\n" for name in ("customers", "orders"))
        (root / "vigie.toml").write_text(f"[project]\nfiles = ['shop.py']\n{sources}")
        (root / "customers-1.csv").write_text("id,country\na,FR\nb,DE\nç,FR\n")
        self.orders(1, "1,a,2024-02-20,10.5", "2,a,2024-01-01,1.1", "3,b,2024-02-01,7", "4,b,2024-02-01,0.2")

    def orders(self, number: int, *rows: str) -> None:
        (self.root / f"orders-{number}.csv").write_text("\n".join(["order,id,at,amount", *rows]) + "\n")

    def project(self, clock: Clock | None = None) -> Project:
        return Project.open(self.root, "", clock or FixedClock(NOW))

    def ingested(self, clock: Clock | None = None) -> Project:
        project = self.project(clock)
        ingest_sources(project)
        return project


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize("name", ["churn", "big"])
def test_by_id_equals_the_batch_whatever_the_order_asked(shop: Shop, name: str) -> None:
    project = shop.ingested()
    lookup = OnlineFeatures(project, {"churn": None, "big": None}).lookups[name]
    schema = project.schema(project.score(name))
    (batch,) = build_feature_set(project.score(name).bound(schema), project.lake, schema, as_of=NOW)
    asked = [key for key in ("ç", "a", "b", "a") if key in batch.customers]
    found = lookup.features(asked, NOW)

    position = {key: i for i, key in enumerate(batch.customers)}
    for feature, values in {**batch.features, **batch.extras}.items():
        expected = [values.to_list()[position[key]] for key in asked]
        assert {**found.features, **found.extras}[feature].to_list() == expected
    assert found.known.all()


def test_a_silent_customer_decays_from_request_to_request(shop: Shop) -> None:
    lookup = OnlineFeatures(shop.ingested(), {"churn": None}).lookups["churn"]

    assert lookup.features(["a"], NOW).features["orders_count_30d"].to_list() == [1]
    assert lookup.features(["a"], NOW + 30 * DAY).features["orders_count_30d"].to_list() == [0]


def test_unknown_customers_are_marked_beside_known_ones(shop: Shop) -> None:
    lookup = OnlineFeatures(shop.ingested(), {"churn": None}).lookups["churn"]

    assert lookup.features(["nobody", "b"], NOW).known.tolist() == [False, True]
    assert lookup.features(["nobody"], NOW).known.tolist() == [False]


def test_new_versions_of_the_lake_are_taken_in(shop: Shop) -> None:
    online = OnlineFeatures(shop.ingested(), {"churn": None})
    assert not online.refresh()
    shop.orders(2, "5,a,2024-02-28,4", "6,d,2024-02-28,4")
    shop.ingested()

    assert online.refresh()
    found = online.lookups["churn"].features(["a", "d"], NOW)
    assert found.known.all()
    assert found.features["orders_count_30d"].to_list() == [2, 1]


def test_a_server_follows_the_lake_in_the_background_and_ends(shop: Shop) -> None:
    online = OnlineFeatures(shop.ingested(), {"churn": None})
    online.follow(0.02)
    shop.orders(2, "5,a,2024-02-28,4")
    shop.ingested()
    deadline = time.monotonic() + 20
    while online.lookups["churn"].features(["a"], NOW).features["orders_count_30d"].to_list() == [1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    online.close()

    assert not any(thread.name == "vigie-online" and thread.is_alive() for thread in threading.enumerate())


def test_a_standing_clock_leaves_the_store_alone(shop: Shop) -> None:
    """What is too old today may be needed at a past moment: a server of that moment does not ask today's store."""
    today = OnlineFeatures(shop.ingested(), {"churn": None})
    assert isinstance(today.histories.store, MemoryStore)
    live = OnlineFeatures(shop.project(SystemClock()), {"churn": None})
    assert isinstance(live.histories.store, SqliteStore)
    assert live.quick
    live.close()


def test_scores_without_ingested_sources_have_nothing_to_serve(shop: Shop) -> None:
    project = shop.project()
    assert not has_contracts(project, "churn")
    with pytest.raises(ContractError, match="was not ingested yet"):
        OnlineFeatures(project, {"churn": None})
    assert has_contracts(shop.ingested(), "churn")
