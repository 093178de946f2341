"""A served project replayed through the batch: exact, and where somebody meddled, the row that did it is named."""

from __future__ import annotations

import json
import random
import shutil
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from vigie.cli.program import program
from vigie.clock import DAY, FixedClock, parse_moment
from vigie.lifecycle import verify as verify_room
from vigie.lifecycle.background import Background
from vigie.lifecycle.events import spool_of
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.verify import verify
from vigie.lifecycle.watch_anomalies import anomaly_signals

PROJECT = '''"""Which customers will not order in the next 30 days?"""
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="customer_id")
orders = Events("orders", key="customer_id", time="ordered_at", id="order_id")

churn = Score(
    "churn",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], orders.count(days(30, 90)), orders["amount"].sum(days(90)), orders["amount"].last(),
              orders.days_since_last()],
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.3, customer_value=orders["amount"].mean()),
)
'''
TOML = """
[project]
files = ["churn.py"]
[sources.customers]
path = "data/customers.csv"
[sources.orders]
path = "data/orders-*.csv"
"""
NOW = "2024-12-01"
LATER = "2024-12-02"
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, list(arguments), catch_exceptions=False)


def write_project(folder: Path, customers: int = 200) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(TOML)
    chance = random.Random(5)
    people, orders = ["customer_id,country"], ["order_id,customer_id,ordered_at,amount"]
    for customer in range(customers):
        people.append(f"c{customer},{chance.choice(['FR', 'DE', 'Österreich'])}")
        day, gap = chance.uniform(0, 60), chance.uniform(4, 40)
        while day < 334 and chance.random() > 0.04:
            when = (BEGIN + timedelta(days=day)).isoformat()
            orders.append(f"{len(orders)},c{customer},{when},{round(chance.uniform(5, 120), 2)}")
            day += chance.expovariate(1 / gap)
    (folder / "data" / "customers.csv").write_text("\n".join(people) + "\n")
    (folder / "data" / "orders-0.csv").write_text("\n".join(orders) + "\n")


def ask(url: str, body: object, route: str = "score") -> None:
    request = urllib.request.Request(
        f"{url}/v1/{route}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.code}: {error.read().decode()}") from None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was trained and has answered for 64 customers over HTTP, for three by values that were sent.

    For the last one an event was sent just before.
    """
    folder = tmp_path_factory.mktemp("served") / "shop"
    write_project(folder)
    done = run(
        "train",
        "--project",
        str(folder),
        "--as-of",
        NOW,
        "--model",
        "logistic_regression",
        "--trials",
        "0",
        "--no-select",
    )
    assert done.exit_code == 0, done.output
    server = Background(folder / ".vigie")
    url = server.start(["--project", str(folder), "--as-of", NOW], server.free_port(0))
    try:
        ask(url, {"customers": [{"customer_id": f"c{i}"} for i in range(40)]})
        for i in range(20):
            ask(url, {"customer_id": f"c{i}", "as_of": f"2024-{i % 10 + 1:02d}-15T08:30:00Z"})
        values = {"customers_country": "FR", "orders_count_30d": 2, "orders_count_90d": 5, "orders_amount_mean": 7}
        ask(url, {"customers": [{"values": values}, {"customer_id": "c1", "values": values}, {"values": values}]})
    finally:
        assert server.stop()
    # Events are received of now alone, so by a server whose clock goes.
    url = server.start(["--project", str(folder)], server.free_port(0))
    try:
        event = {"order_id": "sent", "customer_id": "c44", "ordered_at": "2024-11-30T12:00:00Z", "amount": 17.5}
        ask(url, {"source": "orders", "events": [event]}, "events")
        ask(url, {"customer_id": "c44"})
    finally:
        assert server.stop()
    return folder


@pytest.fixture
def project(served: Path, tmp_path: Path) -> Path:
    """A copy of it, to meddle with."""
    return Path(shutil.copytree(served, tmp_path / "shop"))


def replayed(folder: Path, **options: Any) -> Any:
    opened = Project.open(folder, None, FixedClock(parse_moment(LATER)))
    return verify(opened, opened.score(), **options)


def test_what_was_served_by_id_is_what_the_batch_computes(project: Path) -> None:
    done = run("features", "verify", "--project", str(project), "--as-of", LATER, "-o", str(project / "parity.json"))
    said = " ".join(done.output.split())
    found = json.loads((project / "parity.json").read_text())

    assert done.exit_code == 0, done.output
    assert "61 predictions computed again; 3 more had their values sent by the caller" in said
    assert "every one of 427 values is exactly the batch's" in said
    assert found["waiting_for_the_lake"] == [] and "sent" in orders_of(project, "c44")
    assert found["exact"] and found["compared"] == 61 and found["predictions"] == 64
    assert {f["name"] for f in found["features"]} >= {"orders_count_30d", "orders_amount_mean", "customers_country"}
    assert all(f["equal"] == f["compared"] == 61 and f["first"] is None for f in found["features"])


def orders_of(folder: Path, customer: str) -> list[str]:
    lake = Project.open(folder, None, FixedClock(0)).lake
    return lake.scan("orders").filter(pl.col("customer_id") == customer).collect()["_id"].to_list()


def test_received_events_that_wait_for_the_lake_are_said_to(project: Path) -> None:
    spool_of(Project.open(project, None, FixedClock(parse_moment(NOW)))).append(
        "orders", [{"order_id": "waits"}], "test"
    )
    done = run("features", "verify", "--project", str(project), "--as-of", LATER)
    assert "received events of orders are not in the lake yet" in " ".join(done.output.split())


def test_a_sample_is_the_same_every_time_and_since_leaves_out_the_earlier(project: Path) -> None:
    once, again = replayed(project, sample=7), replayed(project, sample=7)
    assert once.compared == again.compared == 7
    assert replayed(project, since=parse_moment(LATER)).predictions == 1


def last_order(folder: Path, customer: str) -> tuple[int, str]:
    orders = pl.read_csv(folder / "data" / "orders-0.csv").filter(pl.col("customer_id") == customer)
    order, when = orders.sort("ordered_at").select("order_id", "ordered_at").row(-1)
    return order, when


def test_a_late_file_is_told_from_a_difference_and_its_event_is_named(project: Path) -> None:
    late = "order_id,customer_id,ordered_at,amount\n900001,c3,2024-11-20T10:00:00Z,55.5\n"
    (project / "data" / "orders-late.csv").write_text(late)
    assert run("ingest", "--project", str(project), "--as-of", LATER).exit_code == 0
    found = replayed(project)
    counts = next(f for f in found.features if f.name == "orders_count_30d")

    assert found.exact
    assert (counts.compared, counts.equal, counts.late, counts.different) == (61, 60, 1, 0)
    assert (counts.first.customer, counts.first.computed - counts.first.served) == ("c3", 1)
    (culprit,) = counts.first.culprits
    assert (culprit.id, culprit.how) == ("900001", "received after the answer")
    assert culprit.received == "2024-12-02T00:00:00Z" and culprit.row["amount"] == 55.5
    done = run("features", "verify", "--project", str(project), "--as-of", LATER)
    assert done.exit_code == 0
    assert "orders 900001 of 2024-11-20T10:00:00Z: received after the answer" in " ".join(done.output.split())


def rewrite(folder: Path, change: Any) -> None:
    """Somebody rewrites the orders of the lake behind everybody's back."""
    lake = Project.open(folder, None, FixedClock(0)).lake
    lake.replace("orders", change(lake.scan("orders").collect()), moment=parse_moment(LATER))


def test_an_event_of_the_past_that_was_changed_is_found(project: Path) -> None:
    order, _ = last_order(project, "c5")
    changed = pl.when(pl.col("_id") == str(order)).then(1e6).otherwise("amount").alias("amount")
    rewrite(project, lambda rows: rows.with_columns(changed))
    done = run("features", "verify", "--project", str(project), "--as-of", LATER, "-o", str(project / "parity.json"))
    found = {f["name"]: f for f in json.loads((project / "parity.json").read_text())["features"]}

    assert done.exit_code == 1
    assert found["orders_count_90d"]["different"] == 0
    last = found["orders_amount_last"]
    assert last["different"] >= 1 and last["first"]["customer"] == "c5" and last["first"]["computed"] == 1e6
    (row,) = last["first"]["rows"]
    assert (row["id"], row["how"], list(row["before"])) == (str(order), "changed since", ["amount"])
    assert row["before"]["amount"] == last["first"]["served"]


def test_an_event_that_was_removed_or_put_in_is_found(project: Path) -> None:
    order, _ = last_order(project, "c6")
    rewrite(project, lambda rows: rows.filter(pl.col("_id") != str(order)))
    found = next(f for f in replayed(project).features if f.name == "orders_days_since_last")
    assert found.different >= 1 and found.first.customer == "c6"
    assert [(c.id, c.how) for c in found.first.culprits] == [(str(order), "removed since")]

    def forged(rows: pl.DataFrame) -> pl.DataFrame:
        one = rows.filter(pl.col("customer_id") == "c7").head(1)
        when = BEGIN + timedelta(days=320)
        moved = one.with_columns(
            pl.lit("forged").alias("_id"),
            pl.lit("forged").alias("order_id"),
            ordered_at=pl.lit(when),
            _ingested_at=pl.lit(BEGIN),
        )
        return pl.concat([rows, moved.select(rows.columns)], how="vertical_relaxed")

    rewrite(project, forged)
    found = next(f for f in replayed(project).features if f.name == "orders_count_30d")
    assert (found.first.customer, found.late) == ("c7", 0)
    assert [(c.id, c.how) for c in found.first.culprits] == [("forged", "put in since")]


def test_of_what_arrived_just_before_the_answer_the_server_may_have_had_a_part(project: Path) -> None:
    order, _ = last_order(project, "c7")
    answered = datetime.fromisoformat(NOW).replace(tzinfo=UTC)
    when = answered - timedelta(days=3)

    def delivered(rows: pl.DataFrame, seconds: int) -> pl.DataFrame:
        one = rows.filter(pl.col("customer_id") == "c7").head(1)
        said = {name: pl.lit(f"late-{seconds}") for name in ("_id", "order_id")}
        late = one.with_columns(
            **said, ordered_at=pl.lit(when), _ingested_at=pl.lit(answered - timedelta(seconds=seconds))
        )
        return pl.concat([rows, late.select(rows.columns)], how="vertical_relaxed")

    # One that was there, and had come just before; then one that the server had not taken in yet.
    before = pl.when(pl.col("_id") == str(order)).then(pl.lit(answered - timedelta(seconds=20)))
    rewrite(project, lambda rows: rows.with_columns(before.otherwise("_ingested_at").alias("_ingested_at")))
    rewrite(project, lambda rows: delivered(rows, 5))
    tallies = replayed(project).features
    found = next(f for f in tallies if f.name == "orders_days_since_last")
    assert (found.late, found.different, found.first.customer) == (1, 0, "c7")
    assert next(f for f in replayed(project, grace=1_000_000).features if f.name == found.name).different == 1


@pytest.mark.parametrize("meddled", [False, True])
def test_the_watch_rings_where_yesterdays_answers_are_not_what_the_batch_computes(project: Path, meddled: bool) -> None:
    if meddled:
        order, _ = last_order(project, "c5")
        changed = pl.when(pl.col("_id") == str(order)).then(1e6).otherwise("amount").alias("amount")
        rewrite(project, lambda rows: rows.with_columns(changed))
    done = run("watch", "churn", "--json", "--no-tell", "--project", str(project), "--as-of", f"{LATER}T01:00:00")
    found = json.loads(done.stdout)["churn"]
    (one,) = (signal for signal in found["signals"] if signal["code"] == "VGW413")
    incidents = {incident["code"]: incident for incident in found["incidents"]}
    assert one["rings"] is meddled and one["area"] == "features" and (one["size"] > 0) is meddled
    assert one["since"].startswith(NOW) and "differ from the batch without a reason" in one["words"]
    assert ("VGW413" in incidents) is meddled
    if meddled:
        assert incidents["VGW413"]["severity"] == "critical"
        shown = run("incidents", "show", incidents["VGW413"]["incident"], "--project", str(project))
        assert "vigie features verify" in shown.output


def test_the_watch_waits_for_the_lake_to_have_what_was_received_yesterday(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Project.open(project, None, FixedClock(parse_moment(f"{LATER}T01:00:00")))
    ledger, day = ledger_of(opened), parse_moment(LATER) - DAY

    def said(received: int) -> bool:
        monkeypatch.setattr(verify_room, "waiting", lambda *_: {"orders": received})
        signals = anomaly_signals(opened, ledger, "churn", opened.clock.now())
        return any(one.code == "VGW413" for one in signals)

    assert not said(day + DAY - 1) and not ledger.facts("parity churn")
    assert said(day + DAY)  # of today: no answer of yesterday has seen it


def test_predictions_of_a_bundle_that_is_gone_are_said_to_be(project: Path) -> None:
    lake = Project.open(project, None, FixedClock(0)).lake
    rows = lake.scan("_predictions").collect()
    assert len(rows) == 64, "the second server has shipped what both recorded"
    lake.replace("_predictions", rows.with_columns(bundle="0" + pl.col("bundle")), moment=parse_moment(LATER))
    found = replayed(project)
    assert found.compared == 0
    ((count, why),) = found.skipped.values()
    assert count == 61 and "no version in the registry" in why
