"""What was answered can be shown, and computed again to the bit, wherever the record is."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from vigie.bundle import Explainer, load_bundle
from vigie.cli.program import program
from vigie.clock import FixedClock, parse_moment
from vigie.errors import DefinitionError, SettingsError
from vigie.journal import Prediction, PredictionJournal
from vigie.journal.ledger_sqlite import SqliteLedger
from vigie.lifecycle.audit import audit
from vigie.lifecycle.erase import erase
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.score import score_base
from vigie.lifecycle.serve import make_app, plan_project
from vigie.lifecycle.ship import ship
from vigie.lifecycle.train import train_score
from vigie.serving import ServingSettings
from vigie.training import TrainOptions

PROJECT = """
from vigie import Campaign, Events, Score, Table, days, every

orders = Events("orders", key="id", time="at")
people = Table("people", key="id")
churn = Score(
    "churn", moments=every("month"), population=orders.count(days(60)) > 0,
    outcome=orders.count(next=days(28)) == 0,
    features=[orders.count(days(30, 90)), orders.days_since_last(), orders["channel"].mode(days(90)), people["since"]],
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.5, customer_value=people["worth"]),
)
"""
NOW = parse_moment("2024-09-15")
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion and answers of two servers, at two moments."""
    folder, chance = tmp_path_factory.mktemp("project"), random.Random(3)
    orders, people = ["id,at,channel"], ["id,since,worth"]
    for customer in range(200):
        loyal = chance.random() < 0.5
        people.append(f"{customer},20{chance.randint(10, 23)}-03-01,{chance.randint(50, 500) if customer != 5 else ''}")
        for month in range(1, 10):
            if customer in (3, 5) or chance.random() < (0.97 if loyal else 0.35):
                day = chance.randint(1, 14 if month == 9 else 27)
                orders.append(f"{customer},2024-{month:02d}-{day:02d},{chance.choice(['web', 'shop'])}")
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    (folder / "people.csv").write_text("\n".join(people) + "\n")
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(
        '[project]\nfiles = ["churn.py"]\n[sources.orders]\npath = "orders.csv"\n[sources.people]\npath = "people.csv"\n'
    )
    project = opened(folder)
    ingest_sources(project)
    train_score(project, project.score("churn"), TrainOptions(models=("logistic_regression",), threads=1, trials=0))
    for hours in (0, 30):
        plan = plan_project(opened(folder, NOW + hours * HOUR), ["churn"])
        with TestClient(make_app(plan, ServingSettings())) as client:
            for customer in ("3", "5"):
                answer = client.post("/v1/score", json={"customer_id": customer})
                assert answer.status_code == 200, answer.text
            values = {"orders_count_30d": 2, "people_since": "2020-01-01", "people_worth": 100}
            sent = client.post("/v1/score", json={"customer_id": "3", "values": values})
            assert sent.status_code == 200, sent.text
    # MLflow keeps absolute paths; those of copies must not lead here.
    return folder.rename(folder.with_name(f"{folder.name}-moved"))


def opened(folder: Path, moment: int = NOW + 48 * HOUR) -> Project:
    return Project.open(folder, "", FixedClock(moment))


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Project:
    """A copy, to change."""
    shutil.copytree(made, tmp_path / "project")
    return opened(tmp_path / "project")


def invoke(project: Project, *arguments: str) -> Any:
    return CliRunner().invoke(program, ["audit", *arguments, "--project", str(project.settings.root)])


def test_every_answer_is_computed_again_to_the_bit_with_its_reasons(project: Project) -> None:
    found = audit(project, "3")

    assert [a.prediction.at for a in found.answers] == [NOW, NOW, NOW + 30 * HOUR, NOW + 30 * HOUR]
    assert sorted(a.prediction.looked_up for a in found.answers) == [False, False, True, True]
    version = project.registry.resolve("churn")
    explainer = Explainer(load_bundle(project.registry.bundle_path(version)))
    for answer in found.answers:
        assert answer.recomputed.exact and answer.recomputed.differs == ()
        assert answer.recomputed.probability == answer.prediction.probability
        assert answer.recomputed.explained == explainer.explained(answer.prediction.values, 5)
        assert len(answer.recomputed.explained.reasons) >= 2, "a model that knows something"
        assert answer.version == version and answer.prediction.definition
    assert found.exact and found.more == 0


def test_a_customer_whose_money_is_not_known_is_computed_again_too(project: Project) -> None:
    first, _ = audit(project, "5").answers

    assert first.prediction.gain is None and first.recomputed.exact and first.recomputed.differs == ()


def test_the_record_is_the_same_from_the_journal_and_from_the_lake(project: Project) -> None:
    before = audit(project, "3")
    assert ship(project).rows == 6
    both = audit(project, "3")
    shutil.rmtree(project.journal_folder)

    assert both.answers == before.answers
    assert audit(project, "3").answers == before.answers


def test_a_time_asks_for_what_was_in_force_and_a_date_for_the_day(project: Project) -> None:
    assert audit(project, "3", until=NOW - 1, in_force=True).answers == ()
    (one,) = audit(project, "3", until=NOW + 29 * HOUR, in_force=True).answers
    assert one.prediction.at == NOW
    told = json.loads(invoke(project, "--customer", "3", "--at", "2024-09-16T12:00:00Z", "--json").stdout)
    assert [a["at"] for a in told["answers"]] == ["2024-09-16T06:00:00Z"]
    told = json.loads(invoke(project, "--customer", "3", "--at", "2024-09-15", "--json").stdout)
    assert [a["at"] for a in told["answers"]] == ["2024-09-15T00:00:00Z"] * 2
    told = json.loads(invoke(project, "--customer", "3", "--last", "1", "--json").stdout)
    assert (len(told["answers"]), told["older"]) == (1, 3)


def test_a_record_that_was_changed_is_told(project: Project) -> None:
    path = min(project.journal_folder.glob("*.jsonl"))
    line = msgspec.json.decode(path.read_bytes().splitlines()[0], type=Prediction)
    better = msgspec.structs.replace(line, probability=line.probability / 2)
    path.write_bytes(msgspec.json.encode(better) + b"\n")

    shown = invoke(project, "--customer", "3", "--at", "2024-09-15")

    assert shown.exit_code == 1
    assert f"the bundle gives {line.probability!r}" in shown.stdout


def test_a_decision_that_an_arm_took_is_told_and_is_no_difference(project: Project) -> None:
    first = audit(project, "3").answers[0].prediction
    other = "leave" if first.decision != "leave" else "contact"
    held = msgspec.structs.replace(
        first, id="z", at=NOW + 31 * HOUR, decision=other, arm="holdout", assignment_probability=0.02, rollout="r7"
    )
    journal = PredictionJournal(project.journal_folder)
    journal.append([held])
    journal.close()

    answer = audit(project, "3").answers[-1]
    assert answer.recomputed.exact and answer.recomputed.differs == ("decision",)
    shown = invoke(project, "--customer", "3", "--last", "1")
    assert shown.exit_code == 0
    assert "the bundle alone would say otherwise: decision" in shown.stdout
    assert "holdout, assigned with probability 0.02, rollout r7" in shown.stdout


def test_a_bundle_that_is_gone_or_tampered_with_is_told(project: Project) -> None:
    folder = project.registry.bundle_path(project.registry.resolve("churn"))
    model = next(path for path in folder.iterdir() if path.name.startswith("model"))
    model.write_bytes(model.read_bytes().replace(b"1", b"2"))
    found = audit(opened(project.settings.root), "3")
    assert not found.exact and all(a.recomputed.problem for a in found.answers)
    shutil.rmtree(folder)

    shown = invoke(project, "--customer", "3")
    assert shown.exit_code == 1 and "not computed again: " in shown.stdout


def test_an_unknown_bundle_is_told(project: Project) -> None:
    first = audit(project, "3").answers[0].prediction
    journal = PredictionJournal(project.journal_folder)
    journal.append([msgspec.structs.replace(first, id="z", bundle="f00d", at=NOW + 31 * HOUR)])
    journal.close()

    answer = audit(project, "3").answers[-1]
    assert answer.version is None and "no version in the registry" in answer.recomputed.problem


def test_a_batch_is_computed_again_from_the_data_that_it_read(project: Project) -> None:
    at_six = opened(project.settings.root, NOW + 6 * HOUR)
    scored = score_base(at_six, at_six.score("churn"))
    (project.settings.root / "late.csv").write_text("id,at,channel\n3,2024-09-14,shop\n")
    location = '[sources.orders]\npath = "orders.csv"'
    toml = project.settings.root / "vigie.toml"
    toml.write_text(toml.read_text().replace(location, '[sources.orders]\npath = ["orders.csv", "late.csv"]'))
    ingest_sources(opened(project.settings.root))

    answers = audit(opened(project.settings.root), "3").answers
    (batch,) = [a for a in answers if a.prediction.source == "batch"]

    assert batch.prediction.at == batch.prediction.as_of == NOW + 6 * HOUR and batch.prediction.request_id == scored.run
    assert batch.recomputed.exact and batch.recomputed.differs == ()
    assert batch.recomputed.explained is not None and batch.recomputed.explained.reasons
    asked = next(a for a in answers if a.prediction.looked_up and a.prediction.source == "api")
    assert batch.prediction.values.keys() == asked.prediction.values.keys()
    assert batch.prediction.values["orders_count_90d"] == asked.prediction.values["orders_count_90d"], (
        "not the late one"
    )
    shown = invoke(project, "--customer", "3", "--at", "2024-09-15T06:00:00Z")
    assert shown.exit_code == 0 and f"batch run {scored.run[:16]}" in shown.stdout
    erase(opened(project.settings.root), ["4"])
    later = [a for a in audit(opened(project.settings.root), "3").answers if a.prediction.source == "batch"]
    assert later[0].prediction.probability == batch.prediction.probability
    assert later[0].recomputed.problem, "the data that it read had somebody in it who was erased"


def test_releases_of_the_version_up_to_the_answer_are_shown(project: Project) -> None:
    ledger = SqliteLedger(project.settings.state / "ledger.db")
    lines: list[tuple[int, str, dict[str, Any]]] = [
        (NOW - 3, "started", {"rollout": "r1", "champion": "7", "challenger": "1", "by": "ana"}),
        (NOW - 2, "promoted", {"rollout": "r1", "reason": "every guardrail was passed"}),
        (NOW - 1, "started", {"rollout": "r2", "champion": "8", "challenger": "9", "by": "bo"}),
        (NOW + 1, "started", {"rollout": "r3", "champion": "1", "challenger": "9", "by": "bo"}),
    ]
    for number, (at, kind, body) in enumerate(lines):
        ledger.append("churn", number, at, kind, body)
    ledger.close()

    found = audit(project, "3").answers

    assert [(r.rollout, r.kind, r.by) for r in found[0].released] == [("r1", "started", "ana"), ("r1", "promoted", "")]
    assert [r.rollout for r in found[-1].released] == ["r1", "r1", "r3"]
    assert "rollout r1 promoted: every guardrail was passed" in " ".join(
        invoke(project, "--customer", "3").stdout.split()
    )


def test_the_page_says_what_there_is(project: Project) -> None:
    shown = invoke(project, "--customer", "3.0", "--at", "2024-09-15")

    first = audit(project, "3").answers[0].prediction
    for text in (
        f"{first.probability!r}", "testclient", "computed from the history", "sent by the caller", first.bundle[:12],
        "now champion", "the same probability to the last bit", "orders_count_30d", first.request_id,
    ):  # fmt: skip
        assert text in " ".join(shown.stdout.split()), text
    assert shown.exit_code == 0
    nobody = invoke(project, "--customer", "nobody")
    assert nobody.exit_code == 0 and "Nothing is on record about customer nobody" in nobody.stdout


def test_wrong_questions_are_explained(project: Project) -> None:
    with pytest.raises(DefinitionError, match="no customer is named"):
        audit(project, " ")
    with pytest.raises(DefinitionError, match="no score 'chrun'"):
        audit(project, "3", score="chrun")
    with pytest.raises(SettingsError, match="99 reasons"):
        audit(project, "3", reasons=99)
    assert isinstance(invoke(project, "--customer", "3", "--at", "yesterday").exception, SettingsError)
