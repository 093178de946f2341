"""Deliveries and servers that go wrong make one incident each, and those that do not make none."""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from watch_shop import Shop, watch_process

from vigie.cli.program import program
from vigie.clock import DAY, iso
from vigie.errors import JournalError, SettingsError, VigieError
from vigie.journal import Prediction, PredictionJournal
from vigie.journal.ledger import Ledger
from vigie.journal.ledger_sqlite import SqliteLedger
from vigie.lifecycle.incidents import act, find, policy_of, standing_of
from vigie.lifecycle.playbooks import copy_playbooks, playbook, shipped
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.watch_anomalies import api_looks, inference_looks, signals_of
from vigie.lifecycle.watch_hours import scored_hours
from vigie.lifecycle.watching import watch_once
from vigie.serving.metrics import SECONDS, STATUSES
from vigie.serving.traffic import BEFORE_500, STATUS_KEY, TOPIC, Traffic, hour_key, hours_of
from vigie.watch.anomaly_codes import CODES
from vigie.watch.incident_actions import acknowledge
from vigie.watch.season import HOUR


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five weeks of ordinary deliveries."""
    folder = tmp_path_factory.mktemp("months")
    Shop(folder).deliver(35)
    return folder


@pytest.fixture
def shop(months: Path, tmp_path: Path) -> Shop:
    """The same, to go on from."""
    import shutil

    folder = tmp_path / "shop"
    folder.mkdir()
    again = Shop(folder)
    shutil.rmtree(folder)
    shutil.copytree(months, folder)
    again.day = 35
    return again


@pytest.fixture
def ledger(shop: Shop) -> Iterator[Ledger]:
    opened = ledger_of(shop.opened())
    yield opened
    opened.close()


def ringing(shop: Shop, ledger: Ledger, now: int | None = None) -> set[str]:
    now = shop.now if now is None else now
    return {f"{one.code} {one.subject}" for one in watch_once(shop.opened(now), ledger, "churn", now) if one.rings}


def test_ordinary_deliveries_ring_nothing(shop: Shop, ledger: Ledger) -> None:
    for _ in range(7):
        shop.deliver()
        assert ringing(shop, ledger) == set()
    assert standing_of(ledger, "churn").incidents == {}


def test_a_delivery_that_was_cut_off_is_one_incident_that_ends_by_itself(shop: Shop, ledger: Ledger) -> None:
    shop.deliver(volume=0.2)
    assert ringing(shop, ledger) == {"VGW401 orders"}
    assert ringing(shop, ledger, shop.now + HOUR) == {"VGW401 orders"}  # looking again opens no other
    (incident,) = standing_of(ledger, "churn").ongoing
    assert incident.cause.subject == "orders" and incident.suspects[0].kind == "data"
    shop.deliver()
    assert ringing(shop, ledger) == set()
    shop.deliver(2)
    assert ringing(shop, ledger) == set()
    assert standing_of(ledger, "churn").ongoing == []
    assert [line.kind for line in ledger.lines("churn incidents")] == ["opened", "quiet", "resolved"]


def test_missing_and_unreadable_values_ring(shop: Shop, ledger: Ledger) -> None:
    shop.deliver(nulls=0.4)
    assert ringing(shop, ledger) == {"VGW403 orders.amount"}
    shop.deliver(nulls=0.0)  # a default was filled in: fewer than ever are missing
    assert "VGW403 orders.amount" not in ringing(shop, ledger)  # five points are too few to ring
    shop.deliver(broken=0.5)  # values that are no number: their rows are put aside
    assert ringing(shop, ledger) == {"VGW402 orders"}


def test_a_source_that_does_not_come_is_late(shop: Shop, ledger: Ledger) -> None:
    assert ringing(shop, ledger, shop.now + 29 * HOUR) == set()
    assert ringing(shop, ledger, shop.now + 31 * HOUR) == {"VGW404 orders"}
    (incident,) = standing_of(ledger, "churn").ongoing
    assert incident.severity == "critical" and incident.since == shop.now + DAY


def test_nothing_later_than_now_is_seen(shop: Shop, ledger: Ledger) -> None:
    before = shop.now
    shop.deliver(volume=0.1)
    assert ringing(shop, ledger, before + HOUR) == set()


def test_a_look_at_the_past_changes_no_incident(shop: Shop, ledger: Ledger) -> None:
    before = shop.now
    shop.deliver(volume=0.1)
    ringing(shop, ledger)
    assert ringing(shop, ledger, before) == set()
    assert [line.kind for line in ledger.lines("churn incidents")] == ["opened"]


def test_watchers_that_see_the_same_at_once_open_one_incident(shop: Shop, ledger: Ledger) -> None:
    shop.deliver(volume=0.2)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    watchers = [context.Process(target=watch_process, args=(str(shop.folder), shop.now, barrier)) for _ in range(3)]
    for one in watchers:
        one.start()
    for one in watchers:
        one.join(600)
    assert [one.exitcode for one in watchers] == [0, 0, 0]
    assert [line.kind for line in ledger.lines("churn incidents")] == ["opened"]


class _Slow(SqliteLedger):
    """Somebody else writes between every reading and writing."""

    others = 0

    def append(self, stream: str, after: int, at: int, kind: str, body: Any) -> Any:
        if self.others:
            self.others -= 1
            super().append(stream, after, at, "acknowledged", {"incident": "churn-1", "by": f"other {self.others}"})
        return super().append(stream, after, at, kind, body)


def test_a_write_that_lost_the_race_is_worked_out_again(shop: Shop) -> None:
    shop.deliver(volume=0.2)
    ledger = _Slow(shop.folder / "ledger2.db")
    watch_once(shop.opened(), ledger, "churn", shop.now)
    ledger.others = 3
    act(ledger, "churn", shop.now, lambda standing: acknowledge(standing, "churn-1", "ann"))
    assert [line.body.get("by", "") for line in ledger.lines("churn incidents")] == [
        "",
        "other 2",
        "other 1",
        "other 0",
        "ann",
    ]
    ledger.others = 100
    with pytest.raises(JournalError, match="all the time"):
        act(ledger, "churn", shop.now, lambda standing: acknowledge(standing, "churn-1", "ann"))


def test_a_watcher_that_cannot_look_says_so_and_the_others_go_on(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vigie.lifecycle import watching

    anomalies = next(one for one in watching.WATCHERS if one[0] == "anomalies")
    monkeypatch.setattr(watching, "WATCHERS", (("broken", __name__, "broken_watcher"), anomalies))
    shop.deliver(volume=0.2)
    assert ringing(shop, ledger) == {"VGW490 broken", "VGW401 orders"}
    assert len(standing_of(ledger, "churn").ongoing) == 2


def test_a_ledger_that_is_away_for_a_moment_ends_no_watch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from vigie.cli import watch

    rounds: list[int] = []

    def away(*_: object, **__: object) -> Any:
        rounds.append(1)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        raise JournalError("the ledger does not answer", where="here")

    monkeypatch.setattr(watch, "_round", away)
    monkeypatch.setattr(watch.time, "sleep", lambda _: None)
    CliRunner().invoke(program, ["watch", "--every", "5m", "--project", str(shop.folder)])
    assert len(rounds) == 3


def broken_watcher(*_: object) -> list[Any]:
    raise JournalError("the record cannot be read", where="here")


def test_a_fault_of_our_own_in_a_watcher_is_told_and_stops_no_other(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from vigie.lifecycle import watching

    anomalies = next(one for one in watching.WATCHERS if one[0] == "anomalies")
    monkeypatch.setattr(watching, "WATCHERS", (("wrong", __name__, "wrong_watcher"), anomalies))
    shop.deliver(volume=0.2)
    assert ringing(shop, ledger) == {"VGW490 wrong", "VGW401 orders"}
    (told,) = [one for one in standing_of(ledger, "churn").ongoing if one.cause.code == "VGW490"]
    assert "KeyError" in told.cause.words and told.cause.area == "steps"
    assert "Traceback" in caplog.text


def wrong_watcher(*_: object) -> list[Any]:
    raise KeyError("x")


def test_a_store_that_is_down_hides_nothing_but_itself(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vigie.errors import StoreError
    from vigie.lifecycle import watch_anomalies

    def down(*_: object) -> list[Any]:
        raise StoreError("no connection", where="the store")

    monkeypatch.setattr(watch_anomalies, "feature_looks", down)
    shop.deliver(volume=0.2)
    assert ringing(shop, ledger) == {"VGW490 feature store", "VGW401 orders"}


# -- API -----------------------------------------------------------------------------------------------------------


class _Counted:
    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def own(self) -> dict[str, list[float]]:
        return {name: list(values) for name, values in self.values.items()}


class _Clock:
    moment = 0

    def now(self) -> int:
        return self.moment


def answers(
    ok: float,
    failed: float = 0,
    refused: float = 0,
    slow: bool = False,
    status: int = 503,
    statuses: tuple[int, ...] = STATUSES,
) -> dict[str, list[float]]:
    by_status = [{200: ok, status: failed, 422: refused}.get(one, 0.0) for one in statuses]
    buckets = [0.0] * (len(SECONDS) + 1)
    buckets[SECONDS.index(0.5 if slow else 0.01)] = ok + failed + refused
    return {"score": by_status, "score seconds": buckets}


def test_what_workers_count_is_added_up_by_the_hour(shop: Shop, ledger: Ledger) -> None:
    clock, first, second = _Clock(), _Counted(), _Counted()
    clock.moment = 1_000 * HOUR + 1
    first.values = answers(7)  # before the recorder began: not of this hour
    workers = [Traffic(lambda: ledger_of(shop.opened()), clock, every=3600) for _ in range(2)]
    for worker, counted in zip(workers, (first, second), strict=True):
        worker.start(counted)
    first.values, second.values = answers(17, 1), answers(5)
    for worker in workers:
        worker._round()
    clock.moment += HOUR
    second.values = answers(25)
    for worker in workers:
        worker.stop()
    hours = hours_of(ledger.facts(TOPIC))
    ok = STATUSES.index(200)
    assert {hour: sums["score"][ok] for hour, sums in hours.items()} == {
        hour_key(1_000 * HOUR): 15.0,
        hour_key(1_001 * HOUR): 20.0,
    }
    assert hours[hour_key(1_000 * HOUR)]["score"][STATUSES.index(503)] == 1


def weeks_of_traffic(ledger: Ledger, now: int) -> None:
    import numpy as np

    r = np.random.default_rng(4)
    facts = {}
    for at in range(now - 28 * DAY, now // HOUR * HOUR, HOUR):
        usual = 400 * (1.2 + np.sin(at // HOUR % 24 / 24 * 2 * np.pi))
        ok, failed, refused = (float(r.poisson(mean)) for mean in (usual, 0.3, 4))
        facts[f"{hour_key(at)} a"] = answers(
            ok, failed, refused, statuses=BEFORE_500
        )  # as facts were before they said it
    for key in list(facts):
        ledger.put_facts(TOPIC, now, {key: facts[key]})


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        (answers(420, 1, 4), set()),
        (answers(420, 60, 4), {"VGW301"}),
        (answers(0, 420, 4, status=500), {"VGW301"}),
        (answers(420, 0, 90), {"VGW304"}),
        (answers(420, slow=True), {"VGW302"}),
        (answers(20), {"VGW303"}),
        ({}, {"VGW303"}),
        (answers(4_000), {"VGW303"}),
    ],
    ids=["ordinary", "errors", "own", "refusals", "slow", "few", "none", "many"],
)
def test_an_hour_of_the_api(tmp_path: Path, hour: dict[str, list[float]], expected: set[str]) -> None:
    ledger, now = SqliteLedger(tmp_path / "ledger.db"), 20_000 * DAY
    weeks_of_traffic(ledger, now)
    if hour:
        ledger.put_facts(TOPIC, now, {f"{hour_key(now)} a": {STATUS_KEY: list(STATUSES), **hour}})
    found = signals_of(list(api_looks(ledger, now + HOUR + 1)), "churn", 0.1)
    assert {one.code for one in found if one.rings} == expected
    assert {one.code for one in found} >= {"VGW303"}
    assert all(one.score == "" and one.until == now + HOUR for one in found)


# -- inference -----------------------------------------------------------------------------------------------------


def predict(shop: Shop, at: int, scores: list[float]) -> None:
    journal = PredictionJournal(shop.opened().journal_folder)
    journal.append(
        [
            Prediction(
                id=f"{at}-{n}", request_id="r", score="churn", customer=str(n), as_of=at, at=at, model="1", bundle="b",
                values={}, probability=p, decision="leave", gain=None, expected_value=None, segment="low", threshold=None,
            )
            for n, p in enumerate(scores)
        ]
    )  # fmt: skip
    journal.close()


def inference(shop: Shop, ledger: Ledger, now: int) -> set[str]:
    looks = list(inference_looks(shop.opened(now), ledger, "churn", now))
    return {one.code for one in signals_of(looks, "churn", 0.1) if one.rings}


def test_scores_that_cannot_be_and_scores_that_stand_still(shop: Shop, ledger: Ledger) -> None:
    begin = shop.now // HOUR * HOUR
    for hour in range(8):
        predict(shop, begin + hour * HOUR, [((n * 37 + hour) % 50) / 50 for n in range(60)])
    assert inference(shop, ledger, begin + 8 * HOUR) == set()
    predict(shop, begin + 8 * HOUR, [0.31] * 60)
    assert inference(shop, ledger, begin + 8 * HOUR + 1) == set()  # the hour is not over
    assert inference(shop, ledger, begin + 9 * HOUR) == {"VGW312"}
    predict(shop, begin + 9 * HOUR, [n / 60 for n in range(59)] + [1.2])
    assert inference(shop, ledger, begin + 10 * HOUR) == {"VGW311"}
    hours = scored_hours(shop.opened(), ledger, "churn", begin + 10 * HOUR)
    assert hours[begin + 8 * HOUR]["distinct"] == 1 and hours[begin + 9 * HOUR]["rows"] == 60
    # Known hours are not read again: without the record they are still there.
    for path in shop.opened().journal_folder.glob("*.jsonl"):
        path.unlink()
    assert len(scored_hours(shop.opened(), ledger, "churn", begin + 30 * HOUR)) == 10


# -- what people do ------------------------------------------------------------------------------------------------


def run(shop: Shop, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(program, [*arguments, "--project", str(shop.folder)])
    assert done.exit_code == code, done.output
    return done.output


def test_the_commands(shop: Shop, ledger: Ledger) -> None:
    shop.deliver(volume=0.2)
    when = iso(shop.now)
    told = run(shop, "watch", "churn", "--as-of", when, "--fail", code=2)
    assert "VGW401" in told and "churn-1" in told and "fine" in told
    said = json.loads(run(shop, "watch", "--as-of", when, "--json"))["churn"]
    assert said["incidents"][0]["incident"] == "churn-1" and said["incidents"][0]["suspects"] == ["orders"]
    assert {one["code"] for one in said["signals"] if one["rings"]} == {"VGW401"}
    assert "churn-1" in run(shop, "incidents", "list")
    shown = run(shop, "incidents", "show", "churn-1")
    assert "opened" in shown and "vigie watch churn" in shown and "{" not in shown
    run(shop, "incidents", "ack", "churn-1", "--by", "ann", "--reason", "on it")
    run(shop, "watch", "churn", "--as-of", when, "--fail")
    run(shop, "incidents", "snooze", "churn-1", "--for", "2d")
    run(shop, "incidents", "resolve", "churn-1", "--reason", "holiday")
    assert "no incident is open" in run(shop, "incidents", "list")
    assert "holiday" in run(shop, "incidents", "show", "churn-1")


def test_a_playbook_of_the_project_wins(shop: Shop, ledger: Ledger) -> None:
    shop.deliver(volume=0.2)
    watch_once(shop.opened(), ledger, "churn", shop.now)
    project = shop.opened()
    _, incident = find(project, ledger, "churn-1")
    assert "vigie ingest" in playbook(project, incident)
    assert len(copy_playbooks(project)) == len(shipped()) and copy_playbooks(project) == []
    (shop.folder / "playbooks" / "VGW401.md").unlink()
    (shop.folder / "playbooks" / "data.md").write_text("ring {score} about {source}: {unknown}")
    assert playbook(project, incident) == "ring churn about orders: {unknown}"
    with pytest.raises(VigieError, match="no incident"):
        find(project, ledger, "churn-7")


def test_every_kind_has_a_playbook_whose_commands_exist() -> None:
    import re

    import typer

    texts = shipped()
    assert {f"{code}.md" for code in CODES} <= set(texts)
    command = typer.main.get_command(program)
    for name, text in texts.items():
        for said in re.findall(r"`vigie ([^`]*)`", text):
            words, found = said.split(), command
            if words[0] in ("retrain",):
                continue  # of another release
            while words and hasattr(found, "commands"):
                assert words[0] in found.commands, (name, said)
                found = found.commands[words.pop(0)]
            known = {option for one in found.params for option in one.opts}
            assert {word for word in words if word.startswith("--")} <= known | {"--help"}, (name, said)


@pytest.mark.parametrize(
    ("line", "says"),
    [("quiet = 'long'", "quiet"), ("warning_loss = -1", "warning_loss"), ("critical_loss = 5", "below warning_loss")],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        policy_of(Shop(tmp_path, f"[watch]\n{line}\n").opened())


def test_a_server_leaves_what_it_answered_for_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi.testclient import TestClient
    from rollout_shop import VALUES, bundle_of, make_project, opened, register

    from vigie.bundle import Scorer
    from vigie.clock import SystemClock
    from vigie.lifecycle.serve import make_app, plan_project
    from vigie.serving import ServingSettings

    def runs_out(*_: Any) -> None:
        raise MemoryError

    make_project(tmp_path)
    project = opened(tmp_path)
    register(project, bundle_of(-1.0), "champion")
    with TestClient(make_app(plan_project(opened(tmp_path, SystemClock()), ["churn"]), ServingSettings())) as client:
        for body in ({"values": VALUES}, {"values": VALUES}, {"values": {}}):
            client.post("/v1/score", json=body)
        monkeypatch.setattr(Scorer, "score_one", runs_out)
        client.post("/v1/score", json={"values": VALUES})
    (hour,) = hours_of(ledger_of(project).facts(TOPIC)).values()
    by_status = dict(zip(STATUSES, hour["score"], strict=True))
    assert (by_status[200], by_status[422], by_status[500], sum(hour["score seconds"])) == (2, 1, 1, 4)
