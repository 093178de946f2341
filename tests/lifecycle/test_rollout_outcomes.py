"""What decisions brought is what the cost matrix says of what became of the customers."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from rollout_shop import VALUES, bundle_of, make_project, opened, register

from vigie.cli.program import program
from vigie.clock import DAY, FixedClock, SystemClock, parse_moment
from vigie.errors import FeatureError, RegistryError, SettingsError
from vigie.features.event_outcomes import outcomes_of_events
from vigie.features.training_set import build_training_set, outcomes_at
from vigie.journal import Prediction
from vigie.lifecycle import rollout as releases
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout_outcomes import count_outcomes, step_of
from vigie.lifecycle.serve import make_app, plan_project
from vigie.release import plan_of
from vigie.release.guardrails import Guardrails
from vigie.serving import ServingSettings

N = 600
COST, OFFER, ACCEPTED = 1.0, 10.0, 0.3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rollout under way that has answered 600 customers; of 40 of them nobody knows whether they left."""
    folder, chance = tmp_path_factory.mktemp("outcomes"), random.Random(2)
    make_project(
        folder,
        "value_low = -11.0\nvalue_high = 60.0\nscore_distance = 1.0\ndecision_difference = 1.0\nmax_seconds = 1e9\nbake_seconds = 1e9\n",
    )
    toml = (folder / "vigie.toml").read_text().replace("bake_seconds = 0\n", "")
    (folder / "vigie.toml").write_text(toml)
    lines = ["id,age,income,worth,left"]
    for i in range(N):
        left = "" if i < 40 else str(chance.random() < 0.4)
        lines.append(
            f"{i},{chance.randint(18, 80)},{chance.randint(500, 5_000)},{chance.choice([50, 100, 200])},{left}"
        )
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    project = opened(folder)
    ingest_sources(project)
    register(project, bundle_of(-3.0), "champion")
    register(project, bundle_of(3.0))
    releases.start_rollout(project, releases.ledger_of(project), releases.plan_rollout(project, "churn"))
    with TestClient(make_app(plan_project(opened(folder, SystemClock()), ["churn"]), ServingSettings())) as client:
        for i in range(N):
            for _ in range(2 if i % 3 == 0 else 1):  # some ask twice, and count once
                values = {**VALUES, "people_worth": float(lines[i + 1].split(",")[3])}
                answer = client.post("/v1/score", json={"customer_id": str(i), "values": values})
                assert answer.status_code == 200, answer.text
        assert client.post("/v1/score", json={"values": VALUES}).status_code == 200
    return folder


def rows(folder: Path) -> dict[str, list[str]]:
    found = [line.split(",") for line in (folder / "people.csv").read_text().splitlines()[1:]]
    return {one[0]: one for one in found}


def test_every_customer_counts_once_with_what_the_decision_brought(folder: Path) -> None:
    project = opened(folder)
    ledger = releases.ledger_of(project)
    found = count_outcomes(project, ledger, "churn")
    assert found.waiting == 40 and sum(found.known.values()) == N - 40
    people, brought = rows(folder), {"champion": [], "challenger": []}  # type: ignore[var-annotated]
    seen = set()
    from vigie.lifecycle.recorded import recorded

    for one in recorded(project):
        if one.customer is None or one.customer in seen or not people[one.customer][4]:
            continue
        seen.add(one.customer)
        left, worth = people[one.customer][4] == "True", float(people[one.customer][3])
        value = 0.0
        if one.decision == "contact":
            value = ACCEPTED * (worth - OFFER) - COST if left else -COST - OFFER
        brought[one.arm].append(value)
    assert {arm: len(values) for arm, values in brought.items()} == found.known
    assert min(len(values) for values in brought.values()) > 200
    for arm, values in brought.items():
        # Rounded to 17 points without bias: off by no more than the draws of so many.
        assert found.value[arm] == pytest.approx(np.mean(values), abs=4 * (71 / 16) / 2 / len(values) ** 0.5), arm
    status = releases.status_of(ledger, "churn")
    verdict = next(one for one in status.verdicts if one.guardrail == "value")
    assert (verdict.champion, verdict.challenger) == (found.value["champion"], found.value["challenger"])
    assert verdict.harm != 0
    assert status.evidence.units[0] < N + 10  # outcomes are no new customers


def test_counting_again_changes_nothing(folder: Path) -> None:
    project = opened(folder)
    ledger = releases.ledger_of(project)
    first = count_outcomes(project, ledger, "churn")
    evidence = ledger.counts(first.rollout)["outcomes"]
    assert count_outcomes(project, ledger, "churn") == first
    assert ledger.counts(first.rollout)["outcomes"] == evidence


def test_the_command(folder: Path) -> None:
    done = CliRunner().invoke(program, ["rollout", "outcomes", "--project", str(folder)])
    assert done.exit_code == 0, done.output
    assert "40 customers whose outcome is not known yet" in done.output


def test_customers_are_asked_for_by_id_in_a_rollout_too(folder: Path) -> None:
    with TestClient(make_app(plan_project(opened(folder, SystemClock()), ["churn"]), ServingSettings())) as client:
        answers = {}
        for i in range(30):
            answer = client.post("/v1/score", json={"customer_id": str(i)})
            assert answer.status_code == 200, answer.text
            answers[i] = answer.json()["model"]["version"]
        assert set(answers.values()) == {"1", "2"}
        assert 'vigie_rollout_failures_total{score="churn"} 0.0' in client.get("/metrics").text


def test_without_a_rollout_or_a_range_there_is_nothing_to_count(tmp_path: Path) -> None:
    make_project(tmp_path)
    project = opened(tmp_path)
    ledger = releases.ledger_of(project)
    with pytest.raises(RegistryError, match="has had no rollout"):
        count_outcomes(project, ledger, "churn")
    register(project, bundle_of(-1.0), "champion")
    register(project, bundle_of(1.0))
    releases.start_rollout(project, ledger, releases.plan_rollout(project, "churn"))
    with pytest.raises(SettingsError, match="value is not judged"):
        count_outcomes(project, ledger, "churn")


def test_the_step_is_told_by_the_probability_of_the_draw() -> None:
    plan = plan_of("canary", {"shares": [0.01, 0.1, 0.5]}, Guardrails())

    def made(arm: str, probability: float) -> Prediction:
        nothing: dict[str, Any] = dict.fromkeys(("customer", "gain", "expected_value", "threshold"))
        return Prediction(
            **nothing, id="", request_id="", score="churn", as_of=0, at=0, model="1", bundle="", values={},
            probability=0.5, decision="", segment="", arm=arm, assignment_probability=probability,
        )  # fmt: skip

    assert [step_of(made("challenger", 0.98 * share), plan, 0.98) for share in (0.01, 0.1, 0.5)] == [1, 2, 3]
    assert [step_of(made("champion", 0.98 * (1 - share)), plan, 0.98) for share in (0.01, 0.1, 0.5)] == [1, 2, 3]
    assert step_of(made("fallback", 0.1), plan, 1.0) == 2
    assert step_of(made("champion", 0.98), plan, 0.98) is None  # the shadow


EVENTS = """
from vigie import Campaign, Events, Score, at, days, every

orders = Events("orders", key="id", time="at")
churn = Score("churn", moments=MOMENTS, outcome=orders.count(next=days(28)) == 0,
              features=[orders.count(days(30))], decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.5, customer_value=9))
"""
NOW = parse_moment("2024-09-15")


def shop(folder: Path, moments: str = 'every("month")') -> Project:
    chance = random.Random(3)
    lines = ["id,at"] + [
        f"{customer},2024-{month:02d}-{chance.randint(1, 14):02d}"
        for customer in range(80)
        for month in range(1, 10)
        if chance.random() < 0.6
    ]
    (folder / "orders.csv").write_text("\n".join(lines) + "\n")
    (folder / "churn.py").write_text(EVENTS.replace("MOMENTS", moments))
    (folder / "vigie.toml").write_text('[project]\nfiles = ["churn.py"]\n[sources.orders]\npath = "orders.csv"\n')
    project = Project.open(folder, "", FixedClock(NOW))
    ingest_sources(project)
    return project


def test_outcomes_are_the_labels_that_training_sees(tmp_path: Path) -> None:
    project = shop(tmp_path)
    schema = project.schema(project.score("churn"))
    score = project.score("churn").bound(schema)
    whole = build_training_set(score, project.lake, schema, as_of=NOW)
    order = np.random.default_rng(0).permutation(len(whole.labels))
    customers, moments = np.asarray(whole.customers)[order].tolist(), np.asarray(whole.moments)[order]
    found = outcomes_at(score, project.lake, schema, customers, moments, as_of=NOW)
    assert len(found) > 100 and 0.1 < found.mean() < 0.9
    assert found.tolist() == whole.labels[order].tolist()
    early = outcomes_at(
        score, project.lake, schema, ["1", "1", "nobody"], np.array([NOW - 28 * DAY + 1, 0, 0]), as_of=NOW
    )
    assert np.isnan(early).tolist() == [True, False, True]
    assert len(outcomes_at(score, project.lake, schema, [], np.array([]), as_of=NOW)) == 0


def test_outcomes_of_events_are_the_labels_of_the_latest_event(tmp_path: Path) -> None:
    shop(tmp_path, "at(orders)")
    text = (tmp_path / "churn.py").read_text()
    (tmp_path / "churn.py").write_text(text.replace("== 0", "== 1"))  # the order itself, and no other
    project = Project.open(tmp_path, "", FixedClock(NOW))
    schema = project.schema(project.score("churn"))
    score = project.score("churn").bound(schema)
    whole = build_training_set(score, project.lake, schema, as_of=NOW)
    order = np.random.default_rng(0).permutation(len(whole.labels))
    customers, moments = np.asarray(whole.customers)[order].tolist(), np.asarray(whole.moments)[order]
    more: dict[str, Any] = {"within": DAY, "as_of": NOW}
    found = outcomes_of_events(score, project.lake, schema, customers, moments, **more)
    assert len(found) > 100 and 0.1 < found.mean() < 0.9
    assert found.tolist() == whole.labels[order].tolist()
    # Scored a moment later it is the same event, unless the next one has come; scored a day later it is not known which was meant.
    soon = outcomes_of_events(score, project.lake, schema, customers, moments + 1, **more)
    assert soon.tolist() == found.tolist()
    alone = np.array([not np.any((moments > at) & (moments <= at + DAY + 1) & (np.asarray(customers) == who))
                      for who, at in zip(customers, moments.tolist(), strict=True)])  # fmt: skip
    late = outcomes_of_events(score, project.lake, schema, customers, moments + DAY + 1, **more)
    assert alone.any() and np.isnan(late[alone]).all()
    nobody = outcomes_of_events(score, project.lake, schema, ["nobody", customers[0]], np.array([NOW, 0]), **more)
    assert np.isnan(nobody).all()
    assert len(outcomes_of_events(score, project.lake, schema, [], np.array([]), **more)) == 0
    (tmp_path / "plain").mkdir()
    plain = shop(tmp_path / "plain")
    with pytest.raises(FeatureError, match="not those of an event"):
        outcomes_of_events(plain.score("churn").bound(schema), plain.lake, schema, ["1"], np.array([0]), **more)


def test_outcomes_of_events_are_not_looked_up_by_customer(tmp_path: Path) -> None:
    project = shop(tmp_path, "at(orders)")
    schema = project.schema(project.score("churn"))
    with pytest.raises(FeatureError, match="belongs to that event"):
        outcomes_at(project.score("churn").bound(schema), project.lake, schema, ["1"], np.array([0]), as_of=NOW)
