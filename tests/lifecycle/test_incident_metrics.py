"""Open incidents are told to Prometheus as the ledger has them, without reading it all the time."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.registry import CollectorRegistry

sys.path.insert(0, str(Path(__file__).parent))

from rollout_shop import bundle_of, make_project, opened, register

from vigie.clock import DAY, FixedClock, parse_moment
from vigie.errors import JournalError
from vigie.journal.ledger import Ledger
from vigie.lifecycle import rollout_follow
from vigie.lifecycle.incidents import act, stream_of
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.rollout_follow import Follower
from vigie.serving import Served
from vigie.serving.incident_metrics import IncidentMetrics
from vigie.watch.incident import Standing, folded
from vigie.watch.incident_actions import acknowledge, snooze
from vigie.watch.signal import Area

NOW = parse_moment("2026-05-04")
SEEN = {"score": "churn", "code": "VGW401", "subject": "orders", "area": "data", "size": 0.2, "limit": 0.5, "since": NOW,
        "loss": None, "words": "fewer"}  # fmt: skip


def write(ledger: Ledger, number: int, name: str, severity: str = "critical", area: str = "data") -> None:
    body = {
        "incident": name,
        "signals": [{**SEEN, "area": area}],
        "suspects": [],
        "severity": severity,
        "loss": None,
        "since": NOW,
    }
    assert ledger.append(stream_of("churn"), number, NOW, "opened", body) is not None


def open_now(told: IncidentMetrics) -> dict[tuple[str, str], float]:
    """What a scrape gets that is not 0, by severity and area."""
    registry = CollectorRegistry()
    registry.register(told)
    samples = [one for family in registry.collect() for one in family.samples]
    assert {one.name for one in samples} <= {"vigie_incidents_open"}
    assert len(samples) in (0, 3 * len(Area))  # zeros are told, too
    return {(one.labels["severity"], one.labels["area"]): one.value for one in samples if one.value}


class Silent:
    """A router that nobody asks."""

    def __init__(self, served: Served) -> None:
        self.champion = served

    def end(self) -> None: ...


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(rollout_follow, "POLL_SECONDS", 3600.0)  # rounds are made by the test
    make_project(tmp_path)
    project = opened(tmp_path, FixedClock(NOW))
    version = str(register(project, bundle_of(0.0), "champion").version)
    served = Served("churn", version, bundle_of(0.0))
    follower = Follower(project, lambda *_: served)
    with closing(ledger_of(project)) as ledger:
        yield follower, ledger, {"churn": Silent(served)}
        follower.stop()


def test_a_server_tells_what_is_open(followed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    follower, ledger, routers = followed
    write(ledger, 0, "churn-1")
    follower.start(routers)
    assert open_now(follower.incidents) == {("critical", "data"): 1}
    write(ledger, 1, "churn-2", "warning", "drift")
    follower._round()
    assert open_now(follower.incidents) == {("critical", "data"): 1}  # not yet: it was asked a moment ago
    monkeypatch.setattr(rollout_follow, "INCIDENT_SECONDS", 0.0)
    follower._round()
    assert open_now(follower.incidents) == {("critical", "data"): 1, ("warning", "drift"): 1}
    act(ledger, "churn", NOW, lambda standing: acknowledge(standing, "churn-1", "ana"))
    follower._round()
    assert open_now(follower.incidents) == {("warning", "drift"): 1}


def test_lines_are_read_once_and_only_where_there_may_be_new_ones(
    followed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower, ledger, routers = followed
    write(ledger, 0, "churn-1")
    follower.start(routers)
    monkeypatch.setattr(rollout_follow, "INCIDENT_SECONDS", 0.0)
    asked: list[int] = []
    lines = Ledger.lines

    def counted(self: Ledger, stream: str, after: int = 0) -> Any:
        asked.extend([after] if stream == stream_of("churn") else [])
        return lines(self, stream, after)

    monkeypatch.setattr(Ledger, "lines", counted)
    follower._round()
    follower._round()
    assert asked == []
    write(ledger, 1, "churn-2")
    follower._round()
    assert asked == [1]


def test_where_the_ledger_cannot_be_read_what_was_known_is_told_until_it_can(
    followed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower, ledger, routers = followed
    write(ledger, 0, "churn-1")
    follower.start(routers)
    monkeypatch.setattr(rollout_follow, "INCIDENT_SECONDS", 0.0)
    write(ledger, 1, "churn-2")
    lines = Ledger.lines

    def broken(self: Ledger, stream: str, after: int = 0) -> Any:
        raise JournalError("gone", where="here")

    monkeypatch.setattr(Ledger, "lines", broken)
    follower._round()
    assert open_now(follower.incidents) == {("critical", "data"): 1}
    monkeypatch.setattr(Ledger, "lines", lines)
    follower._round()  # nothing is new since: it is still owed
    assert open_now(follower.incidents) == {("critical", "data"): 2}


def test_what_is_snoozed_is_open_again_when_its_time_is_over(tmp_path: Path) -> None:
    make_project(tmp_path)
    moment = [NOW]
    standings: dict[str, Standing] = {}
    told = IncidentMetrics(lambda: rollout_follow.open_incidents(standings, moment[0]))
    assert open_now(told) == {}
    with closing(ledger_of(opened(tmp_path, FixedClock(NOW)))) as ledger:
        write(ledger, 0, "churn-1", "info")
        act(ledger, "churn", NOW, lambda standing: snooze(standing, "churn-1", NOW + DAY, "ana"))
        standings["churn"] = folded(ledger.lines(stream_of("churn")))
    assert open_now(told) == {}
    moment[0] += DAY
    assert open_now(told) == {("info", "data"): 1}
