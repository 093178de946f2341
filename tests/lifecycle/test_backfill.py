"""Feature tables: what a training set would have, made once, made again only where it must be, whole after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from vigie.cli.program import program
from vigie.clock import FixedClock, parse_moment
from vigie.errors import DefinitionError, FeatureError
from vigie.features import tables
from vigie.features.training_set import build_feature_set
from vigie.lifecycle.backfill import (
    Status,
    backfill,
    plan_backfill,
    read_features,
    tables_folder,
)
from vigie.lifecycle.project import Project

PROJECT = """
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="id", known_at="since")
orders = Events("orders", key="id", time="at", id="order")
visits = Events("visits", key="id", time="at", id="visit")

churn = Score(
    "churn",
    moments=every("month"),
    population=orders.count(days(120)) > 0,
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], orders.count(days(30)), orders["amount"].sum(), orders["at"].max(),
              visits.count(days(60)) > 0, visits["page"].mode()],
    decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=80),
)
"""
TOML = """
[project]
files = ["churn.py"]
[sources.customers]
path = "customers*.csv"
[sources.orders]
path = "orders*.csv"
[sources.visits]
path = "visits*.csv"
"""
NOW = "2024-06-15"


def opened(folder: Path, now: str = NOW) -> Project:
    return Project.open(folder, None, FixedClock(parse_moment(now)))


def run(*arguments: str) -> Any:
    return CliRunner().invoke(program, list(arguments), catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "churn.py").write_text(PROJECT)
    (tmp_path / "vigie.toml").write_text(TOML)
    people, orders, visits = ["id,since,country"], ["order,id,at,amount"], ["visit,id,at,page"]
    for c in range(60):
        people.append(f"c{c},2024-01-{c % 28 + 1:02d},{'FR' if c % 2 else 'Österreich'}")
        for k in range(c % 7):
            orders.append(f"{c}-{k},c{c},2024-0{k % 6 + 1}-{c % 28 + 1:02d}T10:00:00Z,{k * 1.1}")
            visits.append(f"{c}-{k},c{c},2024-0{k % 6 + 1}-03,{'ab'[k % 2]}")
    (tmp_path / "customers.csv").write_text("\n".join(people) + "\n")
    (tmp_path / "orders.csv").write_text("\n".join(orders) + "\n")
    (tmp_path / "visits.csv").write_text("\n".join(visits) + "\n")
    assert run("ingest", "--project", str(tmp_path), "--as-of", NOW).exit_code == 0
    return tmp_path


def made(folder: Path, now: str = NOW, **options: Any) -> Any:
    project = opened(folder, now)
    plan = plan_backfill(project, project.score(), **options)
    return plan, backfill(project, plan, at_once=2)


def inodes(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_ino for p in (folder / ".vigie" / "features").rglob("*.parquet")}


def expected(folder: Path, moment: str, now: str = NOW) -> dict[str, list[Any]]:
    """Of each customer of the population its values, by the batch at that very moment."""
    project = opened(folder, now)
    schema = project.schema(project.score())
    bound = project.score().bound(schema)
    found: dict[str, list[Any]] = {}
    for part in build_feature_set(bound, project.lake, schema, as_of=parse_moment(moment)):
        columns = [part.features[f.name].to_list() for f in bound.bound_features]
        found |= dict(zip(part.customers, map(list, zip(*columns, strict=True)), strict=True))
    return found


def as_table(frame: pl.DataFrame, moment: str) -> dict[str, list[Any]]:
    rows = frame.filter(pl.col("moment").dt.timestamp("us") == parse_moment(moment)).drop("moment")
    times = [name for name, kind in rows.schema.items() if kind == pl.Datetime("us", "UTC")]
    rows = rows.with_columns(pl.col(times).dt.timestamp("us"))
    return {row[0]: list(row[1:]) for row in rows.iter_rows()}


def test_a_backfilled_moment_is_what_the_batch_computes_at_it(folder: Path) -> None:
    plan, done = made(folder)
    frame = read_features(opened(folder))

    assert [p.name for p in plan.partitions] == [f"2024-0{m}-01" for m in range(1, 7)]
    assert (done.partitions, done.spines, done.features, done.rows) == (6, 6, 36, len(frame))
    assert frame.schema["moment"] == pl.Datetime("us", "UTC") and frame.schema["orders_at_max"] == pl.Datetime(
        "us", "UTC"
    )
    assert frame.schema["visits_count_60d_above_0"] == pl.Boolean
    for partition in plan.partitions:
        wanted = expected(folder, partition.name)
        assert as_table(frame, partition.name) == wanted and (len(wanted) > 10) == (partition.name > "2024-01-01")
    assert plan_backfill(opened(folder), opened(folder).score()).todo == ()
    some = read_features(
        opened(folder), features=["orders_count_30d"], customers=["c1", "c5"], start=parse_moment("2024-04-01")
    )
    assert some.columns == ["customer", "moment", "orders_count_30d"] and set(some["customer"]) <= {"c1", "c5"}


def test_a_new_feature_is_the_only_one_computed(folder: Path) -> None:
    made(folder)
    before = inodes(folder)
    (folder / "churn.py").write_text(
        PROJECT.replace('visits["page"].mode()]', 'visits["page"].mode(), visits.count()]')
    )
    said = run("features", "backfill", "--plan", "--project", str(folder), "--as-of", NOW)
    plan, done = made(folder)

    assert "features to make: visits_count" in " ".join(said.output.split())
    assert {s for p in plan.todo for n, s in p.features.items() if n != "visits_count"} == {Status.DONE}
    assert (done.features, done.spines) == (6, 0)
    after = inodes(folder)
    assert {path: after[path] for path in before} == before and len(after) == len(before) + 6
    assert as_table(read_features(opened(folder)), "2024-05-01") == expected(folder, "2024-05-01")


def test_late_rows_make_stale_what_lies_after_them_and_only_of_their_source(folder: Path) -> None:
    made(folder)
    (folder / "visits-late.csv").write_text("visit,id,at,page\nlate,c5,2024-04-10,b\n")
    assert run("ingest", "--project", str(folder), "--as-of", "2024-06-20").exit_code == 0
    before = inodes(folder)
    plan, done = made(folder, "2024-06-20")

    assert [p.name for p in plan.todo] == ["2024-05-01", "2024-06-01"]
    assert all(p.features["orders_count_30d"] is Status.DONE for p in plan.todo)
    assert all(p.features["visits_page_mode"] is Status.STALE for p in plan.todo)
    assert done.features == 4, "the population is the same, so what reads no visits stays"
    after = inodes(folder)
    assert {p: i for p, i in before.items() if "2024-04" in p} == {p: i for p, i in after.items() if "2024-04" in p}
    frame = read_features(opened(folder))
    for moment in ("2024-04-01", "2024-05-01", "2024-06-01"):
        assert as_table(frame, moment) == expected(folder, moment, "2024-06-20")
    assert plan_backfill(opened(folder, "2024-06-20"), opened(folder).score()).todo == ()


def test_new_customers_of_the_past_make_the_whole_partition_again(folder: Path) -> None:
    made(folder)
    (folder / "orders-late.csv").write_text("order,id,at,amount\nlate,newcomer,2024-04-10,3\n")
    assert run("ingest", "--project", str(folder), "--as-of", "2024-06-20").exit_code == 0
    plan, done = made(folder, "2024-06-20")

    assert [p.spine for p in plan.partitions] == [Status.DONE] * 4 + [Status.STALE] * 2
    assert done.features == 12
    frame = read_features(opened(folder))
    assert as_table(frame, "2024-06-01") == expected(folder, "2024-06-01", "2024-06-20")
    assert "newcomer" in as_table(frame, "2024-06-01")
    assert len(list((folder / ".vigie/features/churn/month/2024-06-01").glob("*.parquet"))) == 2


def test_a_killed_backfill_leaves_whole_partitions_and_goes_on(folder: Path) -> None:
    command = [sys.executable, "-m", "vigie.cli", "features", "backfill", "--every", "day", "--partitions", "1",
               "--project", str(folder), "--as-of", NOW]  # fmt: skip
    table = folder / ".vigie" / "features" / "churn" / "day"
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(table.glob("*/features-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    left = [p.name for p in plan_backfill(opened(folder), opened(folder).score(), period="day").todo]
    whole = len(list(table.glob("*/features-*.parquet")))
    assert 0 < whole < 167
    (table / ".spine.parquet.1.partial").write_text("of a killed writer")

    _, done = made(folder, period="day")
    assert done.partitions == len(left) <= 167 - whole
    assert not list(table.rglob("*.partial"))
    frame = read_features(opened(folder), period="day")
    for moment in ("2024-02-11", "2024-06-01", "2024-06-15"):
        assert as_table(frame, moment) == expected(folder, moment)


def test_erased_customers_are_in_no_file(folder: Path) -> None:
    made(folder)
    wanted = {moment: expected(folder, moment) for moment in ("2024-04-01", "2024-06-01")}
    root = tables_folder(opened(folder))
    assert any(b"c5" in path.read_bytes() for path in root.rglob("spine.parquet"))
    rows = tables.erase(root, ["c5", "c11", "nobody"], dry=True)
    assert rows == tables.erase(root, ["c5", "c11", "nobody"]) > 0
    frame = read_features(opened(folder))

    assert not set(frame["customer"]) & {"c5", "c11"}
    for moment, values in wanted.items():
        assert as_table(frame, moment) == {c: v for c, v in values.items() if c not in ("c5", "c11")}
    assert tables.erase(root, ["c5"]) == 0
    assert plan_backfill(opened(folder), opened(folder).score()).todo == ()


def test_moments_at_events_are_kept_by_month(folder: Path) -> None:
    text = (
        PROJECT.replace('every("month")', "at(orders)")
        .replace("every\n", "at\n")
        .replace("population=orders.count(days(120)) > 0,", "")
    )
    (folder / "churn.py").write_text(text.replace('customers["country"], ', 'orders["amount"].at_moment(), '))
    plan, _ = made(folder)
    frame = read_features(opened(folder))
    orders = (
        opened(folder)
        .lake.scan("orders")
        .collect()
        .filter(pl.col("at") <= pl.lit(NOW).str.to_datetime(time_zone="UTC"))
    )

    assert [p.name for p in plan.partitions] == [f"2024-0{m}" for m in range(1, 7)]
    key = ["customer", "moment", "orders_amount"]
    assert frame.select(key).sort(key).rows() == orders.select("id", "at", "amount").sort("id", "at", "amount").rows()
    assert plan_backfill(opened(folder), opened(folder).score()).todo == ()
    later = plan_backfill(opened(folder, "2024-06-20"), opened(folder).score())
    assert [(p.name, p.spine) for p in later.todo] == [("2024-06", Status.STALE)]


def test_what_is_wrong_is_said(folder: Path) -> None:
    project = opened(folder)
    with pytest.raises(FeatureError, match="no feature table"):
        read_features(project)
    with pytest.raises(DefinitionError, match="is not a period"):
        plan_backfill(project, project.score(), period="moon")
    plan = plan_backfill(project, project.score(), end=parse_moment("2024-03-05"))
    assert [p.name for p in plan.partitions] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    plan.folder.mkdir(parents=True)
    with (plan.folder / ".lock").open("w") as lock:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FeatureError, match="another backfill"):
            backfill(project, plan)
    backfill(project, plan)
    (folder / "churn.py").write_text(PROJECT.replace("orders.count(days(30))", "orders.count(days(31))"))
    with pytest.raises(FeatureError, match="'orders_count_31d' is missing on 2024-01-01"):
        read_features(opened(folder))
