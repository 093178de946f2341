"""``POST /v1/score``: one customer or many, by values or by id; the answer is the scorer's, and is on record."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie.clock import parse_moment
from vigie.journal import PredictionJournal
from vigie.serving import Served

ClientOf = Callable[..., TestClient]


def test_one_by_values_is_the_scorers_answer_and_on_record(
    client: TestClient, served: Served, journal: PredictionJournal, values: dict[str, Any], now: int
) -> None:
    answer = client.post("/v1/score", json={"values": values})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    parsed = served.scorer.parse(values)
    expected = served.scorer.score_one(parsed)
    assert body["model"] == {"name": "churn", "version": "3", "bundle": served.bundle.hash}
    assert body["predictions"] == [
        {
            "customer_id": None,
            "score": expected.probability,
            "decision": "contact" if expected.act else "leave",
            "segment": expected.segment_name,
            "expected_value": expected.expected_value,
            "as_of": "2026-11-04T10:15:30.250000Z",
        }
    ]
    assert uuid.UUID(body["request_id"]).version == 7
    assert answer.headers["x-request-id"] == body["request_id"]
    (event,) = journal.read()
    assert event.request_id == body["request_id"] and event.at == event.as_of == now
    assert event.values == parsed and event.probability == expected.probability and event.gain == expected.gain
    assert (event.score, event.model, event.bundle) == ("churn", "3", served.bundle.hash)
    assert (event.source, event.arm, event.assignment_probability, event.threshold) == ("api", "champion", 1.0, 0.0)
    assert not event.looked_up
    assert event.latency_us > 0 and event.caller == "testclient" and uuid.UUID(event.id).version == 7


def test_customers_at_hand_get_the_same_answers(
    client: TestClient, base: Any, journal: PredictionJournal, values: dict[str, Any]
) -> None:
    asked = {"customers": [{"customer_id": "7"}, {"values": values}, {"customer_id": 3}, {"customer_id": "7"}]}
    unknown = {"customers": [{"customer_id": "7"}, {"customer_id": "nobody"}]}
    found = []
    for base.near in (False, True):
        answer, refused = client.post("/v1/score", json=asked), client.post("/v1/score", json=unknown)
        assert answer.status_code == 200 and refused.status_code == 422
        found.append((answer.json()["predictions"], refused.json()["detail"]))
    assert found[0] == found[1] and found[0][1][0]["field"] == "customers[1].customer_id"
    far, near = (list(journal.read())[i : i + 4] for i in (0, 4))
    assert [e.values for e in near] == [e.values for e in far] and [e.looked_up for e in near] == [
        True,
        False,
        True,
        True,
    ]
    assert client.post("/v1/score", json={"customer_id": "broken"}).status_code == 503


def test_by_id_is_the_answer_by_values(client: TestClient, base: Any, journal: PredictionJournal) -> None:
    by_id = client.post("/v1/score", json={"customer_id": 7, "as_of": "2026-03-01"}).json()
    row = {name: values.take([7]).to_list()[0] for name, values in base.columns.items()}
    by_values = client.post("/v1/score", json={"values": row, "customer_id": "7", "as_of": "2026-03-01"}).json()
    assert by_id["predictions"] == by_values["predictions"]
    assert by_id["predictions"][0]["customer_id"] == "7" and by_id["predictions"][0]["as_of"] == "2026-03-01T00:00:00Z"
    assert base.asked == [(("7",), parse_moment("2026-03-01"))]
    first, second = journal.read()
    assert {k: v for k, v in first.values.items() if v is not None} == second.values
    assert first.customer == second.customer == "7" and first.as_of == parse_moment("2026-03-01")


@pytest.mark.parametrize("background_rows", [1, 1_000])
def test_many_keep_their_order_and_equal_each_alone(
    served: Served, journal: PredictionJournal, client_of: ClientOf, values: dict[str, Any], background_rows: int
) -> None:
    client = client_of({"churn": served}, background_rows=background_rows)
    rows = [{"values": {**values, "customers_age": age}, "customer_id": f"c{age}"} for age in range(18, 60)]
    mixed = [*rows, {"customer_id": "3"}, rows[0], {"customer_id": "3"}, {"customer_id": "4"}]
    answer = client.post("/v1/score", json={"customers": mixed, "request_id": "mine-1"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine-1"
    alone = [client.post("/v1/score", json=row).json()["predictions"][0] for row in mixed]
    assert answer.json()["predictions"] == alone
    together = [event for event in journal.read() if event.request_id == "mine-1"]
    assert [event.customer for event in together] == [p["customer_id"] for p in alone]
    assert len({event.id for event in together}) == len(mixed)
    bare = client.post("/v1/score", json=mixed).json()
    assert bare["predictions"] == alone


def test_the_moment_is_filled_in_where_the_model_asks_for_it(
    served: Served, client_of: ClientOf, values: dict[str, Any]
) -> None:
    """Not every model asks: this one has a feature of the month, which callers by value send themselves."""
    client = client_of({"churn": served})
    months = [name for name in served.kinds if "month" in name]
    assert len(months) == 1
    answers = [
        client.post("/v1/score", json={"values": {**values, months[0]: m}}).json()["predictions"][0]["score"]
        for m in (1, 7)
    ]
    assert answers[0] != answers[1]


def test_a_request_id_from_a_header_comes_back(client: TestClient, values: dict[str, Any]) -> None:
    def sent(value: str) -> str:
        return client.post("/v1/score", json={"values": values}, headers={"X-Request-ID": value}).headers[
            "x-request-id"
        ]

    assert sent("trace-1:a.b") == "trace-1:a.b"
    assert sent("with space") != "with space"
    assert sent("x" * 129) != "x" * 129


def test_each_score_has_its_own_path_and_one_may_be_the_default(
    served: Served, client_of: ClientOf, values: dict[str, Any]
) -> None:
    other = Served("again", "1", served.bundle)
    two = {"churn": served, "again": other}
    client = client_of(two)
    assert client.post("/v1/scores/again/score", json={"values": values}).json()["model"]["name"] == "again"
    refused = client.post("/v1/score", json={"values": values})
    assert refused.status_code == 404
    assert refused.json()["detail"][0]["remedy"] == "ask /v1/scores/churn/score, /v1/scores/again/score"
    chosen = client_of(two, default_model="churn")
    assert chosen.post("/v1/score", json={"values": values}).json()["model"]["name"] == "churn"


def test_an_unseen_category_is_scored_and_recorded_as_sent(
    client: TestClient, journal: PredictionJournal, values: dict[str, Any]
) -> None:
    answer = client.post("/v1/score", json={"values": {**values, "customers_country": "中国"}})
    assert answer.status_code == 200
    assert next(journal.read()).values["customers_country"] == "中国"
