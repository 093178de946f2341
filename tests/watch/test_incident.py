"""One incident for one cause, opened once, told apart from others, ended by itself and opened again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vigie.clock import DAY
from vigie.errors import VigieError
from vigie.watch import Area, Signal
from vigie.watch.incident import (
    Move,
    Policy,
    Standing,
    folded,
    next_moves,
)
from vigie.watch.incident_actions import acknowledge, resolve, snooze
from vigie.watch.incident_times import times
from vigie.watch.suspects import Deployment, grouped, suspects

HOUR = DAY // 24
NOW = 100 * DAY
READS = {"age": {"people"}, "spent": {"orders"}, "visits": {"orders"}}


def signal(area: Area, code: str, subject: str, **more: Any) -> Signal:
    given: dict[str, Any] = {
        "score": "" if area in (Area.DATA, Area.FEATURES, Area.API) else "churn",
        "model": "3", "size": 2.0, "limit": 1.0, "evidence": 0.001, "rings": True, "since": NOW - DAY, "until": NOW,
    }  # fmt: skip
    return Signal(area=area, code=code, subject=subject, **given | more)


LATE = signal(Area.DATA, "VGW404", "orders", details={"source": "orders", "severity": "critical"})
NULLS = signal(Area.DATA, "VGW403", "orders.amount", details={"source": "orders", "severity": "warning"})
SPENT = signal(Area.DRIFT, "VGW101", "spent")
AGE = signal(Area.DRIFT, "VGW101", "age")
SCORES = signal(Area.DRIFT, "VGW104", "")
VALUE = signal(Area.PERFORMANCE, "VGW201", "value", loss=250.0, details={"segments": ["high"]})
ERRORS = signal(Area.API, "VGW301", "score", details={"severity": "critical"})
FEWER = signal(Area.INFERENCE, "VGW313", "churn", details={"severity": "warning"})


@dataclass
class Line:
    number: int
    at: int
    kind: str
    body: dict[str, Any]


@dataclass
class Log:
    """A ledger of one stream, as a list."""

    lines: list[Line] = field(default_factory=list)
    policy: Policy = field(default_factory=Policy)

    @property
    def standing(self) -> Standing:
        return folded(self.lines)

    def write(self, moves: list[Move], now: int) -> list[str]:
        for move in moves:
            body = msgspec.json.decode(msgspec.json.encode(move.body))  # as the ledger keeps it
            self.lines.append(Line(len(self.lines) + 1, now, move.kind, body))
        return [move.kind for move in moves]

    def watch(self, *signals: Signal, now: int = NOW, **more: Any) -> list[str]:
        return self.write(next_moves("churn", self.standing, signals, now, self.policy, reads=READS, **more), now)


def quiet(one: Signal) -> Signal:
    return replace(one, rings=False)


def keys(group: Any) -> set[str]:
    return {f"{one.code} {one.subject}".strip() for one in group.signals}


def test_a_fault_of_a_source_silences_what_it_makes_and_nothing_else() -> None:
    found = grouped([VALUE, AGE, SCORES, SPENT, NULLS, LATE], READS)
    assert [group.cause.key for group in found] == [LATE.key, AGE.key]
    assert keys(found[0]) == {"VGW404 orders", "VGW403 orders.amount", "VGW101 spent", "VGW104", "VGW201 value"}
    assert keys(found[1]) == {"VGW101 age"}  # people has no fault, so this is a drift of its own


def test_two_sources_are_two_causes() -> None:
    other = signal(Area.DATA, "VGW401", "people", details={"source": "people"})
    assert len(grouped([NULLS, other], READS)) == 2


def test_a_fault_that_came_later_explains_nothing() -> None:
    long_ago = replace(SPENT, since=NOW - 20 * DAY)
    assert len(grouped([LATE, long_ago], READS)) == 2


def test_an_outage_explains_missing_predictions_but_not_drift() -> None:
    found = grouped([FEWER, ERRORS, AGE], READS)
    assert [keys(group) for group in found] == [{"VGW301 score", "VGW313 churn"}, {"VGW101 age"}]


def test_slow_reads_explain_slow_answers() -> None:
    reads = signal(Area.FEATURES, "VGW411", "features")
    slow = signal(Area.API, "VGW302", "score")
    (group,) = grouped([slow, reads], READS)
    assert group.cause is reads


def test_a_watcher_that_is_blind_stands_alone() -> None:
    blind = signal(Area.STEPS, "VGW490", "drift")
    assert len(grouped([blind, SPENT], READS)) == 2


def test_a_release_just_before_is_suspected_before_features_and_after_data() -> None:
    (group,) = grouped([SPENT, AGE, SCORES], READS)
    promoted = Deployment(NOW - DAY - HOUR, "version 4 was promoted")
    long_ago = Deployment(NOW - 30 * DAY, "version 3 was promoted")
    ranked = suspects(group, [long_ago, promoted], {"spent": 0.1, "age": 0.02})
    assert [one.what for one in ranked] == ["version 4 was promoted", "spent", "age"]
    (group,) = grouped([LATE, SPENT], READS)
    assert [one.kind for one in suspects(group, [promoted], {"spent": 0.1})] == ["data", "deployment", "feature"]


def test_importance_size_and_timing_rank_features() -> None:
    far = replace(AGE, size=10.0)
    (group,) = grouped([SPENT, far], READS)
    assert next(one.what for one in suspects(group, [], {"spent": 0.1, "age": 0.1})) == "age"
    assert next(one.what for one in suspects(group, [], {"spent": 0.9, "age": 0.1})) == "spent"
    later = replace(far, since=NOW)
    early = replace(SPENT, since=NOW - 20 * DAY)
    (group,) = grouped([early, later], READS)
    assert next(one.what for one in suspects(group, [], {"spent": 0.1, "age": 0.1})) == "spent"


def test_an_incident_opens_once_changes_and_ends_by_itself() -> None:
    log = Log()
    assert log.watch(SPENT) == ["opened"]
    assert log.watch(SPENT, now=NOW + HOUR) == []
    assert log.watch(SPENT, SCORES, VALUE, now=NOW + 2 * HOUR) == ["changed"]
    (incident,) = log.standing.ongoing
    assert incident.id == "churn-1" and incident.severity == "warning" and incident.loss == 250.0
    assert incident.affected == ("high",) and incident.since == NOW - DAY
    fine = [quiet(SPENT), quiet(SCORES), quiet(VALUE)]
    assert log.watch(*fine, now=NOW + DAY) == ["quiet"]
    assert log.watch(*fine, now=NOW + DAY + 35 * HOUR) == []
    assert log.watch(*fine, now=NOW + DAY + 36 * HOUR) == ["resolved"]
    assert log.standing.ongoing == [] and log.watch(*fine, now=NOW + 9 * DAY) == []


def test_what_rings_again_soon_is_the_same_incident_and_later_a_new_one() -> None:
    log = Log()
    log.watch(NULLS)
    log.watch(quiet(NULLS), now=NOW + DAY)
    assert log.watch(NULLS, now=NOW + 2 * DAY) == ["ringing"]
    log.watch(quiet(NULLS), now=NOW + 3 * DAY)
    log.watch(quiet(NULLS), now=NOW + 5 * DAY)
    assert log.watch(replace(NULLS, since=NOW + 8 * DAY), now=NOW + 9 * DAY) == ["reopened"]
    (incident,) = log.standing.incidents.values()
    assert incident.ongoing and incident.reopened == 1 and incident.since == NOW - DAY
    log.watch(quiet(NULLS), now=NOW + 10 * DAY)
    log.watch(quiet(NULLS), now=NOW + 12 * DAY)
    assert log.watch(NULLS, now=NOW + 30 * DAY) == ["opened"]
    assert list(log.standing.incidents) == ["churn-1", "churn-2"]


def test_a_cause_found_later_takes_the_incident_over() -> None:
    log = Log()
    log.watch(SPENT)
    assert log.watch(SPENT, LATE, now=NOW + HOUR) == ["changed"]
    (incident,) = log.standing.ongoing
    assert incident.cause.code == "VGW404" and incident.severity == "critical"
    assert incident.suspects[0].kind == "data"


def test_a_fault_that_came_later_does_not_take_an_incident_over() -> None:
    """Prices drift for weeks, then a day's file is broken: that makes values of the same feature be missing, and is another incident."""
    log, missing = Log(), signal(Area.DRIFT, "VGW102", "spent", since=NOW - DAY)
    old = replace(SPENT, since=NOW - 20 * DAY)
    log.watch(old, missing, now=NOW - 18 * DAY)
    broken = replace(NULLS, since=NOW - DAY)
    log.watch(old, missing, broken, now=NOW)
    first, second = log.standing.incidents.values()
    assert (first.cause.code, second.cause.code) == ("VGW101", "VGW403")
    assert second.suspects[0].kind == "data"
    log.watch(old, missing, broken, now=NOW + HOUR)
    assert len(log.standing.incidents) == 2


def test_an_incident_began_when_it_began_also_where_another_version_answers() -> None:
    log = Log()
    log.watch(SPENT)
    (before,) = log.standing.ongoing
    assert log.watch(replace(AGE, model="4", since=NOW + 5 * DAY), now=NOW + 6 * DAY) == ["changed"]
    (incident,) = log.standing.ongoing
    assert incident.cause.subject == "age" and incident.since == before.since == NOW - DAY


def test_two_incidents_that_turn_out_to_be_one_become_one() -> None:
    log = Log()
    log.watch(VALUE)
    # Seen by itself first, since the drift was not known then.
    log.write([Move("opened", log.lines[0].body | {"incident": "churn-2", "signals": [
        {**log.lines[0].body["signals"][0], "area": "data", "code": "VGW404", "subject": "orders", "score": ""}
    ]})], NOW)  # fmt: skip
    assert log.watch(VALUE, LATE, now=NOW + HOUR) == ["changed", "resolved"]
    assert [one.id for one in log.standing.ongoing] == ["churn-1"]
    assert log.standing.incidents["churn-2"].reason == "one with churn-1"


def test_where_nobody_looked_nothing_is_over() -> None:
    log = Log()
    log.watch(SPENT)
    assert log.watch(quiet(ERRORS), now=NOW + 5 * DAY) == []
    # The feature is not in the new model: its watcher looked, and does not name it.
    assert log.watch(quiet(AGE), now=NOW + 6 * DAY) == ["quiet"]
    other = Log()
    other.watch(SPENT)
    assert other.watch(now=NOW + 15 * DAY) == ["quiet"]  # nobody will look any more


def test_where_a_watcher_is_blind_what_rang_for_long_goes_on() -> None:
    log = Log()
    log.watch(SPENT)
    for day in range(1, 20):
        assert log.watch(SPENT, now=NOW + day * DAY) == []
    assert log.watch(now=NOW + 20 * DAY, blind=True) == []
    blind = signal(Area.STEPS, "VGW490", "drift")
    assert log.watch(SPENT, blind, now=NOW + 21 * DAY) == ["opened"]
    # Another watcher looked, which says nothing of this one.
    assert log.watch(SPENT, replace(blind, subject="steps", rings=False), now=NOW + 22 * DAY, blind=True) == []
    assert log.watch(SPENT, quiet(blind), now=NOW + 23 * DAY) == ["resolved"]


def test_what_somebody_resolved_may_ring_on_until_it_was_silent_or_gets_worse() -> None:
    log = Log()
    few = signal(Area.DATA, "VGW401", "orders", details={"source": "orders", "severity": "warning"})
    log.watch(few)
    log.write([resolve(log.standing, "churn-1", "ann", "holiday")], NOW + HOUR)
    assert log.watch(few, now=NOW + 2 * HOUR) == [] and not log.standing.ongoing
    assert log.watch(few, signal(Area.STEPS, "VGW421", "ship"), now=NOW + 3 * HOUR) == ["opened"]
    assert log.watch(quiet(few), now=NOW + DAY) == ["quiet"] and log.watch(quiet(few), now=NOW + DAY) == []
    assert log.watch(few, now=NOW + 2 * DAY) == ["reopened"]
    log.write([resolve(log.standing, "churn-1", "ann", "holiday")], NOW + 2 * DAY)
    assert log.watch(few, now=NOW + 3 * DAY) == []
    worse = replace(few, details={"source": "orders", "severity": "critical"})
    assert log.watch(worse, now=NOW + 3 * DAY) == ["reopened"]
    assert log.standing.incidents["churn-1"].severity == "critical"


def test_worse_breaks_a_snooze_and_alike_does_not() -> None:
    log = Log()
    log.watch(SPENT)
    log.write([snooze(log.standing, "churn-1", NOW + 5 * DAY, "ann")], NOW)
    log.watch(SPENT, SCORES, now=NOW + HOUR)
    assert log.standing.ongoing[0].status(NOW + HOUR) == "snoozed"
    assert log.standing.ongoing[0].status(NOW + 6 * DAY) == "open"
    before = log.standing.ongoing[0].line
    log.watch(SPENT, replace(VALUE, loss=5_000.0), now=NOW + 2 * HOUR)
    (incident,) = log.standing.ongoing
    assert incident.severity == "critical" and incident.status(NOW + 2 * HOUR) == "open" and incident.line > before


def test_people_take_on_and_end_incidents_and_times_are_measured() -> None:
    log = Log()
    log.watch(SPENT)
    log.write([acknowledge(log.standing, "churn-1", "ann", "on it")], NOW + HOUR)
    assert log.standing.ongoing[0].status(NOW + HOUR) == "acknowledged" and log.standing.ongoing[0].by == "ann"
    log.write([acknowledge(log.standing, "churn-1", "bob")], NOW + 2 * HOUR)
    log.write([resolve(log.standing, "churn-1", "ann", "repaired")], NOW + 4 * HOUR)
    measured = times(log.standing.incidents.values())
    assert (measured.incidents, measured.acknowledged, measured.resolved) == (1, HOUR, 4 * HOUR)
    assert math.isnan(times([]).resolved)
    with pytest.raises(VigieError, match="repaired"):
        resolve(log.standing, "churn-1", "ann")
    with pytest.raises(VigieError, match="did you mean 'churn-1'"):
        acknowledge(log.standing, "churn-11", "ann")


def test_severity_is_by_loss_where_it_is_known() -> None:
    def severity(*signals: Signal) -> str:
        log = Log()
        log.watch(*signals)
        return log.standing.ongoing[0].severity

    assert severity(SPENT) == "warning"
    assert severity(SPENT, replace(VALUE, loss=5.0)) == "info"
    assert severity(SPENT, replace(VALUE, loss=100.0)) == "warning"
    assert severity(SPENT, replace(VALUE, loss=1_000.0)) == "critical"
    assert severity(ERRORS, replace(FEWER, loss=1.0)) == "critical"


ALL = (LATE, NULLS, SPENT, AGE, SCORES, VALUE, ERRORS, FEWER)


@given(st.lists(st.sets(st.sampled_from(range(len(ALL)))), min_size=1, max_size=12), st.integers(1, 40))
@example([{2, 3, 4, 5, 7}, {0, 2, 4}, {0, 1, 2, 3}], 1)
def test_whatever_happens_each_ringing_signal_is_in_one_incident(steps: list[set[int]], hours: int) -> None:
    log = Log()
    for i, rings in enumerate(steps):
        now = NOW + i * hours * HOUR
        shown = [one if n in rings else quiet(one) for n, one in enumerate(ALL)]
        log.watch(*shown, now=now)
        ringing = {ALL[n].key for n in rings}
        owners: dict[Any, list[str]] = {key: [] for key in ringing}
        for incident in log.standing.ongoing:
            if incident.quiet is None:
                for one in incident.signals:
                    if one.key in owners:
                        owners[one.key].append(incident.id)
        assert all(owners.values()), owners
        assert log.watch(*shown, now=now) == []  # looking twice writes nothing
        causes = [one.cause.key for one in log.standing.ongoing]
        assert len(set(causes)) == len(causes)
