"""A step that was given up opens an incident, and the next run that is done ends it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from watch_shop import TOML, Shop

from vigie.cli.program import program
from vigie.clock import iso
from vigie.errors import DefinitionError
from vigie.journal.ledger_sqlite import SqliteLedger
from vigie.lifecycle.incidents import standing_of
from vigie.lifecycle.playbooks import playbook
from vigie.lifecycle.renewal import renewals_of
from vigie.lifecycle.retrain_plan import situation_of
from vigie.lifecycle.steps import Piece
from vigie.lifecycle.steps_runs import Run, put
from vigie.lifecycle.watch_steps import step_signals
from vigie.lifecycle.watching import watch_once
from vigie.watch.incident import Incident
from vigie.watch.policy import policy_of

HOUR = 3_600_000_000
SCHEDULE = "".join(f'[schedule.{step}]\nevery = "1h"\n' for step in ("ingest", "score", "watch", "retrain"))
WATCH, INGEST, SCORE, RETRAIN = Piece("watch"), Piece("ingest"), Piece("score", "churn"), Piece("retrain", "churn")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, SCHEDULE)


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    (tmp_path / ".vigie").mkdir(exist_ok=True)
    return SqliteLedger(tmp_path / ".vigie" / "ledger.db")


def ran(shop: Shop, ledger: SqliteLedger, piece: Piece, *states: str) -> None:
    """Runs of the last hours, the last of them an hour ago."""
    begins = [shop.now - (len(states) - n) * HOUR for n in range(len(states))]
    runs = [Run(at, state, 3, at, at, at + 1, 0, "no such file") for at, state in zip(begins, states, strict=True)]
    put(ledger, piece, runs, shop.now)


def ringing(shop: Shop, ledger: SqliteLedger) -> dict[str, float]:
    return {one.subject: one.size for one in step_signals(shop.opened(), ledger, "churn", shop.now) if one.rings}


def ongoing(ledger: SqliteLedger) -> list[Incident]:
    return standing_of(ledger, "churn").ongoing


def test_what_was_given_up_rings_until_a_run_is_done(shop: Shop, ledger: SqliteLedger) -> None:
    assert step_signals(shop.opened(), ledger, "churn", shop.now) == []
    ran(shop, ledger, INGEST, "done", "given up", "skipped", "given up", "running")
    ran(shop, ledger, SCORE, "given up", "done")
    ran(shop, ledger, WATCH, "done", "given up")
    ran(shop, ledger, RETRAIN, "given up", "failed")
    found = {one.subject: one for one in step_signals(shop.opened(), ledger, "churn", shop.now)}

    assert ringing(shop, ledger) == {"ingest": 2, "watch": 1, "retrain churn": 1}
    assert not found["score churn"].rings
    assert (found["ingest"].since, found["ingest"].score) == (shop.now - 4 * HOUR, "")
    assert (found["retrain churn"].score, found["retrain churn"].details["severity"]) == ("churn", "warning")
    assert found["ingest"].words == (
        f"ingest: the run of {iso(shop.now - 2 * HOUR)[:16]} was given up after 3 tries, as 1 before it: no such file"
    )
    earlier = shop.now - 3 * HOUR - 1
    assert [one.size for one in step_signals(shop.opened(), ledger, "churn", earlier) if one.subject == "ingest"] == [1]


def test_what_is_no_longer_scheduled_does_not_ring(shop: Shop, ledger: SqliteLedger) -> None:
    ran(shop, ledger, INGEST, "given up")
    (shop.folder / "vigie.toml").write_text(TOML)
    assert ringing(shop, ledger) == {}


def test_each_step_has_an_incident_of_its_own_that_ends_with_the_next_run(shop: Shop, ledger: SqliteLedger) -> None:
    ran(shop, ledger, WATCH, "given up")
    ran(shop, ledger, RETRAIN, "given up")
    for _ in range(2):  # looking again opens no other
        watch_once(shop.opened(), ledger, "churn", shop.now, only=("steps",))
    assert {one.cause.subject: one.severity for one in ongoing(ledger)} == {
        "watch": "warning",
        "retrain churn": "warning",
    }
    assert "vigie schedule show" in playbook(shop.opened(), ongoing(ledger)[0])
    # A renewal that was given up must not keep renewals from being made.
    project = shop.opened()
    situation = situation_of(project, ledger, "churn", policy_of({}), [], renewals_of(ledger, "churn"), shop.now)
    assert situation.incidents == {"steps"}

    ran(shop, ledger, WATCH, "given up", "done")
    watch_once(shop.opened(), ledger, "churn", shop.now, only=("steps",))
    assert [one.cause.subject for one in ongoing(ledger)] == ["retrain churn"]
    over = next(one for one in standing_of(ledger, "churn").incidents.values() if not one.ongoing)
    assert over.reason == "it works again"

    ran(shop, ledger, WATCH, "given up", "done", "given up")
    watch_once(shop.opened(), ledger, "churn", shop.now, only=("steps",))
    again = next(one for one in ongoing(ledger) if one.cause.subject == "watch")
    assert (again.id, again.reopened) == (over.id, 1)


def test_an_ingest_that_is_given_up_explains_a_source_that_is_late(shop: Shop, ledger: SqliteLedger) -> None:
    shop.deliver(60)
    shop.day += 2  # nothing comes any more
    ran(shop, ledger, INGEST, *["given up"] * 30)
    watch_once(shop.opened(), ledger, "churn", shop.now)

    (incident,) = ongoing(ledger)
    assert [one.code for one in incident.signals][:2] == ["VGW421", "VGW404"]
    assert incident.severity == "critical"


def test_looking_at_steps_alone_leaves_other_incidents_as_they_are(shop: Shop, ledger: SqliteLedger) -> None:
    shop.deliver(60)
    shop.deliver(volume=0.1)
    watch_once(shop.opened(), ledger, "churn", shop.now)
    before = standing_of(ledger, "churn")
    assert before.ongoing
    watch_once(shop.opened(), ledger, "churn", shop.now + 60 * HOUR, only=("steps",))

    assert standing_of(ledger, "churn") == before
    with pytest.raises(DefinitionError, match="no watcher"):
        watch_once(shop.opened(), ledger, "churn", shop.now, only=("step",))


def test_the_command_says_what_is_given_up_and_opens_the_incident(shop: Shop, ledger: SqliteLedger) -> None:
    words = ["schedule", "tell", "--project", str(shop.folder), "--as-of", iso(shop.now)]
    assert "no step is given up" in CliRunner().invoke(program, words, catch_exceptions=False).output
    ran(shop, ledger, WATCH, "given up")
    said = CliRunner().invoke(program, words, catch_exceptions=False).output

    assert "watch: the run of" in said and "no such file" in said
    assert [one.cause.code for one in ongoing(ledger)] == ["VGW421"]
