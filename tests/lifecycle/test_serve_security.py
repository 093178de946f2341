"""A project's server and its keys, from ``vigie.toml`` to an answer."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from vigie.clock import DAY, FixedClock, SystemClock, parse_moment
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.security import administration_of, user
from vigie.lifecycle.serve import make_app, plan_project
from vigie.serving import ServingSettings
from vigie.serving.security.administration import Wanted

PAST = parse_moment("2024-03-01")
FILE = """
from vigie import Campaign, Events, Score, days, every

orders = Events("orders", key="id", time="at", id="order")
money = Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=10)
churn = Score(
    "churn",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[orders.count(days(30))],
    decision=money,
)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "shop.py").write_text(FILE)
    (tmp_path / "vigie.toml").write_text("[project]\nfiles = ['shop.py']\n[sources.orders]\npath = 'orders.csv'\n")
    (tmp_path / "orders.csv").write_text("order,id,at\n1,a,2024-02-20\n2,b,2024-01-01\n")
    made = Project.open(tmp_path, "", FixedClock(PAST))
    ingest_sources(made)
    return made


def test_a_server_asks_for_keys_once_one_was_made(project: Project) -> None:
    assert not plan_project(project).authenticated
    with TestClient(make_app(plan_project(project), ServingSettings())) as client:
        assert client.get("/v1/features?customer=a").status_code == 200
    admin = administration_of(project.settings, SystemClock())
    _, text = admin.create("shop", Wanted(roles=["features"], lasts=DAY))
    plan = plan_project(project)
    assert plan.authenticated and text[17:] not in str(pickle.dumps(plan)) + repr(plan)
    # Scores as of 2024, keys as of now: a key made today is neither too young nor for ever.
    with TestClient(make_app(plan, ServingSettings())) as client:
        assert client.get("/v1/features?customer=a").status_code == 401
        answer = client.get("/v1/features?customer=a", headers={"authorization": f"Bearer {text}"})
        assert answer.status_code == 200 and answer.json()["as_of"] == "2024-03-01T00:00:00Z"
        admin.revoke("shop")
        app = client.app
        app.gate._keyring.refresh()  # type: ignore[attr-defined]
        assert client.get("/v1/features?customer=a", headers={"x-api-key": text}).status_code == 401


def test_a_worker_that_starts_again_without_the_file_of_keys_opens_nothing(project: Project) -> None:
    administration_of(project.settings, SystemClock()).create("shop", Wanted(roles=["features"]))
    plan = plan_project(project)
    (project.settings.state / "keys.db").unlink()
    with TestClient(make_app(plan, ServingSettings())) as client:
        assert client.get("/v1/features?customer=a").status_code == 401


def test_who_administers_is_a_user_of_this_machine() -> None:
    import os
    import pwd

    assert user() == pwd.getpwuid(os.getuid()).pw_name
