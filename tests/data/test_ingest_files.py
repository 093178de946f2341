from __future__ import annotations

import bz2
import gzip
import json
import os
from collections import Counter
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.clock import FixedClock, parse_moment
from vigie.data import FileLocation, IngestReport, Lake, Quarantine, ingest, latest_rows, read_contract
from vigie.definition import Events, Table
from vigie.errors import ContractError, SourceError

ORDERS = Events("orders", key="customer", time="at")
DAY_ONE = parse_moment("2026-01-01")


class World:
    """A folder of files and a lake."""

    def __init__(self, root: Path) -> None:
        self.root, self.lake, self.contracts = root, Lake(root / "lake"), root / "contracts"
        (root / "in").mkdir(parents=True, exist_ok=True)
        self.day = 0

    def write(self, name: str, data: str | bytes) -> Path:
        path = self.root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def ingest(
        self, source=ORDERS, pattern: str = "*", moment: int | None = None, commit_rows=10**6, **options
    ) -> IngestReport:
        self.day += 1
        location = FileLocation((str(self.root / "in" / pattern),), **options)
        clock = FixedClock(DAY_ONE + self.day * 86_400_000_000 if moment is None else moment)
        return ingest(source, location, self.lake, self.contracts, clock, commit_rows=commit_rows)

    def rows(self, source=ORDERS) -> pl.DataFrame:
        return self.lake.scan(source.name).collect()

    def edit(self, source, old: str, new: str) -> None:
        path = self.contracts / f"{source.name}.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def codes(report: IngestReport) -> list[str]:
    return sorted(finding.code for finding in report.findings)


def csv(first: int, last: int) -> str:
    rows = [f"c{i % 7},2025-01-{1 + i % 28:02d} 0{i % 10}:00,{i % 50}" for i in range(first, last)]
    return "\n".join(["customer,at,amount", *rows]) + "\n"


def test_a_file_is_read_once(world: World) -> None:
    world.write("a.csv", csv(0, 10))
    first = world.ingest()
    assert (first.rows, first.quarantined, first.duplicates, first.versions) == (10, 0, 0, (0,))
    again = world.ingest()
    assert (again.rows, again.versions) == (0, ())
    os.utime(world.root / "in" / "a.csv")
    assert world.ingest().versions == ()
    world.write("b.csv", csv(10, 15))
    assert (world.ingest().rows, world.lake.version("orders")) == (5, 1)
    row = world.rows().sort("_batch", "_row").row(0, named=True)
    assert row["_origin"] == "a.csv" and row["_row"] == 2 and row["_batch"] == "00000001-0000"


def test_the_past_is_read_as_it_was(world: World) -> None:
    for day in range(3):
        world.write(f"{day}.csv", csv(day * 10, day * 10 + 10))
        world.ingest()
    seen = [len(world.lake.scan("orders", as_of=DAY_ONE + day * 86_400_000_000).collect()) for day in range(5)]
    assert seen == [0, 10, 20, 30, 30]


def test_a_log_that_grows_is_read_on(world: World) -> None:
    path = world.write("log.csv", csv(0, 10))
    world.ingest()
    with path.open("a") as log:
        log.write("c1,2025-02-01,1\nc1,2025-02-01,x\n")
    report = world.ingest()
    assert (report.rows, report.quarantined, report.duplicates) == (1, 1, 0)
    assert Quarantine(world.lake, "orders").rows()["_row"].to_list() == [13]


def test_a_line_that_was_being_written_is_read_again(world: World) -> None:
    path = world.write("log.csv", csv(0, 3) + "c9,2025-02-01,12")
    world.ingest()
    with path.open("a") as log:
        log.write("5\nc9,2025-02-02,3\n")
    report = world.ingest()
    assert "VGD016" in codes(report)
    amounts = world.rows().filter(pl.col("customer") == "c9")["amount"].to_list()
    assert sorted(amounts) == [3, 12, 125]


def test_a_rewritten_file_is_told_and_its_new_rows_are_kept(world: World) -> None:
    world.write("a.csv", csv(0, 10))
    world.ingest()
    world.write("a.csv", csv(5, 20))
    report = world.ingest()
    assert (report.rows, report.duplicates) == (10, 5) and "VGD009" in codes(report)


def test_a_copy_is_passed_over(world: World) -> None:
    world.write("a.csv", csv(0, 10))
    world.ingest()
    world.write("copy/of/a.csv", csv(0, 10))
    report = world.ingest(pattern="**/*.csv")
    assert report.versions == () and codes(report) == ["VGD015"]


def test_a_dump_adds_what_changed(world: World) -> None:
    people = Table("people", key="id")
    for name, rows in {"1": "a,1\nb,1\n", "2": "a,1\nb,2\n", "3": "a,1\nb,1\n", "4": "b,1\na,1\n"}.items():
        world.write(f"{name}.csv", "id,v\n" + rows)
        world.ingest(people)
    assert len(world.rows(people)) == 4
    latest = latest_rows(world.lake.scan("people"), "id").sort("id").collect()
    assert latest["v"].to_list() == [1, 1]
    as_of_two = latest_rows(world.lake.scan("people", version=1), "id").sort("id").collect()
    assert as_of_two["v"].to_list() == [1, 2]


def test_a_dump_that_overwrites_its_file_is_as_usual(world: World) -> None:
    people = Table("people", key="id")
    world.write("p.csv", "id,v\na,1\nb,1\n")
    world.ingest(people)
    world.write("p.csv", "id,v\na,2\nb,1\n")
    report = world.ingest(people)
    assert report.rows == 1 and codes(report) == []


def test_several_dumps_in_one_ingest_count_in_the_order_of_their_names(world: World) -> None:
    people = Table("people", key="id")
    for day in range(3):
        world.write(f"{day}.csv", f"id,v\na,{day}\nb,0\n")
    assert world.ingest(people, commit_rows=1).rows == 4
    assert latest_rows(world.lake.scan("people"), "id").sort("id").collect()["v"].to_list() == [2, 0]


def test_versions_of_a_row_are_known_by_all_they_say(world: World) -> None:
    people = Table("people", key="id", known_at="since")
    world.write("1.csv", "id,since,v\na,2025-01-01,1\n")
    world.write("2.csv", "id,since,v\na,2025-01-01,1\na,2025-02-01,1\n")
    report = world.ingest(people)
    assert (report.rows, report.duplicates) == (2, 1)


def test_events_with_an_id_count_once(world: World) -> None:
    orders = Events("orders", key="customer", time="at", id=("shop", "order"))
    world.write("1.csv", "customer,at,shop,order\nc,2025-01-01,1,1\nc,2025-01-01,1,2\nc,2025-01-02,1,1\n")
    report = world.ingest(orders)
    assert (report.rows, report.duplicates) == (2, 1)
    world.write("2.csv", "customer,at,shop,order\nc,2025-03-03,1,2\nc,2025-01-01,2,1\n")
    assert world.ingest(orders).rows == 1
    assert sorted(world.rows(orders)["_id"]) == ["1|1", "1|2", "2|1"]


def test_formats_and_compressions_say_the_same(world: World) -> None:
    frame = pl.DataFrame({"customer": ["1", "2", "é"], "at": ["2025-01-01T00:00:00"] * 3, "amount": [1.5, None, 3.0]})
    text = frame.write_csv().encode()
    lines = "".join(json.dumps(row) + "\n" for row in frame.to_dicts()).encode()
    written = {
        "a.csv": text,
        "b.csv.gz": gzip.compress(text[:20]) + gzip.compress(text[20:]),
        "c.csv.bz2": bz2.compress(text),
        "d.csv.zst": pa.Codec("zstd").compress(text, asbytes=True),
        "e.jsonl": lines,
        "f.ndjson.gz": gzip.compress(lines),
    }
    for name, data in written.items():
        world.write(name, data)
    frame.with_columns(pl.col("at").str.to_datetime()).write_parquet(world.root / "in" / "g.parquet")
    report = world.ingest()
    # Equal content in any format is the same event; equal bytes are not even read.
    assert (report.rows, report.duplicates, report.quarantined) == (3, 18, 0)


def test_json_lines_that_are_none_are_quarantined(world: World) -> None:
    lines = [
        '{"customer": 17, "at": "2025-01-01", "tags": {"a": [1]}}',
        "",
        "{oops",
        "[1]",
        '{"customer": 18.0, "at": "2025-01-02"}',
    ]
    world.write("a.jsonl", "\n".join(lines))
    report = world.ingest()
    assert (report.rows, report.quarantined) == (2, 2)
    assert sorted(world.rows()["customer"]) == ["17", "18"]
    bad = Quarantine(world.lake, "orders").rows().sort("_row")
    assert bad["_row"].to_list() == [3, 4] and bad["rule"].to_list() == ["json", "json"]
    assert json.loads(bad["text"][0]) == "{oops"


def test_a_quarantined_row_is_kept_whole(world: World) -> None:
    world.write("a.csv", csv(0, 60))
    world.ingest()
    world.write("b.csv", csv(60, 80) + "c1,2025-03-01,many\nc2,never,1\n1,2\n")
    report = world.ingest()
    assert (report.rows, report.quarantined) == (20, 3) and codes(report) == ["VGD002"]
    bad = Quarantine(world.lake, "orders").rows().sort("_row")
    assert bad["_row"].to_list() == [22, 23, 24]
    assert bad["rule"].to_list() == ["type", "time", "fields"]
    assert json.loads(bad["text"][0]) == {"customer": "c1", "at": "2025-03-01", "amount": "many"}
    assert json.loads(bad["text"][2]) == "1,2"
    assert bad["_origin"].unique().to_list() == ["b.csv"] and bad["reason"][0] == "'many' is no number"
    assert bad["_batch"].str.starts_with("00000002-").all()


def test_a_kind_is_changed_in_the_contract_and_the_lake_follows(world: World) -> None:
    world.write("a.csv", csv(0, 60))
    world.ingest()
    world.write("b.csv", csv(60, 80).replace(",15", ",fifteen"))
    assert world.ingest().quarantined == 1
    world.edit(ORDERS, 'kind = "number"\nnullable = false\nmin = 0.0\nmax = 98.0', 'kind = "category"')
    report = world.ingest()
    assert report.released == 1 and codes(report) == ["VGD017", "VGD019"] and report.versions == (2, 3)
    rows = world.rows()
    assert len(rows) == 80 and "fifteen" in rows["amount"].to_list() and "10" in rows["amount"].to_list()
    assert world.lake.scan("orders", version=1).collect_schema()["amount"] == pl.Float64
    # The same events, delivered again in another file, are still known.
    world.write("c.csv", csv(0, 60) + "\n")
    assert world.ingest().duplicates == 60
    world.edit(ORDERS, '[columns."amount"]\nkind = "category"', '[columns."amount"]\nkind = "number"')
    (lost,) = [found for found in world.ingest().findings if found.code == "VGD019"]
    assert "1 values could not be read" in lost.explanation
    assert world.rows()["amount"].null_count() == 1


def test_release_keeps_the_order_of_arrival(world: World) -> None:
    people = Table("people", key="id")
    world.write("1.csv", "id,age\na,30\nb,200\n" + "".join(f"x{i},{i}\n" for i in range(100)))
    world.ingest(people)
    world.edit(people, 'max = 400.0\nlevel = "warn"', 'max = 100.0\nlevel = "quarantine"')
    world.write("2.csv", "id,age\na,150\nb,31\n")
    assert world.ingest(people).quarantined == 1
    world.write("3.csv", "id,age\na,32\n")
    world.ingest(people)
    world.edit(people, "max = 100.0", "max = 1000.0")
    report = world.ingest(people)
    assert (report.released, report.rows) == (1, 0) and "VGD017" in codes(report)
    assert Quarantine(world.lake, "people").rows().is_empty()
    latest = latest_rows(world.lake.scan("people"), "id").filter(pl.col("id").is_in(["a", "b"])).sort("id").collect()
    assert latest["age"].to_list() == [32, 31]  # the released row is older than the one that came after it
    assert world.ingest(people).versions == ()


def test_a_changed_schema_is_a_finding(world: World) -> None:
    world.write("1.csv", "customer,at,amount,note\nc,2025-01-01,1,x\n")
    world.ingest()
    world.write("2.csv", "customer,at,amount,city\nc,2025-01-02,2,Nice\n")
    report = world.ingest()
    assert codes(report) == ["VGD003", "VGD004"] and report.rows == 1
    contract = read_contract(world.contracts, "orders")
    assert contract is not None and contract.names()[-1] == "city"
    world.write("3.csv", "customer,at,amount,note,city\n" + "".join(f"c,2025-01-03,n{i},x,Nice\n" for i in range(5)))
    report = world.ingest()
    assert (report.rows, report.quarantined) == (0, 5) and "VGD005" in codes(report)
    assert world.rows().sort("at")["city"].to_list() == [None, "Nice"]


def test_ignored_columns_do_not_enter_the_lake(world: World) -> None:
    world.write("1.csv", "customer,at,ssn\nc,2025-01-01,123\n")
    world.ingest()
    world.edit(ORDERS, "ignore = []", 'ignore = ["ssn", "iban"]')
    text = (world.contracts / "orders.toml").read_text()
    (world.contracts / "orders.toml").write_text(text[: text.index('[columns."ssn"]')])
    world.write("2.csv", "customer,at,ssn,iban\nc,2025-01-02,123,FR76\n")
    report = world.ingest()
    assert codes(report) == [] and "iban" not in world.rows().columns
    assert world.rows().sort("at")["ssn"].to_list() == [123, None]


def test_volume_and_freshness_and_the_future(world: World) -> None:
    for day in range(4):
        world.write(f"{day}.csv", csv(day * 100, day * 100 + (100 if day < 3 else 3)))
        report = world.ingest()
    assert codes(report) == ["VGD007"]
    world.edit(ORDERS, "# max_age_days = 3", "max_age_days = 3")
    assert codes(world.ingest()) == ["VGD008"]
    world.write("5.csv", "customer,at,amount\nc,2199-01-01,1\n" + csv(1000, 1100).partition("\n")[2])
    assert codes(world.ingest()) == ["VGD013"]


def test_warnings_are_counted(world: World) -> None:
    world.write("1.csv", csv(0, 60))
    world.ingest()
    world.write("2.csv", "customer,at,amount\nc,2025-01-01,-5\nc,2025-01-01,\n")
    report = world.ingest()
    assert report.rows == 2 and codes(report) == ["VGD006", "VGD006"]


@settings(max_examples=25)
@given(st.data())
def test_any_split_into_files_and_commits_gives_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    keys = st.sampled_from(["a", "b", "", "17.0"])
    times = st.sampled_from(["2025-01-01", "2025-01-02 03:04", "soon"])
    amounts = st.sampled_from(["1", "2.5", "", "x"])
    rows = data.draw(st.lists(st.tuples(keys, times, amounts), max_size=25))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    commit = data.draw(st.integers(1, 10))
    kinds = ["customer", "at", "amount"]
    expected: set[tuple[str, str, float | None]] = set()
    bad = 0
    for key, at, amount in rows:
        if key == "" or at == "soon" or amount == "x":
            bad += 1
        else:
            expected.add((key.removesuffix(".0"), at, float(amount) if amount else None))
    world = World(tmp_path_factory.mktemp("w"))
    world.contracts.mkdir()
    world.contracts.joinpath("orders.toml").write_text(
        'source = "orders"\n[columns.customer]\nkind = "category"\n[columns.at]\nkind = "time"\n[columns.amount]\nkind = "number"\n'
    )
    parts = [rows[i:j] for i, j in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    for number, part in enumerate(parts):
        text = "\n".join([",".join(kinds), *(",".join(row) for row in part)])
        world.write(f"{number}.csv", f"{text}\n")
        if data.draw(st.booleans()):
            world.ingest(commit_rows=commit)
    world.ingest(commit_rows=commit)
    found = world.rows().select(
        "customer", pl.col("at").dt.to_string("%Y-%m-%d %H:%M").str.replace(" 00:00", "").alias("at"), "amount"
    )
    assert len(found) == len(expected) and set(found.rows()) == expected
    held = Quarantine(world.lake, "orders").rows()
    # A file whose bytes came before is not read again, so neither are its bad rows.
    distinct = {tuple(part) for part in map(tuple, parts)}
    assert len(held) == sum(key == "" or at == "soon" or amount == "x" for part in distinct for key, at, amount in part)
    assert bad >= len(held)
    assert Counter(held["_origin"]).total() == len(held)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.xlsx", "x", "says no format"),
        ("a.parquet", "PAR1 no", "Parquet file cannot be read"),
        ("a.csv.gz", "no gzip at all", "cannot be read"),
        ("a.csv", "", "no rows yet"),
        ("a.csv", "customer,at\n", "no rows yet"),
    ],
)
def test_files_that_cannot_be_read(world: World, name: str, data: str, said: str) -> None:
    world.write(name, data)
    with pytest.raises(SourceError, match=said):
        world.ingest()


def test_no_file_at_all(world: World) -> None:
    with pytest.raises(SourceError, match="no file matches"):
        world.ingest()


def test_ambiguous_dates_wait_for_a_word_of_the_user(world: World) -> None:
    world.write("a.csv", "customer,at\nc,01/02/2025\n")
    with pytest.raises(ContractError, match="day first and month first"):
        world.ingest()
    world.edit(ORDERS, 'format = "ambiguous"', 'format = "%d/%m/%Y"')
    world.ingest()
    assert str(world.rows()["at"][0]) == "2025-02-01 00:00:00+00:00"


def test_zones_nulls_and_filters(world: World) -> None:
    world.write("a.csv", "customer,at,answer\nc,2025-07-01 12:00,Select\nd,2025-07-01 12:00,yes\n")
    world.ingest(ORDERS.where(answer="yes"), zone="Europe/Paris", nulls=("", "Select"))
    rows = world.rows().sort("customer")
    assert rows["at"][0].hour == 10 and rows["answer"].to_list() == [None, "yes"]


def test_progress_tells_what_and_how_much(world: World) -> None:
    world.write("a.csv", csv(0, 10))
    world.write("b.csv", csv(10, 20))
    told: list[tuple[str, float]] = []
    location = FileLocation((str(world.root / "in" / "*.csv"),))
    ingest(ORDERS, location, world.lake, world.contracts, FixedClock(0), progress=lambda *step: told.append(step))
    assert told == [("a.csv, 10 rows", 0.5), ("b.csv, 20 rows", 1.0)]


def test_a_wrong_type_in_row_one_million_ends_in_quarantine_with_its_line(world: World) -> None:
    block = "".join(f"{i % 1000},2025-01-01,{i % 97}\n" for i in range(100_000))
    text = "customer,at,amount\n" + block * 10
    lines = text.splitlines(keepends=True)
    lines[1_000_000] = "7,2025-01-01,seven\n"
    world.write("big.csv", "".join(lines))
    report = world.ingest(commit_rows=250_000)
    assert (report.quarantined, report.rows + report.duplicates) == (1, 999_999)
    (bad,) = Quarantine(world.lake, "orders").rows().to_dicts()
    assert (bad["_row"], bad["rule"], bad["column"]) == (1_000_001, "type", "amount")


def test_online_retail_in_a_few_seconds(world: World, shared_data: Path) -> None:
    retail = Events("retail", key="CustomerID", time="InvoiceDate")
    location = FileLocation((str(shared_data / "online_retail.parquet"),))
    report = ingest(retail, location, world.lake, world.contracts, FixedClock(0))
    assert report.rows + report.duplicates + report.quarantined == 541_909
    assert report.quarantined == 135_080
    assert world.lake.scan("retail").select(pl.col("CustomerID").n_unique()).collect().item() == 4_372
