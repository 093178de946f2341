"""The gate stands before the Open Inference Protocol as before every other route, and refuses in its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie.journal import PredictionJournal, read
from vigie.journal.admin import AdminJournal
from vigie.serving import Served, create_app
from vigie.serving.security.administration import Administration, Wanted
from vigie.serving.security.gate import Security
from vigie.serving.security.key_store import SqliteKeys
from vigie.serving.security.keyring import Keyring

BODY = {"inputs": [{"name": "customer_id", "shape": [3], "datatype": "BYTES", "data": ["1", "2", "3"]}]}
INFER = "/v2/models/churn/infer"


Make = Callable[[], TestClient]


@pytest.fixture
def secured(
    served: Served, journal: PredictionJournal, clock: Any, store: SqliteKeys, admin_journal: AdminJournal
) -> Make:
    def make() -> TestClient:
        who = Security(keyring=Keyring(store, clock), journal=admin_journal, clock=clock)
        return TestClient(create_app({"churn": served}, journal, clock, security=who))

    return make


def test_who_is_refused_is_told_in_the_protocols_shape(secured: Make, administration: Administration) -> None:
    _, other = administration.create("other", Wanted(roles=("score",), scores=("tv",)))
    _, events = administration.create("events", Wanted(roles=("events",)))
    with secured() as client:
        for headers, status in (
            ({}, 401),
            ({"authorization": "Bearer vgk_x"}, 401),
            ({"authorization": f"Bearer {other}"}, 403),
            ({"authorization": f"Bearer {events}"}, 403),
        ):
            answer = client.post(INFER, json=BODY, headers=headers)
            assert answer.status_code == status
            assert set(answer.json()) == {"error"} and answer.json()["error"].startswith("authorization: ")
        assert client.get("/v2/models/churn").status_code == 401
        assert client.get("/v2/health/live").status_code == client.get("/v2/health/ready").status_code == 200


def test_who_may_score_may_infer_and_is_on_record(
    secured: Make, administration: Administration, journal: PredictionJournal
) -> None:
    _, key = administration.create("crm", Wanted(roles=("score",), scores=("churn",)))
    _, small = administration.create("small", Wanted(roles=("score",), max_rows=2))
    with secured() as client:
        client.headers["authorization"] = f"Bearer {key}"
        assert client.post(INFER, json=BODY).status_code == 200
        assert client.get("/v2").status_code == client.get("/v2/models/churn").status_code == 200
        answer = client.post(INFER, json=BODY, headers={"authorization": f"Bearer {small}"})
        assert answer.status_code == 400 and "the limit of this key is 2" in answer.json()["error"]
    assert [one.caller for one in read(journal.directory)] == ["key:crm"] * 3
