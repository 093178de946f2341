"""Customers that go leave nothing: every file under the state folder is looked into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from online_shop import NOW, WANTED, Shop, assert_equal

from vigie.clock import FixedClock
from vigie.data import Lake, Quarantine
from vigie.data.spool import Spool
from vigie.errors import DataError, DefinitionError
from vigie.features import tables
from vigie.journal import Prediction, PredictionJournal
from vigie.journal.predictions import read
from vigie.lifecycle import erase as room
from vigie.lifecycle.backfill import tables_folder
from vigie.lifecycle.erase import erase, plan_erasure
from vigie.lifecycle.online import plan_sync, sync
from vigie.lifecycle.recorded import recorded
from vigie.lifecycle.ship import ship

ANA, SECRET = "zz-ana@example.org", "zzz-secret-word"


def prediction(customer: str | None, number: int) -> Prediction:
    return Prediction(
        id=f"p{number}", request_id="r", score="churn", customer=customer, as_of=NOW, at=NOW, model="1", bundle="b",
        values={"a": SECRET if customer == ANA else 1.0}, probability=0.5, decision="leave", gain=1.0, expected_value=0.0,
        segment="low", threshold=0.0,
    )  # fmt: skip


def about_ana(shop: Shop) -> None:
    """Ana among the others, in every place that knows customers."""
    at = pl.Series([NOW - 1, NOW - 2, NOW - 3]).cast(pl.Datetime("us", "UTC"))
    shop.deliver("orders", {
        "customer_id": [ANA, "c0001", ANA], "at": at, "order_id": ["ana-1", "o", "ana-2"], "amount": [1.5, 2.5, 3.5],
        "channel": [SECRET, "web", SECRET],
    })  # fmt: skip
    shop.deliver("customers", {"customer_id": [ANA, "c0001"], "country": [SECRET, "FR"]})
    shop.ingest()
    shop.deliver("customers", {"customer_id": [ANA], "country": [SECRET + "2"]})
    shop.deliver("orders", {
        "customer_id": [ANA, "c0002"], "at": [None, None], "order_id": ["ana-3", "o-3"], "amount": [1.0, 2.0],
        "channel": [SECRET, "web"],
    })  # fmt: skip
    shop.ingest()
    project = shop.project
    rows = Quarantine(project.lake, "orders").rows()
    assert len(rows) == 2
    broken = rows.head(1).with_columns(
        rule=pl.lit("fields"), text=pl.lit(json.dumps(f"{ANA};x;{SECRET}")), _origin=pl.lit("broken.csv")
    )
    Quarantine(project.lake, "orders").add(broken.drop("_id"), numbered=True, moment=NOW)
    project.lake.append(
        "scores_churn", pl.DataFrame({"customer": [ANA, "c0001"], "segment": [SECRET, "low"]}), moment=NOW
    )
    spool = Spool(project.settings.state / "spool", shop.clock)
    spool.append(
        "visits", [{"customer_id": ANA, "at": "2024-01-01", "page": SECRET}, {"customer_id": "c1", "page": "x"}], "t"
    )
    spool.close()
    journal = PredictionJournal(project.journal_folder)
    journal.append([prediction(ANA, 1), prediction("c0001", 2), prediction(None, 3)])
    journal.append([prediction(ANA, 4)])
    shipped = PredictionJournal(project.journal_folder)
    shipped.append([prediction(ANA, 5), prediction("c0001", 6), prediction(ANA, 7)])
    shipped.close()
    assert ship(project).rows == 3
    partition = tables_folder(project) / "churn" / "month" / "2024-01"
    tables.write_spine(partition, [ANA, "c0001"], pl.Series([NOW, NOW]).to_numpy(), definition="0" * 16, made={})
    sync(project, shop.histories())


def files_with(root: Path, words: Collection[str]) -> list[str]:
    """Files under the state folder in which one of *words* stands; Parquet is unpacked too."""
    found = []
    for path in sorted((root / ".vigie").rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += str(pl.read_parquet(path).to_dict(as_series=False)).encode()
            if any(word.encode() in content for word in words):
                found.append(str(path.relative_to(root)))
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.trade(1)
    made.ingest()
    made.trade(2)
    made.ingest()
    about_ana(made)
    return made


def test_nothing_is_left_of_a_customer_in_any_file(shop: Shop) -> None:
    before = files_with(shop.root, [ANA, SECRET])
    for place in ("lake/_predictions/day=", "lake/orders/_delta_log", "lake/customers/part", "_quarantine/orders", "scores_churn", "spool", "journal",
                  "online.db", "features"):  # fmt: skip
        assert any(place in file for file in before), place
    progress = shop.project.lake.versions("orders")[-1].metadata
    others = {name: shop.project.lake.scan(name).filter(pl.col("customer_id") != ANA).collect() for name in WANTED}

    done = erase(shop.project, [ANA])

    assert files_with(shop.root, [ANA, SECRET]) == []
    assert {item.place: item.rows for item in done.items} == {
        "events received, not in the lake yet": 1, "quarantine of orders": 2, "lake table customers": 2,
        "lake table orders": 2, "lake table plans": 0, "lake table visits": 0, "lake table scores_churn": 1,
        "online store": 2, "feature tables": 1, "predictions": 4, "predictions in the lake": 2,
    }  # fmt: skip
    assert done.left == 0 and done.passed == ()
    lake = shop.project.lake
    for name, rows in others.items():
        assert lake.scan(name).collect().sort("_id", "_batch", "_row").equals(rows.sort("_id", "_batch", "_row"))
    assert any(version.metadata == progress for version in lake.versions("orders"))
    assert [p.id for p in read(shop.project.journal_folder)] == ["p2", "p3", "p6"]
    assert sorted(p.id for p in recorded(shop.project)) == ["p2", "p3", "p6"]
    assert Quarantine(lake, "orders").rows()["text"].str.contains("c0002").to_list() == [True]
    assert lake.scan("scores_churn").collect()["customer"].to_list() == ["c0001"]


def test_life_goes_on_afterwards(shop: Shop) -> None:
    erase(shop.project, [ANA])

    histories = shop.histories()
    assert plan_sync(shop.project, histories).current, "the store knows that nothing came"
    assert_equal(shop, histories)
    versions = len(shop.project.lake.versions("orders"))
    shop.ingest()
    assert len(shop.project.lake.versions("orders")) == versions, "files that were read are not read again"
    shop.trade(3)
    shop.ingest()
    sync(shop.project, histories)
    assert_equal(shop, histories)


def test_older_versions_that_held_him_cannot_be_read_and_those_before_can(shop: Shop) -> None:
    lake = shop.project.lake
    first, held = lake.scan("orders", version=0).collect(), lake.version("orders")
    erase(shop.project, [ANA])

    lake = shop.project.lake
    assert lake.scan("orders", version=0).collect().equals(first)
    with pytest.raises(Exception, match="(?i)no such file|not found"):
        lake.scan("orders", version=held).collect()


def test_a_plan_changes_nothing_and_says_what_will_go(shop: Shop) -> None:
    before = {
        path: path.read_bytes()
        for path in (shop.root / ".vigie").rglob("*.*")
        if path.is_file() and "online.db" not in path.name
    }
    plan = plan_erasure(shop.project, [ANA])
    after = {
        path: path.read_bytes()
        for path in (shop.root / ".vigie").rglob("*.*")
        if path.is_file() and "online.db" not in path.name
    }

    assert before == after
    assert [(item.place, item.rows) for item in plan.items] == [
        (item.place, item.rows) for item in erase(shop.project, [ANA]).items
    ]


def test_again_finds_nothing(shop: Shop) -> None:
    erase(shop.project, [ANA])
    version = shop.project.lake.version("orders")

    again = erase(shop.project, [ANA])

    assert again.rows == 0 and all(item.older == 0 for item in again.items)
    assert shop.project.lake.version("orders") == version
    assert plan_erasure(shop.project, [ANA]).rows == 0


@pytest.mark.parametrize("name", ["erasure._tidy_log", "Path.unlink", "absorbed_again", "forget", "SqliteStore.erase"])
def test_what_was_killed_in_the_middle_is_ended_by_the_next(
    shop: Shop, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vigie.data import erasure
    from vigie.features.online.sqlite_store import SqliteStore

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    owner, _, attribute = name.rpartition(".")
    monkeypatch.setattr(
        {"erasure": erasure, "Path": Path, "SqliteStore": SqliteStore}.get(owner, room), attribute, killed
    )
    with pytest.raises(KeyboardInterrupt):
        erase(shop.project, [ANA])
    monkeypatch.undo()
    assert files_with(shop.root, [ANA, SECRET])

    erase(shop.project, [ANA])

    assert files_with(shop.root, [ANA, SECRET]) == []
    histories = shop.histories()
    sync(shop.project, histories)
    assert_equal(shop, histories)


def test_files_that_a_killed_writer_left_go_too(shop: Shop) -> None:
    folder = shop.project.lake.path("orders")
    frame = pl.DataFrame({"customer_id": [ANA], "channel": [SECRET]})
    for name, age in (("part-old.parquet", 3600), ("part-new.parquet", 1)):
        frame.write_parquet(folder / name)
        os.utime(folder / name, (NOW / 1e6 - age,) * 2)
    (folder / "part-torn.parquet").write_bytes(b"PAR1" + SECRET.encode())
    os.utime(folder / "part-torn.parquet", (NOW / 1e6 - 3600,) * 2)

    done = erase(shop.project, [ANA])

    assert done.left == 1
    assert sorted(path.name for path in folder.glob("part-[not]*")) == ["part-new.parquet"]
    shop.clock = FixedClock(NOW + 3_600_000_000)
    assert erase(shop.project, [ANA]).left == 0
    assert files_with(shop.root, [ANA, SECRET]) == []


def test_checkpoints_of_the_log_are_made_anew(shop: Shop) -> None:
    shop.project.lake.table("orders").create_checkpoint()

    erase(shop.project, [ANA])

    logs = list((shop.project.lake.path("orders") / "_delta_log").glob("*.checkpoint.parquet"))
    assert [int(path.name[:20]) for path in logs] == [shop.project.lake.version("orders")]
    for path in logs:
        assert SECRET not in str(pl.read_parquet(path, columns=["add"]).to_dict(as_series=False))
    shop.trade(3)
    shop.ingest()
    assert shop.project.lake.scan("orders").collect().height > 800


def test_keys_that_look_alike_stay(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    keys = ["1", "10", "o'brien", 'a"b', "A", "a"]
    at = pl.Series([NOW - 5] * len(keys)).cast(pl.Datetime("us", "UTC"))
    shop.trade(1)
    shop.deliver("orders", {
        "customer_id": keys, "at": at, "order_id": [f"k{i}" for i in range(len(keys))], "amount": [1.0] * len(keys),
        "channel": ["web"] * len(keys),
    })  # fmt: skip
    shop.ingest()

    erase(shop.project, ["1", "o'brien", "a"])

    left = shop.project.lake.scan("orders").collect()["customer_id"].to_list()
    assert [key for key in keys if key in left] == ["10", 'a"b', "A"]


def test_keys_that_are_numbers(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    from vigie.data.erasure import by_key, erase_rows, survey

    lake.append("t", pl.DataFrame({"key": [17.0, 17.5, None, 2.0], "n": [1, 2, 3, 4]}), moment=1)
    lake.append("i", pl.DataFrame({"key": [17, 18]}), moment=1)
    assert survey(lake, "t", by_key("key", ["17"])).rows == 1

    for name in ("t", "i", "nothing"):
        erase_rows(lake, name, by_key("key", ["17", "17.5", "x"]), moment=2)

    assert lake.scan("t").collect()["n"].to_list() == [3, 4]
    assert lake.scan("i").collect()["key"].to_list() == [18]


def test_an_erasure_and_ingests_at_once(shop: Shop) -> None:
    import threading

    failures: list[BaseException] = []

    def deliver() -> None:
        try:
            for seed in range(3, 8):
                shop.trade(seed, events=60)
                for _ in range(20):
                    try:
                        shop.ingest()
                        break
                    except DataError as error:
                        if not error.retryable:
                            raise
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    writer = threading.Thread(target=deliver)
    writer.start()
    erase(shop.project, [ANA])
    writer.join(60)

    assert failures == []
    assert shop.project.lake.scan("orders").collect().height == 800 + 1 + 5 * 60
    erase(shop.project, [ANA])
    assert files_with(shop.root, [ANA, SECRET]) == []
    histories = shop.histories()
    sync(shop.project, histories)
    assert_equal(shop, histories)


def test_the_journal_stays_whole_under_a_server(tmp_path: Path) -> None:
    from vigie.journal.forget import forget

    journal = PredictionJournal(tmp_path)
    journal.append([prediction(ANA, 1), prediction("c", 2)])
    with next(tmp_path.glob("*.jsonl")).open("ab") as segment:
        segment.write(b'{"torn')
    other = PredictionJournal(tmp_path)
    other.append([prediction(ANA, 3)])

    assert forget(tmp_path, [ANA], dry=True) == 2
    assert forget(tmp_path, [ANA]) == 2
    other.append([prediction("c", 4)])

    assert [p.id for p in read(tmp_path)] == ["p2", "p4"]
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert forget(tmp_path / "nowhere", [ANA]) == 0


def test_nobody_cannot_be_erased(shop: Shop) -> None:
    for keys in ([], [""], ["a", " "]):
        with pytest.raises(DefinitionError, match="no customer"):
            erase(shop.project, keys)


def test_texts_are_of_whom_they_name() -> None:
    of = lambda text, *keys: room._is_of(text, ["customer_id", "id"], set(keys))  # noqa: E731

    assert of('{"customer_id": 17.0, "x": 1}', "17") and of('{"id": "17"}', "17")
    assert not of('{"customer_id": 170, "x": 17}', "17")
    assert of('"17;2025;?"', "17") and of("'17',broken", "17") and not of('"2017-01-17;170"', "17")
    assert of('"broken {ana@example.org} line"', "ana@example.org")
    assert not of(None, "17") and not of("", "17") and not of("[1, 2]", "3")


def test_the_command(shop: Shop) -> None:
    from vigie.cli.program import program

    def run(*words: str, answer: str = "") -> str:
        done = CliRunner().invoke(program, ["erase", ANA, *words, "--project", str(shop.root)], input=answer)
        return done.output

    assert "would go" in run("--plan") and files_with(shop.root, [ANA])
    assert "Abort" in run(answer="n\n") and files_with(shop.root, [ANA])
    said = run("--yes")
    assert "gone" in said and "older versions" in said
    assert files_with(shop.root, [ANA, SECRET]) == []


def test_the_command_that_materialises(shop: Shop) -> None:
    words = [sys.executable, "-m", "vigie.cli", "features", "materialise", "--project", str(shop.root)]
    plan = subprocess.run([*words, "--plan"], capture_output=True, text=True, check=True).stdout
    assert "absent" in plan or "current" in plan
    done = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "Materialise" in done and "orders" in done
    assert (
        "nothing: the store has version"
        in subprocess.run([*words, "--plan"], capture_output=True, text=True, check=True).stdout
    )


def test_a_prediction_is_read_as_before() -> None:
    assert msgspec.json.decode(msgspec.json.encode(prediction(ANA, 1)), type=Prediction) == prediction(ANA, 1)
