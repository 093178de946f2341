"""A model is renewed without anybody: due or not, judged, released, followed; killed anywhere it goes on and does nothing twice."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from renewal_shop import NOW, make_project, opened, quick, visits

from vigie.cli.program import program
from vigie.clock import DAY, iso
from vigie.data.file_lock import locked
from vigie.errors import DataError, JournalError, RegistryError, SettingsError, TrainingError
from vigie.journal.ledger import Ledger, broken_at
from vigie.lifecycle import gate as gate_room
from vigie.lifecycle import retrain as room
from vigie.lifecycle import retrain_follow as follow_room
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.renewal import renewals_of, stream_of
from vigie.lifecycle.reproduce import reproduce
from vigie.lifecycle.rollout import ledger_of, plan_rollout, promote, roll_back, standing_of, start_rollout
from vigie.lifecycle.rollout_decide import decide
from vigie.lifecycle.train import Made, train_score
from vigie.release import Apart
from vigie.training.gate import GateCheck, GateVerdict
from vigie.watch.signal import Area, Signal

POLICY = '\n[retrain]\nwhen = ["age > 20d", "psi(score) > 0.3", "auc < 0.6"]\nat_most = "5d"\nrelease = "champion"\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion of day 300 and data up to day 330."""
    folder = tmp_path_factory.mktemp("retrain")
    project = make_project(folder, POLICY, days=300)
    train_score(project, project.score("churn"), quick())
    visits(folder, "2", 300, 330)
    ingest_sources(opened(folder))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    target = tmp_path / "project"
    shutil.copytree(made, target)
    return target


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that is open: what it says is tried elsewhere."""
    verdict(monkeypatch, passes=True)


def verdict(monkeypatch: pytest.MonkeyPatch, *, passes: bool, apart: dict[str, float] | None = None) -> None:
    found = GateCheck("value", passes, 0.1, 0.05, 0.2, -0.01, "it brings +0.1" if passes else "it brings no more")
    monkeypatch.setattr(
        room,
        "gate",
        lambda *_, tries=1, **__: GateVerdict(passes, (found,), 100, 90, tries, 0.03, "champion", apart or {}),
    )


def signal(area: Area, code: str, subject: str = "", size: float = 0.0, **more: Any) -> Signal:
    given: dict[str, Any] = {"limit": 0.1, "evidence": 0.5, "rings": False, "since": NOW - DAY, "until": NOW}
    return Signal(score="churn", model="1", area=area, code=code, subject=subject, size=size, **{**given, **more})


def renew(project: Project, ledger: Ledger, **more: Any) -> room.Retrained:
    given = {"options": quick(), "signals": [signal(Area.API, "VGW301")]}
    return room.retrain(project, ledger, "churn", **{**given, **more})


def kinds(ledger: Ledger) -> list[str]:
    lines = ledger.lines(stream_of("churn"))
    assert broken_at(lines) is None
    return [one.kind for one in lines]


def champion(folder: Path) -> int:
    return opened(folder).registry.resolve("churn").version


def test_what_is_due_is_trained_judged_registered_and_released_once(folder: Path, let_pass: None) -> None:
    project, ledger = opened(folder), ledger_of(opened(folder))
    done = renew(project, ledger)
    assert done.began and done.renewal is not None and done.renewal.outcome == "promoted"
    assert "age is 30 days" in done.renewal.why[0]
    assert kinds(ledger) == ["started", "trained", "registered", "released", "ended"]
    assert champion(folder) == 2
    assert project.registry.resolve("churn", "2").bundle_hash == done.renewal.bundle
    # The new champion is young: nothing asks for another.
    again = renew(project, ledger)
    assert again.plan is not None and not again.plan.due and kinds(ledger)[5:] == []
    assert reproduce(opened(folder), "churn", "2").same


def test_not_due_is_no_event(folder: Path) -> None:
    project = opened(folder, NOW - 15 * DAY)
    ledger = ledger_of(project)
    done = renew(project, ledger)
    assert not done.began and done.renewal is None and not kinds(ledger)
    assert done.plan is not None and [one.met for one in done.plan.when] == ["not met", "unknown", "unknown"]


def test_signals_and_incidents_are_what_it_goes_by(folder: Path, let_pass: None) -> None:
    project = opened(folder, NOW - 15 * DAY)
    ledger = ledger_of(project)
    drift = signal(Area.DRIFT, "VGW104", size=0.4, rings=True)
    found = room.plan_retraining(project, ledger, "churn", signals=[drift])
    assert found.due and "psi(score) is 0.4" in found.words
    low = signal(Area.PERFORMANCE, "VGW201", "auc", details={"value": 0.5, "low": 0.45, "high": 0.55, "reference": 0.7})
    assert room.plan_retraining(project, ledger, "churn", signals=[low]).due
    unsure = signal(Area.PERFORMANCE, "VGW201", "auc", details={"value": 0.5, "low": 0.45, "high": 0.65})
    assert not room.plan_retraining(project, ledger, "churn", signals=[unsure]).due
    text = (folder / "vigie.toml").read_text().replace("psi(score) > 0.3", "psi(visits_cuont_7d) > 0.3")
    (folder / "vigie.toml").write_text(text)
    told = room.plan_retraining(opened(folder), ledger, "churn", signals=[drift]).when[1].words
    assert "the champion has no feature 'visits_cuont_7d'" in told and "did you mean 'visits_count_7d'" in told
    assert not kinds(ledger)


def test_what_watchers_say_is_what_criteria_ask_for() -> None:
    from vigie.lifecycle.retrain_plan import figures_of
    from vigie.watch.policy import Figure

    said = [
        signal(Area.DRIFT, "VGW101", "visits_count_7d", 0.25),
        signal(Area.DRIFT, "VGW104", size=0.05),
        signal(Area.DRIFT, "VGW106", size=0.1, details={"live": 0.3, "reference": 0.25}),
        signal(Area.DRIFT, "VGW102", "visits_count_7d", 9.0),
        signal(Area.PERFORMANCE, "VGW201", "f1", 0.1, details={"value": 0.7, "low": 0.6, "high": 0.8, "reference": 0.75}),
        signal(Area.PERFORMANCE, "VGW201", "decision_rate", details={
            "value": 0.2, "low": 0.1, "high": 0.3, "reference": 0.22, "outcome_rate": [0.28, 0.26, 0.31, 0.01], "slope": [0.9, 0.8, 1.0, 0.05],
        }),
        signal(Area.PERFORMANCE, "VGW202", "value", 0.3, details={
            "value": 1.0, "low": 0.5, "high": 1.5, "reference": 2.0, "lost_a_day": [90.0, 20.0, 150.0, 30.0],
        }),
        signal(Area.PERFORMANCE, "VGW203", "all", 0.3, details={"shift": 0.1}),
        signal(Area.ESTIMATE, "VGW204", "auc", 0.1, details={"value": 0.66, "low": 0.6, "high": 0.7, "reference": 0.71}),
        signal(Area.ESTIMATE, "VGW206", "auc", 0.1, details={"checked": 9}),
    ]  # fmt: skip
    assert figures_of(said, "js") == {
        "js(visits_count_7d)": Figure(0.25),
        "js(score)": Figure(0.05),
        "f1": Figure(0.7, 0.6, 0.8, 0.75),
        "decision_rate": Figure(0.2, 0.1, 0.3, 0.22),
        "outcome_rate": Figure(0.28, 0.26, 0.31, 0.25),
        "calibration_slope": Figure(0.9, 0.8, 1.0),
        "value": Figure(1.0, 0.5, 1.5, 2.0),
        "value_lost": Figure(90.0, 20.0, 150.0),
        "estimated(auc)": Figure(0.66, 0.6, 0.7, 0.71),
    }


def poison(project: Project, ledger: Ledger, now: int) -> None:
    """An incident about data is opened."""
    from vigie.lifecycle.incidents import follow

    bad = signal(
        Area.DATA,
        "VGW402",
        "visits",
        9.0,
        rings=True,
        until=now,
        words="many rows are refused",
        details={"source": "visits"},
    )
    follow(project, ledger, "churn", [bad], now)


def test_a_poisoned_batch_is_not_learned_from_and_that_is_told_once(folder: Path, let_pass: None) -> None:
    project = opened(folder)
    ledger = ledger_of(project)
    poison(project, ledger, NOW)
    for _ in range(3):
        done = renew(project, ledger)
        assert done.plan is not None and done.plan.wanted and not done.plan.due
    assert kinds(ledger) == ["held"] and champion(folder) == 1
    assert not renew(project, ledger, forced=True).began


def test_the_gate_and_the_checks_keep_it_away(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict(monkeypatch, passes=False)
    project, ledger = opened(folder), ledger_of(opened(folder))
    done = renew(project, ledger).renewal
    assert done is not None and done.outcome == "refused" and "no more" in done.reason
    assert champion(folder) == 1 and len(project.registry.versions("churn")) == 2
    assert not opened(folder).registry.resolve("churn", "2").aliases
    # At once, nothing; later, on mostly the same data, it is the second try.
    assert not renew(project, ledger).began
    later = opened(folder, NOW + 6 * DAY)
    second = renew(later, ledger).renewal
    assert second is not None and second.verdict["tries"] == 2
    verdict(monkeypatch, passes=True)
    monkeypatch.setattr(Made, "blockers", property(lambda _: ("VGL007",)))
    third = renew(opened(folder, NOW + 12 * DAY), ledger).renewal
    assert third is not None and third.outcome == "refused" and "VGL007" in third.reason


def test_it_goes_into_a_rollout_and_follows_it(folder: Path, let_pass: None) -> None:
    text = (folder / "vigie.toml").read_text().replace('release = "champion"', 'release = "rollout"')
    (folder / "vigie.toml").write_text(text)
    project, ledger = opened(folder), ledger_of(opened(folder))
    done = renew(project, ledger).renewal
    assert done is not None and done.stage == "released" and not done.outcome
    rollout = standing_of(ledger, "churn").rollout
    assert rollout is not None and rollout.running and (rollout.champion, rollout.challenger) == ("1", "2")
    held = renew(opened(folder, NOW + 6 * DAY), ledger)
    assert held.plan is not None and "a rollout is under way" in held.plan.held[-1]
    assert held.waits == ("the rollout of version 2 to end: step 1 of 4 (shadow) has lasted 6 days, at most 7 days")
    roll_back(project, ledger, "churn", "it loses money")
    after = renew(opened(folder, NOW + DAY), ledger).renewal
    assert after is not None and after.outcome == "rolled back" and "loses money" in after.reason
    assert champion(folder) == 1


def test_a_rollout_that_no_server_follows_ends_in_time_and_another_renewal_begins(folder: Path, let_pass: None) -> None:
    text = (folder / "vigie.toml").read_text().replace('release = "champion"', 'release = "rollout"')
    (folder / "vigie.toml").write_text(text)
    ledger = ledger_of(opened(folder))
    renew(opened(folder), ledger)
    done = renew(opened(folder, NOW + 8 * DAY), ledger)
    assert kinds(ledger)[4:] == ["ended", "started", "trained", "registered", "released"]
    first = renewals_of(ledger, "churn").all[0]
    assert first.outcome == "inconclusive" and "0 customers had the challenger" in first.reason
    assert done.began and champion(folder) == 1
    # One that a person began does not block for ever either.
    roll_back(opened(folder), ledger, "churn", "")
    planned = plan_rollout(opened(folder), "churn", version=2)
    start_rollout(opened(folder, NOW + 9 * DAY), ledger, planned)
    renew(opened(folder, NOW + 17 * DAY), ledger)
    assert ledger.lines("churn")[-2].kind == "inconclusive" and ledger.lines("churn")[-1].kind == "started"


AB = "\n[rollout]\nholdout = 0.05\nshadow = false\nmin_requests = 20\nstep_seconds = 0\nbake_seconds = 0\nmax_seconds = {}\nvalue_low = {}\nvalue_high = 10\n"


def test_an_ab_renewal_is_promoted_by_outcomes_that_nobody_asked_for(
    folder: Path, let_pass: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value decides, and only outcomes tell it: who follows looks them up."""
    from vigie.lifecycle import rollout_outcomes
    from vigie.release.cells import UNITS, VALUE, arm_cells, key_of

    text = (folder / "vigie.toml").read_text().replace('release = "champion"', 'release = "rollout"\nstrategy = "ab"')
    (folder / "vigie.toml").write_text(text + AB.format(40 * 86_400, -3))
    ledger = ledger_of(opened(folder))
    begun = renew(opened(folder), ledger).renewal
    assert begun is not None and begun.rollout
    counts = {}
    for arm in ("champion", "challenger"):
        cells = counts[key_of(0, -1, arm)] = arm_cells()
        cells[UNITS] = 40_000
        cells[3 + 5] = 40_000  # all of them quick
    ledger.put_counts(begun.rollout, "a server", NOW, counts)
    renew(opened(folder, NOW + 2 * DAY), ledger)
    assert standing_of(ledger, "churn").rollout.running  # type: ignore[union-attr]

    def known(project: Project, ledger: Ledger, score: str) -> None:
        sums = {}
        for arm, point in (("champion", 4), ("challenger", 12)):
            cells = sums[key_of(0, -1, arm)] = arm_cells()
            cells[VALUE + point] = 3_000
        ledger.put_counts(begun.rollout, rollout_outcomes.WORKER, NOW, sums)

    def unknown(*_: Any) -> None:
        raise DataError("the lake is away")

    monkeypatch.setattr(rollout_outcomes, "count_outcomes", unknown)
    renew(opened(folder, NOW + 2 * DAY), ledger)  # decided by what was known before
    assert standing_of(ledger, "churn").rollout.running  # type: ignore[union-attr]
    monkeypatch.setattr(rollout_outcomes, "count_outcomes", known)
    done = renew(opened(folder, NOW + 3 * DAY), ledger)
    assert done.renewal is not None and done.renewal.outcome == "promoted" and champion(folder) == 2


@pytest.mark.parametrize(
    ("seconds", "low", "said"), [(7 * 86_400, -3, "no outcome of churn is known in time"), (1e7, 10, "has no range")]
)
def test_a_rollout_that_cannot_be_is_told_before_anything_is_trained(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, low: float, said: str
) -> None:
    monkeypatch.delattr(room, "make_model")
    text = (folder / "vigie.toml").read_text().replace('release = "champion"', 'release = "rollout"\nstrategy = "ab"')
    (folder / "vigie.toml").write_text(text + AB.format(seconds, low))
    ledger = ledger_of(opened(folder))
    with pytest.raises(SettingsError, match=said):
        renew(opened(folder), ledger)
    assert not kinds(ledger)
    shown = CliRunner().invoke(program, ["retrain", "--plan", "--project", str(folder), "--as-of", iso(NOW)])
    assert isinstance(shown.exception, SettingsError)


def test_a_promotion_by_the_rollout_reaches_the_registry(folder: Path, let_pass: None) -> None:
    text = (folder / "vigie.toml").read_text().replace('release = "champion"', 'release = "rollout"')
    (folder / "vigie.toml").write_text(text)
    project, ledger = opened(folder), ledger_of(opened(folder))
    renew(project, ledger)
    promote(project, ledger, "churn", "looks well")
    after = renew(opened(folder, NOW + DAY), ledger).renewal
    assert after is not None and after.outcome == "promoted" and champion(folder) == 2


def test_a_rollout_that_ends_while_watchers_look_is_followed_and_nothing_begins(
    folder: Path, let_pass: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they saw was the champion of before."""
    text = (folder / "vigie.toml").read_text().replace('release = "champion"', 'release = "rollout"')
    (folder / "vigie.toml").write_text(text)
    project, ledger = opened(folder), ledger_of(opened(folder))
    renew(project, ledger)

    def look(*_: Any, **__: Any) -> list[Signal]:
        if standing_of(ledger, "churn").rollout.running:
            promote(project, ledger, "churn", "looks well")
        return [signal(Area.API, "VGW301")]

    monkeypatch.setattr(room, "looked", look)
    done = room.retrain(opened(folder, NOW + 6 * DAY), ledger, "churn", options=quick())
    assert not done.began and kinds(ledger)[4:] == ["ended"]
    assert done.renewal is not None and done.renewal.outcome == "promoted" and champion(folder) == 2
    assert room.retrain(opened(folder, NOW + 30 * DAY), ledger, "churn", options=quick()).began


def shadowed(ledger: Ledger, more: float, n: int = 3_000) -> None:
    """A server scored *n* customers by both: it acts on so many more, with scores above an edge."""
    from vigie.release.cells import TO_ACT, UNITS, UP, shadow_cells

    cells = shadow_cells()
    cells[UNITS], cells[TO_ACT], cells[UP + 12] = n, more * n, more * n
    rollout = standing_of(ledger, "churn").rollout
    ledger.put_counts(rollout.id, "a server", NOW, {"0/shadow": cells})  # type: ignore[union-attr]


@pytest.mark.parametrize(("served", "ends"), [(0.2, ""), (0.5, "rolled back")])
def test_a_renewal_that_adapted_is_not_rolled_back_for_what_the_gate_saw(
    folder: Path, monkeypatch: pytest.MonkeyPatch, served: float, ends: str
) -> None:
    """With the defaults of [rollout]: it acts on 20 points more, and the gate has proved that it is worth it."""
    verdict(monkeypatch, passes=True, apart=Apart(0.2, 0.2, 0.22, 0.0, 0.22, 0.0).to_data())
    text = (folder / "vigie.toml").read_text().replace('release = "champion"', 'release = "rollout"')
    (folder / "vigie.toml").write_text(text)
    project, ledger = opened(folder), ledger_of(opened(folder))
    renew(project, ledger)
    shadowed(ledger, served)
    decide(ledger, "churn", NOW + 1)
    rollout = standing_of(ledger, "churn").rollout
    assert rollout is not None
    if ends:
        assert rollout.status == ends and "beyond what the gate saw" in rollout.reason
    else:
        assert rollout.running, rollout.reason
    shown = CliRunner().invoke(program, ["rollout", "status", "--project", str(folder)])
    assert "the gate saw scores 0.2 apart, +20.0%" in " ".join(shown.output.split())
    # The same version begun by a person is held against the champion as it is.
    if rollout.running:
        roll_back(project, ledger, "churn", "")
    start_rollout(project, ledger, plan_rollout(project, "churn", version=2))
    shadowed(ledger, 0.2)
    decide(ledger, "churn", NOW + 1)
    assert standing_of(ledger, "churn").rollout.status == "rolled back"  # type: ignore[union-attr]


class Killed(BaseException):
    """As if by kill -9: nobody catches it."""


@pytest.mark.parametrize("release", ["champion", "rollout", "wait"])
def test_killed_before_and_after_every_write_it_ends_as_if_nothing_had_happened(
    folder: Path, let_pass: None, monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    text = (folder / "vigie.toml").read_text().replace('release = "champion"', f'release = "{release}"')
    (folder / "vigie.toml").write_text(text)
    trained: list[int] = []
    make, write, alias = room.make_model, room.write, type(opened(folder).registry).set_alias

    def counted(*arguments: Any, **more: Any) -> Any:
        found = make(*arguments, **more)
        trained.append(1)
        return found

    armed = {"place": ""}

    def dying(*arguments: Any) -> Any:
        kind = arguments[4]
        if armed["place"] == f"before {kind}":
            armed["place"] = ""
            raise Killed
        line = write(*arguments)
        if armed["place"] == f"after {kind}":
            armed["place"] = ""
            raise Killed
        return line

    def aliasing(*arguments: Any) -> None:
        alias(*arguments)
        if armed["place"] == "alias":
            armed["place"] = ""
            raise Killed

    monkeypatch.setattr(room, "make_model", counted)
    for place in (room, follow_room):
        monkeypatch.setattr(place, "write", dying)
    monkeypatch.setattr(type(opened(folder).registry), "set_alias", aliasing)
    steps = ["started", "trained", "registered", "released", *(["ended"] if release != "rollout" else [])]
    places = [f"{when} {step}" for step in steps for when in ("before", "after")]
    places.insert(places.index("before released"), "alias")
    ledger = ledger_of(opened(folder))
    for i, place in enumerate(places):
        armed["place"] = place
        # Whoever comes later has another clock: the training knows what was known when it began.
        with pytest.raises(Killed):
            renew(opened(folder, NOW + i), ledger)
    done = renew(opened(folder, NOW + DAY), ledger).renewal
    assert [one for one in kinds(ledger) if one != "tried"] == steps
    assert len(trained) == 2  # once in vain, since the line that it was done could not be written; with the same bundle
    assert len(opened(folder).registry.versions("churn")) == 2
    assert done is not None and done.started in range(NOW, NOW + 2)
    folders = [
        one
        for one in (folder / ".vigie" / "reports" / "churn").iterdir()
        if one.name.startswith(iso(done.started)[:10])
    ]
    assert len(folders) == 1
    rollout = standing_of(ledger, "churn").rollout
    if release == "rollout":
        assert len(ledger.lines("churn")) == 1 and rollout is not None and done.rollout == rollout.id
    else:
        aliases = opened(folder).registry.resolve("churn", "2").aliases
        assert aliases == (("champion",) if release == "champion" else ("challenger",))
        assert done.outcome == ("promoted" if release == "champion" else "waiting")


def test_a_renewal_that_goes_on_does_not_learn_from_what_came_meanwhile(
    folder: Path, tmp_path: Path, let_pass: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(folder, alone)
    undisturbed = renew(opened(alone), ledger_of(opened(alone))).renewal
    make = room.make_model

    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    monkeypatch.setattr(room, "make_model", dies)
    ledger = ledger_of(opened(folder))
    with pytest.raises(Killed):
        renew(opened(folder), ledger)
    monkeypatch.setattr(room, "make_model", make)
    # A late delivery of days that are over: nobody has looked at it.
    visits(folder, "late", 200, 330, seed=9)
    text = (folder / "visits-late.csv").read_text().splitlines()
    (folder / "visits-late.csv").write_text("\n".join([text[0], *(f"{one}-late" for one in text[1:])]) + "\n")
    ingest_sources(opened(folder, NOW + 1))
    before = opened(folder).lake.versions("visits")
    done = renew(opened(folder, NOW + 2), ledger).renewal
    assert done is not None and undisturbed is not None and done.outcome == undisturbed.outcome == "promoted"
    assert len(before) == 3 and done.data == {"visits": 1}
    assert done.bundle == undisturbed.bundle
    assert reproduce(opened(folder), "churn", "2").same


def test_two_at_once_do_not_both_train(folder: Path, let_pass: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, make = ledger_of(opened(folder)), room.make_model

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        with pytest.raises(JournalError, match="another process renews churn"):
            renew(opened(folder), ledger)
        return make(*arguments, **more)

    monkeypatch.setattr(room, "make_model", meanwhile)
    assert renew(opened(folder), ledger).began
    assert kinds(ledger).count("started") == 1


def test_who_waits_for_another_decides_once_that_has_ended(folder: Path, let_pass: None) -> None:
    place = folder / ".vigie" / "renewal"
    place.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        with locked(place / "churn.lock", wait=True, create=True):
            two = [pool.submit(lambda: renew(opened(folder), ledger_of(opened(folder)), wait=True)) for _ in range(2)]
            assert not wait(two, 1).done and not kinds(ledger_of(opened(folder)))
        begun = [one.result(120).began for one in two]
    assert sorted(begun) == [False, True] and kinds(ledger_of(opened(folder))).count("started") == 1


def test_a_training_that_fails_is_in_the_history_and_not_tried_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise TrainingError("no rows")

    monkeypatch.setattr(room, "make_model", fails)
    ledger = ledger_of(opened(folder))
    with pytest.raises(TrainingError):
        renew(opened(folder), ledger)
    last = renewals_of(ledger, "churn").last
    assert last is not None and last.outcome == "failed" and last.reason == "no rows"
    assert not renew(opened(folder, NOW + DAY), ledger).began


def test_a_store_that_is_away_is_no_end(folder: Path, let_pass: None, monkeypatch: pytest.MonkeyPatch) -> None:
    make, away = room.make_model, [True]

    def sometimes(*arguments: Any, **more: Any) -> Any:
        if away.pop():
            raise JournalError("the store is away")
        return make(*arguments, **more)

    monkeypatch.setattr(room, "make_model", sometimes)
    ledger = ledger_of(opened(folder))
    with pytest.raises(JournalError):
        renew(opened(folder), ledger)
    away.append(False)
    done = renew(opened(folder), ledger).renewal
    assert done is not None and done.outcome == "promoted"


def test_an_error_that_comes_each_time_ends_the_renewal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise ValueError("array must not contain\ninfs or NaNs")

    monkeypatch.setattr(room, "make_model", fails)
    ledger = ledger_of(opened(folder))
    for attempt in range(1, 5):
        with pytest.raises(TrainingError, match="ValueError: array must not contain infs or NaNs") as caught:
            renew(opened(folder, NOW + attempt), ledger)
        assert caught.value.retryable and f"{5 - attempt} more times" in caught.value.remedy
        assert "vigie retrain churn --abandon" in caught.value.remedy
    with pytest.raises(TrainingError, match="5 times: it is given up") as caught:
        renew(opened(folder, NOW + 9), ledger)
    last = renewals_of(ledger, "churn").last
    assert (
        last is not None and last.outcome == "failed" and "infs or NaNs" in last.reason and not caught.value.retryable
    )
    assert kinds(ledger).count("started") == 1


def test_a_training_that_is_killed_each_time_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    monkeypatch.setattr(room, "make_model", dies)
    ledger = ledger_of(opened(folder))
    for attempt in range(5):
        with pytest.raises(Killed):
            renew(opened(folder, NOW + attempt), ledger)
    with pytest.raises(TrainingError, match="begun 5 times and never ended: it was killed each time"):
        renew(opened(folder, NOW + 9), ledger)
    last = renewals_of(ledger, "churn").last
    assert last is not None and last.outcome == "failed"


def test_a_store_that_is_away_for_long_is_no_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise JournalError("the store is away")

    monkeypatch.setattr(room, "make_model", away)
    ledger = ledger_of(opened(folder))
    for attempt in range(8):
        with pytest.raises(JournalError):
            renew(opened(folder, NOW + attempt), ledger)
    assert renewals_of(ledger, "churn").open is not None


def test_a_champion_of_meanwhile_was_not_judged_against(
    folder: Path, let_pass: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, make = ledger_of(opened(folder)), room.make_model

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        train_score(opened(folder), opened(folder).score("churn"), quick("lightgbm"))
        return make(*arguments, **more)

    monkeypatch.setattr(room, "make_model", meanwhile)
    done = renew(opened(folder), ledger).renewal
    assert done is not None and done.outcome == "refused" and "version 2 is the champion now" in done.reason
    assert champion(folder) == 2


def test_the_first_model_is_judged_against_the_best_fixed_way(tmp_path: Path) -> None:
    project = make_project(tmp_path, "\n[retrain]\n")
    ledger = ledger_of(project)
    assert not renew(project, ledger).began
    done = renew(project, ledger, forced=True).renewal
    assert done is not None and done.verdict["against"].startswith(("way", "rule"))
    assert done.champion == "" and done.verdict["rows"] > 300
    assert done.outcome == ("promoted" if done.verdict["passes"] else "refused"), done
    assert done.outcome == "promoted", done.verdict


def test_the_real_gate_judges_on_rows_that_neither_learned_from(folder: Path) -> None:
    project, ledger = opened(folder), ledger_of(opened(folder))
    from vigie.lifecycle.train import make_model

    made = make_model(project, project.score("churn"), quick("lightgbm"))
    both = gate_room.sides(made.result, project.registry.fetch("churn"))
    assert not both.seen
    from vigie.bundle import load_bundle

    until = load_bundle(project.registry.fetch("churn")).lineage["split"]["train_until"]
    moments = made.result.test_moments[both.rows]
    assert moments.min() > until and moments.min() > made.result.split.train_until
    assert {"risk low", "risk high"} <= set(both.slices)
    assert all(mask.shape == both.labels.shape for mask in both.slices.values())
    found = gate_room.gate(made.result, project.registry.fetch("churn"))
    from vigie.bundle import Scorer
    from vigie.release.cells import SCORE_EDGES

    # What it saw of scores and decisions, as a server would give them.
    data, index = made.result.training_set, made.result.test_index[both.rows]
    columns = {name: values.take(index) for name, values in {**data.extras, **data.features}.items()}
    acts, scores = [], []
    for bundle in (load_bundle(project.registry.fetch("churn")), made.result.bundle):
        p = Scorer(bundle).probability(columns, len(index))
        gain = made.result.test_payoff.take(both.rows).gain(p)
        acts.append((gain >= bundle.decision.request_cut).mean())
        scores.append((p[:, None] > np.asarray(SCORE_EDGES)).mean(axis=0))
    assert found.apart["difference"] == pytest.approx(acts[1] - acts[0])
    assert found.apart["distance"] == pytest.approx(np.abs(scores[1] - scores[0]).max()) and found.apart["distance"] > 0
    assert found.to_data()["apart"] == found.apart
    value = found.checks[0].value
    assert value == pytest.approx(float(np.mean(both.challenger.money - both.champion.money)))
    assert not kinds(ledger)


def test_without_a_hold_out_the_gate_cannot_see(folder: Path) -> None:
    from dataclasses import replace

    from vigie.features.untouched import Untouched
    from vigie.lifecycle.train import make_model

    project = opened(folder)
    made = make_model(project, project.score("churn"), quick())
    blind = replace(made.result, training_set=replace(made.result.training_set, untouched=Untouched(900, 200, 0, 0, 0)))
    found = gate_room.gate(blind, project.registry.fetch("churn"))
    assert not found.passes and "nobody was held out" in found.words
    seen = replace(made.result, training_set=replace(made.result.training_set, untouched=Untouched(900, 200, 0, 9, 90)))
    assert gate_room.gate(seen, project.registry.fetch("churn")).rows > 100


@pytest.mark.parametrize(
    "line",
    [
        'when = ["acu < 1"]',
        'when = ["kl(score) > 1"]',
        'release = "now"',
        'strategy = "hope"',
        "margin = 2",
        "alpha = 0",
        'margin = "x"',
    ],
)
def test_settings_that_cannot_be_meant_are_told_before_any_work(folder: Path, line: str) -> None:
    text = (folder / "vigie.toml").read_text().replace(POLICY, f"\n[retrain]\n{line}\n")
    (folder / "vigie.toml").write_text(text)
    with pytest.raises(SettingsError):
        renew(opened(folder), ledger_of(opened(folder)), forced=True)


def test_the_command(folder: Path) -> None:
    where = ["--project", str(folder), "--as-of", iso(NOW)]
    shown = CliRunner().invoke(program, ["retrain", "--plan", *where])
    assert shown.exit_code == 0, shown.output
    assert "age > 20d" in shown.output and "Train: age is 30 days" in shown.output
    text = (folder / "vigie.toml").read_text().replace("[train]\n", "[train]\n# quick\n")
    (folder / "vigie.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "train_options", lambda _: quick())
        done = CliRunner().invoke(program, ["retrain", *where])
    assert done.exit_code == 0, done.output
    assert "registered as version 2" in done.output and "gate" in done.output
    judged = renewals_of(ledger_of(opened(folder)), "churn").last
    assert judged is not None
    saw = Apart.from_data(judged.verdict["apart"])  # the gate of the command is the real one
    assert saw is not None and 0 < saw.distance <= max(saw.higher, saw.lower)
    story = CliRunner().invoke(program, ["retrain", "--history", *where])
    assert iso(NOW) in story.output
    refused = CliRunner().invoke(program, ["retrain", "--abandon", *where])
    assert refused.exit_code != 0 and isinstance(refused.exception, RegistryError)
