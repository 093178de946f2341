from __future__ import annotations

import json
import struct
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from vigie.clock import FixedClock
from vigie.data import DeltaLocation, FileLocation, Lake, Quarantine, SqlLocation, ingest, latest_rows
from vigie.definition import Events, Table
from vigie.errors import SettingsError, SourceError
from vigie.lifecycle.locations import location_of

ORDERS = Events("orders", key="customer", time="at", id="no")
PEOPLE = Table("people", key="customer")


class World:
    def __init__(self, root: Path) -> None:
        self.lake, self.contracts, self.path = Lake(root / "lake"), root / "contracts", root / "export"

    def write(self, first: int, last: int, *, mode: str = "append", **more: object) -> None:
        frame = pl.DataFrame(
            {
                "no": [f"o{i}" for i in range(first, last)],
                "customer": [i % 5 for i in range(first, last)],
                "at": pl.Series([1_700_000_000_000_000 + i for i in range(first, last)]).cast(pl.Datetime("us", "UTC")),
                "amount": [float(i) for i in range(first, last)],
                "shop": [f"a b/{i % 2}" for i in range(first, last)],
                **more,
            }
        )
        write_deltalake(str(self.path), frame.to_arrow(), mode=mode, partition_by=["shop"], schema_mode="merge")

    @property
    def table(self) -> DeltaTable:
        return DeltaTable(str(self.path))

    def ingest(self, source=ORDERS, **options):
        return ingest(
            source, DeltaLocation(str(self.path)), self.lake, self.contracts, FixedClock(18 * 10**14), **options
        )

    def numbers(self) -> list[str]:
        return sorted(self.lake.scan("orders").collect()["no"].to_list())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def codes(report) -> list[str]:
    return sorted(found.code for found in report.findings)


def test_each_version_is_read_once(world: World) -> None:
    world.write(0, 10)
    first = world.ingest()
    assert (first.rows, first.duplicates) == (10, 0)
    assert world.ingest().versions == ()
    world.write(10, 14)
    world.write(14, 15)
    second = world.ingest()
    assert (second.rows, second.duplicates, len(second.versions)) == (5, 0, 1)
    rows = world.lake.scan("orders").collect()
    assert rows["shop"].unique().sort().to_list() == ["a b/0", "a b/1"] and rows["_origin"].unique().to_list() == [
        "export"
    ]
    assert sorted(rows["amount"]) == [float(i) for i in range(15)]


def test_rearranged_files_hold_nothing_new(world: World) -> None:
    world.write(0, 10)
    world.write(10, 20)
    world.ingest()
    world.table.optimize.compact()
    again = world.ingest()
    assert (again.rows, again.duplicates, codes(again)) == (0, 0, [])
    assert world.ingest().versions == ()


def test_rewritten_rows_are_told_and_taken_in_once(world: World) -> None:
    world.write(0, 10)
    world.ingest()
    world.write(10, 12)
    world.table.delete("no = 'o10'")
    world.table.update({"amount": "99.0"}, predicate="no = 'o2'")
    report = world.ingest()
    # The deleted row had not been read: it never comes. The changed one is known by its id: it stays as it was.
    assert report.rows == 1 and "VGD020" in codes(report)
    assert world.numbers() == sorted(f"o{i}" for i in (*range(10), 11))
    assert world.lake.scan("orders").filter(pl.col("no") == "o2").collect()["amount"].to_list() == [2.0]
    world.write(0, 3, mode="overwrite")
    assert (world.ingest().rows, len(world.numbers())) == (0, 11)


def test_a_table_of_customers_follows_what_was_changed_there(world: World) -> None:
    world.write(0, 5)
    world.ingest(PEOPLE)
    for amount in (50.0, 3.0):  # it goes and comes back
        world.table.update({"amount": str(amount)}, predicate="customer = 3")
        report = world.ingest(PEOPLE)
        assert (report.rows, codes(report)) == (1, [])
        latest = latest_rows(world.lake.scan("people"), "customer").sort("customer").collect()
        assert latest["amount"].to_list() == [0.0, 1.0, 2.0, amount, 4.0]


def test_new_columns_and_bad_rows(world: World) -> None:
    world.write(0, 60)
    world.ingest()
    world.write(
        60, 62, note=["x", "y"], amount=[1.0, None], at=pl.Series([None, 10**15]).cast(pl.Datetime("us", "UTC"))
    )
    report = world.ingest()
    assert (report.rows, report.quarantined) == (1, 1) and "VGD003" in codes(report)
    assert world.ingest().quarantined == 0
    world.table.delete("no = 'o1'")
    assert world.ingest().quarantined == 0
    assert Quarantine(world.lake, "orders").rows()["rule"].to_list() == ["time"]


def test_a_killed_ingest_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigie.data.read_delta._ROWS", 7)
    for part in range(4):
        world.write(part * 20, part * 20 + 20)
    commits, append = [], Lake.append

    def dying(self, *args, **options):
        if len(commits) % 3 == 2:
            commits.append(0)
            raise KeyboardInterrupt
        commits.append(1)
        return append(self, *args, **options)

    monkeypatch.setattr(Lake, "append", dying)
    reports = []
    for _ in range(50):
        try:
            reports.append(world.ingest(commit_rows=7))
            break
        except KeyboardInterrupt:
            continue
    assert world.numbers() == sorted(f"o{i}" for i in range(80))
    # Nothing was read twice: every row that came was new.
    counts = [v.metadata for v in world.lake.versions("orders")]
    assert sum(c["read"] for c in counts) == 80 and sum(c["duplicates"] for c in counts) == 0
    assert world.lake.versions("orders")[-1].metadata["progress"]["delta"] == {
        "table": str(world.table.metadata().id), "version": 3,
    }  # fmt: skip


def test_a_table_made_again_and_a_log_that_is_gone(world: World, tmp_path: Path) -> None:
    import shutil

    world.write(0, 10)
    world.ingest()
    world.write(10, 11)
    world.write(11, 12)
    world.table.create_checkpoint()
    (world.path / "_delta_log" / f"{1:020d}.json").unlink()
    report = world.ingest()
    assert (report.rows, report.duplicates, codes(report)) == (2, 10, ["VGD021"])
    shutil.rmtree(world.path)
    world.write(5, 13)
    report = world.ingest()
    assert (report.rows, codes(report)) == (1, ["VGD021"])
    assert world.ingest().versions == ()


def test_deletion_vectors_hide_rows(world: World) -> None:
    world.write(0, 10)
    add = next(
        action["add"]
        for action in map(json.loads, (world.path / "_delta_log" / f"{0:020d}.json").read_text().splitlines())
        if "add" in action and action["add"]["partitionValues"]["shop"] == "a b/0"
    )
    vector = _vector([0, 3])  # rows o0 and o6 of shop 0
    inline = {"storageType": "i", "pathOrInlineDv": _z85(vector), "sizeInBytes": len(vector), "cardinality": 2}
    stats = json.loads(add["stats"]) | {"tightBounds": False}
    actions = [
        {"commitInfo": {"timestamp": 1, "operation": "DELETE"}},
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
                      "writerFeatures": ["deletionVectors"]}},
        {"remove": {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}},
        {"add": add | {"deletionVector": inline, "stats": json.dumps(stats)}},
    ]  # fmt: skip
    (world.path / "_delta_log" / f"{1:020d}.json").write_text("\n".join(map(json.dumps, actions)))
    assert world.ingest().rows == 8
    assert world.numbers() == sorted(f"o{i}" for i in range(10) if i not in (0, 6))


def _vector(rows: list[int]) -> bytes:
    """A RoaringBitmapArray of one array container, as the Delta protocol writes it."""
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) + b"".join(struct.pack("<H", row) for row in rows)
    return struct.pack("<IQI", 1681511377, 1, 0) + bitmap


def _z85(data: bytes) -> str:
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    text = ""
    for (word,) in struct.iter_unpack(">I", data + b"\0" * (-len(data) % 4)):
        text += "".join(letters[word // 85**power % 85] for power in (4, 3, 2, 1, 0))
    return text


def test_what_cannot_be_read_is_said(world: World) -> None:
    with pytest.raises(SourceError, match="no Delta table"):
        world.ingest()
    world.write(0, 3)
    log = world.path / "_delta_log" / f"{0:020d}.json"
    mapped = log.read_text().replace('"configuration":{}', '"configuration":{"delta.columnMapping.mode":"name"}')
    log.write_text(
        mapped.replace('"minReaderVersion":1,"minWriterVersion":2', '"minReaderVersion":2,"minWriterVersion":5')
    )
    with pytest.raises(SourceError, match="columnMapping"):
        world.ingest()


def test_settings_tell_a_delta_table(world: World, tmp_path: Path) -> None:
    world.write(0, 3)
    assert location_of("orders", {"path": "export"}, tmp_path) == DeltaLocation(str(world.path))
    assert (
        location_of("orders", {"path": "s3://bucket/orders", "format": "delta"}, tmp_path).place()
        == "s3://bucket/orders"
    )
    assert isinstance(location_of("orders", {"path": "export/*", "format": "parquet"}, tmp_path), FileLocation)
    assert isinstance(location_of("orders", {"url": "sqlite://", "table": "o"}, tmp_path), SqlLocation)
    for keys, said in (
        ({"path": "export", "delimiter": ";"}, "does not go with a Delta table"),
        ({"path": ["a", "b"], "format": "delta"}, "one path"),
        ({"path": "exp*", "format": "delta"}, "not a pattern"),
    ):
        with pytest.raises(SettingsError, match=said):
            location_of("orders", keys, tmp_path)
