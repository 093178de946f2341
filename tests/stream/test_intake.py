"""Received events: good or bad as in a file, kept through a kill, online at once, once in the lake."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_shop import HOLDINGS, batch, histories_on, make_project, online

from vigie.clock import DAY, FixedClock, iso, parse_moment
from vigie.data import FileLocation, Lake, Quarantine, ingest
from vigie.errors import DefinitionError, SettingsError, StoreError
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.run_store import Run
from vigie.lifecycle.events import Intake
from vigie.lifecycle.ingest import ingest_sources

NOW = parse_moment("2026-06-01T12:00:00Z")


class Ticking:
    """A clock that goes on by a microsecond whenever it is looked at."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> int:
        self.moment += 1
        return self.moment


class Failing(MemoryStore):
    """A store that can be down."""

    down = False

    def append(self, runs: Iterable[Run], facts: Mapping[str, bytes] | None = None) -> None:
        if self.down:
            raise StoreError("the store does not answer")
        super().append(runs, facts)


def order(number: int, customer: str, at: int, amount: Any = 1.0, channel: Any = "web") -> dict[str, Any]:
    return {"order": f"o{number}", "customer": customer, "at": iso(at), "amount": amount, "channel": channel}


def kept(project: Any, source: str) -> pl.DataFrame:
    return Lake(project.settings.state / "lake").scan(source).collect()


@pytest.fixture
def store() -> Failing:
    return Failing()


@pytest.fixture
def project(tmp_path: Path) -> Any:
    return make_project(tmp_path, Ticking())


@pytest.fixture
def intake(project: Any, store: Failing) -> Intake:
    return Intake(project, histories_on(store, project.clock))


def test_a_row_is_good_or_bad_told_so_and_found_where_it_belongs(project: Any, intake: Intake) -> None:
    rows = [
        order(1, "a", NOW - DAY, 10.5),
        order(2, "a", NOW - DAY, "oops"),
        {"order": "o3", "at": iso(NOW), "amount": 1},
        order(4, "b", NOW - 2 * DAY, 7),
    ]
    receipt = intake.accept("orders", rows, "test")
    assert receipt.accepted == 2 and receipt.online
    assert [(q.index, q.rule, q.column) for q in receipt.quarantined] == [(1, "type", "amount"), (2, "key", "customer")]
    assert "oops" in receipt.quarantined[0].reason

    report = intake.flush("orders")
    assert report is not None and (report.rows, report.quarantined) == (2, 2)
    rows_kept = kept(project, "orders").sort("order")
    assert rows_kept["order"].to_list() == ["o1", "o4"]
    assert rows_kept["_origin"].unique().to_list() == ["test"]
    moments = rows_kept["_ingested_at"].cast(pl.Int64).to_list()
    assert all(NOW < moment < NOW + 50 for moment in moments), "the moment of reception, not of the flush"
    held = Quarantine(Lake(project.settings.state / "lake"), "orders").rows()
    assert sorted(held["rule"].to_list()) == ["key", "type"]
    assert not intake.spool.segments("orders") and intake.lag("orders") == 0


def test_the_same_event_any_number_of_times_changes_nothing(project: Any, intake: Intake) -> None:
    rows = [order(n, "ab"[n % 2], NOW - n * DAY, n) for n in range(6)] + [order(9, "a", NOW, "bad")]
    for _ in range(3):
        intake.accept("orders", rows, "test")
        intake.accept("orders", list(reversed(rows)), "test")
    before = online(intake._histories, "ab", NOW)
    intake.flush("orders")
    intake.accept("orders", rows, "again")
    intake.flush("orders")
    assert sorted(kept(project, "orders")["order"]) == [f"o{n}" for n in range(6)]
    assert len(Quarantine(Lake(project.settings.state / "lake"), "orders").rows()) <= 2, "once for each origin"
    assert online(intake._histories, "ab", NOW) == before == batch(project, NOW)


def test_of_two_events_that_say_different_things_the_first_stays_everywhere(project: Any, intake: Intake) -> None:
    intake.accept("orders", [order(1, "a", NOW - DAY, 1.0)], "test")
    intake.accept("orders", [order(1, "a", NOW - 2 * DAY, 99.0), order(1, "b", NOW - DAY, 5.0)], "test")
    intake.flush("orders")
    intake.accept("orders", [order(1, "a", NOW - DAY, 3.0)], "test")
    intake.flush("orders")
    assert kept(project, "orders").select("customer", "amount").sort("customer").rows() == [("a", 1.0), ("b", 5.0)]
    assert online(intake._histories, "ab", NOW) == batch(project, NOW)


def test_strange_times_count_when_they_come_and_stall_nothing(project: Any, intake: Intake) -> None:
    moments = {
        1: parse_moment("1970-01-01T00:00:00Z"),
        2: parse_moment("2999-12-31T23:59:59Z"),
        3: NOW + DAY // 24,
        4: NOW - 20 * DAY,
        5: NOW - DAY,
    }
    receipts = [intake.accept("orders", [order(n, "a", at, n)], "test") for n, at in moments.items()]
    assert [(r.accepted, r.ahead, r.late) for r in receipts] == [(1, 0, 1), (1, 1, 0), (1, 1, 0), (1, 0, 0), (1, 0, 0)]
    intake.flush("orders")
    for moment, count in ((NOW, 2), (NOW + DAY // 24, 2), (NOW + DAY // 24 + 1, 3)):
        values = online(intake._histories, "a", moment)
        assert values["a"][2] == count and values == batch(project, moment)


def test_rows_of_a_table_are_received_like_events(project: Any, intake: Intake) -> None:
    rows = [
        {"customer": "a", "changed": iso(NOW - d * DAY), "country": c} for d, c in ((1, "FR"), (5, "DE"), (3, "BE"))
    ]
    receipt = intake.accept("customers", [*rows, {"customer": "a", "changed": "no", "country": "X"}], "test")
    assert receipt.accepted == 3 and [q.rule for q in receipt.quarantined] == ["time"]
    intake.flush("customers")
    assert [online(intake._histories, "a", NOW - d * DAY)["a"][0] for d in (0, 2, 4, 6)] == ["FR", "BE", "DE", None]
    assert batch(project, NOW)["a"][0] == "FR"


def test_an_event_without_id_is_known_by_all_it_contains_new_columns_included(project: Any, intake: Intake) -> None:
    visit = {"customer": "a", "at": iso(NOW - DAY), "page": "/"}
    intake.accept("visits", [visit, {**visit, "browser": "x"}, {**visit, "browser": None}], "test")
    intake.flush("visits")
    assert kept(project, "visits")["browser"].to_list() == [None, "x"]
    assert online(intake._histories, "a", NOW) == batch(project, NOW)


def test_a_store_that_is_down_loses_nothing(project: Any, intake: Intake, store: Failing) -> None:
    store.down = True
    with pytest.raises(StoreError):
        intake.accept("orders", [order(1, "a", NOW - DAY)], "test")
    store.down = False
    intake.accept("orders", [order(2, "a", NOW - DAY)], "test")
    assert online(intake._histories, "a", NOW)["a"][2] == 1
    intake.flush("orders")
    assert online(intake._histories, "a", NOW) == batch(project, NOW)
    assert batch(project, NOW)["a"][2] == 2


def test_what_a_killed_process_left_is_online_again_and_once_in_the_lake(project: Any, store: Failing) -> None:
    first = Intake(project, histories_on(Failing(), project.clock))  # what it puts online dies with it
    first.accept("orders", [order(1, "a", NOW - DAY), order(2, "b", NOW - DAY)], "test")
    _kill(first)
    second = Intake(project, histories_on(store, project.clock))
    assert second.recover() == 2
    assert online(second._histories, "ab", NOW)["b"][2] == 1
    third = Intake(project, histories_on(Failing(), project.clock))
    third.accept("orders", [order(3, "b", NOW - DAY)], "test")
    _kill(third)
    second.accept("orders", [order(1, "a", NOW - DAY)], "test")
    second.flush("orders")  # takes over what the third left, without having been started again
    assert online(second._histories, "ab", NOW) == batch(project, NOW)
    assert sorted(kept(project, "orders")["order"]) == ["o1", "o2", "o3"]
    assert not second.spool.segments("orders")


def _kill(intake: Intake) -> None:
    """What the operating system does: descriptors are closed, and that is all."""
    import os

    for segment in intake.spool._open.values():
        os.close(segment.descriptor)
    intake.spool._open.clear()


def test_a_source_without_contract_is_kept_and_gets_one_at_the_first_flush(tmp_path: Path, store: Failing) -> None:
    project = make_project(tmp_path, Ticking(), contracts=False)
    intake = Intake(project, histories_on(store, project.clock))
    receipt = intake.accept("orders", [order(n, "a", NOW - n * DAY, n) for n in range(5)], "test")
    assert receipt.accepted == 5 and not receipt.online
    report = intake.flush("orders")
    assert report is not None and report.rows == 5 and (tmp_path / "contracts" / "orders.toml").exists()
    assert intake.accept("orders", [order(7, "a", NOW, 1)], "test").online


def test_an_ingest_of_files_may_run_at_the_same_time(project: Any, intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(f"order,customer,at,amount,channel\nf1,a,{iso(NOW - DAY)},1,web\n")
    source = HOLDINGS["orders"].source
    location = FileLocation((str(tmp_path / "f.csv"),))
    intake.accept("orders", [order(1, "a", NOW)], "test")
    ingest(source, location, Lake(project.settings.state / "lake"), tmp_path / "contracts", project.clock)
    intake.flush("orders")
    intake.accept("orders", [order(2, "a", NOW)], "test")
    ingest(source, location, Lake(project.settings.state / "lake"), tmp_path / "contracts", project.clock)
    intake.flush("orders")
    assert sorted(kept(project, "orders")["order"]) == ["f1", "o1", "o2"]


def test_an_ingest_leaves_alone_what_is_only_received(project: Any, intake: Intake) -> None:
    with pytest.raises(SettingsError, match="nothing says where source"):
        ingest_sources(project)
    for source, row in (("orders", order(1, "a", NOW)), ("visits", {}), ("customers", {})):
        intake.accept(source, [row], "test")
    assert ingest_sources(project) == []


def test_a_source_that_nobody_reads_is_refused(intake: Intake) -> None:
    with pytest.raises(DefinitionError, match="did you mean 'orders'"):
        intake.accept("order", [{}], "test")


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.integers(2**53, 2**70), st.floats(-5, 5), st.sampled_from(["", " 7 ", "7.0"]),
    st.sampled_from(["x", "2026-05-01", "1e3", "true"]), st.lists(st.integers(), max_size=2),
)  # fmt: skip
ROWS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"order": VALUES, "customer": VALUES, "at": VALUES, "amount": VALUES, "channel": VALUES}
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.randoms())
def test_a_row_is_good_or_bad_for_itself_and_as_in_a_file_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    clock = FixedClock(NOW)
    project = make_project(folder / "one", clock)
    intake = Intake(project, None)
    together = intake.accept("orders", rows, "test")
    alone = [intake.prepare("orders", [row]) for row in rows]
    bad = {q.index: (q.rule, q.column) for q in together.quarantined}
    for i, prepared in enumerate(alone):
        assert [(q.rule, q.column) for q in prepared.receipt.quarantined] == ([bad[i]] if i in bad else [])
    intake.flush("orders")

    files = make_project(folder / "two", clock)
    lake = Lake(folder / "two" / ".vigie" / "lake")
    for i, row in enumerate(rows):
        (folder / "two" / f"{i:03}.jsonl").write_text(json.dumps(row) + "\n")
    location = FileLocation((str(folder / "two" / "*.jsonl"),))
    ingest(HOLDINGS["orders"].source, location, lake, folder / "two" / "contracts", clock)
    assert _said(Lake(project.settings.state / "lake")) == _said(lake)
    assert files.settings.root != project.settings.root


def _said(lake: Lake) -> Sequence[Any]:
    columns = ["customer", "at", "order", "amount", "channel", "_id"]
    good = lake.scan("orders", columns=columns).collect().sort(columns).rows() if lake.has("orders") else []
    held = Quarantine(lake, "orders").rows()
    return [good, sorted(set(held.select("rule", "column", "reason").rows()), key=str)]
