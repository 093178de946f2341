"""Whatever is sent, the answer is a score or a refusal that names field and reason; never a 500."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigie.journal import PredictionJournal
from vigie.serving import Served

ClientOf = Callable[..., TestClient]


def refusal(answer: Any, status: int = 422) -> list[tuple[str, str, str]]:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"detail", "request_id"} and answer.headers["x-request-id"] == body["request_id"]
    assert body["detail"] and all(set(one) == {"field", "reason", "remedy"} for one in body["detail"])
    return [(one["field"], one["reason"], one["remedy"]) for one in body["detail"]]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"customers_age": "old"}, "values.customers_age", "'old' is a text"),
        ({"customers_age": True}, "values.customers_age", "True is a truth value"),
        ({"customers_age": [1]}, "values.customers_age", "[1] is a list"),
        ({"customers_age": 10**400}, "values.customers_age", "the number is too large"),
        ({"customers_country": 7}, "values.customers_country", "7 is a number"),
        ({"customers_newsletter": "yes"}, "values.customers_newsletter", "'yes' is a text"),
        ({"customers_since": "yesterday"}, "values.customers_since", "'yesterday' is not a date"),
        ({"customers_worth": None}, "values.customers_worth", "is null and may not be"),
        ({"customers_aeg": 3}, "values.customers_aeg", "the model has no such input"),
    ],
)
def test_a_wrong_value_is_named(
    client: TestClient,
    journal: PredictionJournal,
    values: dict[str, Any],
    change: dict[str, Any],
    field: str,
    reason: str,
) -> None:
    answer = client.post("/v1/score", json={"values": {**values, **change}})
    ((found, said, _),) = refusal(answer)
    assert found == field and said.startswith(reason)
    assert list(journal.read()) == []


def test_a_remedy_offers_the_nearest_name(client: TestClient, values: dict[str, Any]) -> None:
    ((_, _, remedy),) = refusal(client.post("/v1/score", json={"values": {**values, "customers_aeg": 3}}))
    assert remedy.startswith("did you mean 'customers_age'?")


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"", "body", "not JSON: Input data was truncated"),
        (b"{", "body", "not JSON"),
        (b'{"values": {"customers_age": NaN}}', "body", "not JSON: invalid character"),
        (b'\xff\xfe{"a"', "body", "not JSON"),
        (b'{"customer_id": "\xff"}', "body", "not UTF-8 at byte 0"),
        (b'{"values": {"a": ' + b"[" * 100_000, "body", "nested too deeply"),
        (b'{"values": {"a": 1e999}}', "values", "number out of range"),
        (b"3", "body", "expected an object or a list, got a whole number"),
        (b"{}", "body", "neither values nor customer_id"),
        (b'{"customer": 3}', "customer", "no such field"),
        (b'{"values": 3}', "values", "expected an object or null, got a whole number"),
        (b'{"customer_id": 3.5}', "customer_id", "expected a whole number or a string or null, got a number"),
        (b'{"customer_id": ""}', "customer_id", "an id has 1 to 256 characters, this one has 0"),
        (b'{"customers": [{"customer_id": "1"}, {}]}', "customers[1]", "neither values nor customer_id"),
        (b'{"customers": [{"customer_id": "1", "valeus": 2}]}', "customers[0].valeus", "no such field"),
        (b'{"customers": []}', "customers", "the list is empty"),
        (b'{"customers": [{"customer_id": 1}], "customer_id": 1}', "customers", "one customer and a list"),
        (b'{"customer_id": "1", "request_id": "a b"}', "request_id", "1 to 128 letters, digits"),
        (b'{"customer_id": "1", "as_of": "soon"}', "as_of", "'soon' is not an ISO 8601 date or time"),
        (b'{"customer_id": "1", "as_of": "2031-01-01"}', "as_of", "2031-01-01 is not between 1970 and now"),
        (b'{"customer_id": "1", "as_of": "0001-01-01T00:00:00+14:00"}', "as_of", "0001-01-01T00:00:00+14:00 is not"),
    ],
)
def test_a_body_that_does_not_fit_is_explained(client: TestClient, body: bytes, field: str, reason: str) -> None:
    answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"})
    ((found, said, _),) = refusal(answer)
    assert found == field and said.startswith(reason), said


def test_every_wrong_row_of_many_is_named(client: TestClient, values: dict[str, Any]) -> None:
    good = {"values": values}
    bad = {"values": {**values, "customers_age": "x"}}
    found = refusal(client.post("/v1/score", json={"customers": [good, bad, good, bad]}))
    assert [field for field, _, _ in found] == [
        "customers[1].values.customers_age",
        "customers[3].values.customers_age",
    ]
    assert len(refusal(client.post("/v1/score", json={"customers": [bad] * 150}))) == 100


def test_an_unknown_customer_is_named_with_the_moment(client: TestClient, journal: PredictionJournal) -> None:
    answer = client.post("/v1/score", json={"customers": [{"customer_id": "1"}, {"customer_id": "nobody"}]})
    ((field, reason, _),) = refusal(answer)
    assert field == "customers[1].customer_id"
    assert reason == "no customer 'nobody' is known at 2026-11-04T10:15:30.250000Z"
    assert list(journal.read()) == []


def test_without_a_provider_an_id_is_refused_with_a_remedy(served: Served, client_of: ClientOf) -> None:
    client = client_of({"churn": Served("churn", "1", served.bundle)})
    ((field, _, remedy),) = refusal(client.post("/v1/score", json={"customer_id": "1"}))
    assert field == "customer_id" and remedy.startswith("send values")


def test_a_lake_that_cannot_be_read_is_503(client: TestClient) -> None:
    answer = client.post("/v1/score", json={"customer_id": "broken"})
    assert refusal(answer, 503) == [("server", "lake: the lake cannot be read", "mount it")]
    assert answer.headers["retry-after"] == "1"


def test_nothing_is_answered_that_cannot_be_recorded(
    client: TestClient, journal: PredictionJournal, tmp_path: Path, values: dict[str, Any]
) -> None:
    assert client.get("/readyz").status_code == 200
    (tmp_path / "predictions").rmdir()
    ((field, reason, _),) = refusal(client.post("/v1/score", json={"values": values}), 503)
    assert field == "server" and "so nothing was scored" in reason
    assert client.get("/readyz").status_code == client.get("/ping").status_code == 503
    (tmp_path / "predictions").mkdir()
    assert client.get("/readyz").status_code == 200
    assert client.post("/v1/score", json={"values": values}).status_code == 200
    assert len(list(journal.read())) == 1
    metrics = client.get("/metrics").text
    assert "vigie_journal_failures_total 1.0" in metrics


def test_limits(served: Served, client_of: ClientOf, values: dict[str, Any]) -> None:
    client = client_of({"churn": served}, max_rows=3, max_body_bytes=2_000)
    many = {"customers": [{"customer_id": "1"}] * 4}
    ((field, reason, _),) = refusal(client.post("/v1/score", json=many))
    assert field == "customers" and reason == "4 customers in one request; the limit is 3"
    long = json.dumps({"values": values, "customer_id": "x" * 3_000})
    refusal(client.post("/v1/score", content=long, headers={"content-type": "application/json"}), 413)
    parts = (long[i : i + 100].encode() for i in range(0, len(long), 100))  # chunked: its length is not declared
    refusal(client.post("/v1/score", content=parts, headers={"content-type": "application/json"}), 413)


def test_protocol(client: TestClient, values: dict[str, Any]) -> None:
    answer = client.get("/v1/score")
    assert answer.headers["allow"] == "POST"
    ((field, reason, _),) = refusal(answer, 405)
    assert field == "method" and reason == "GET is not answered here"
    form = client.post("/v1/score", data={"a": "b"})
    assert refusal(form, 415)[0][2] == "send application/json"
    ((_, reason, remedy),) = refusal(client.post("/v1/scores/chrun/score", json={"values": values}), 404)
    assert reason == "no score is called 'chrun'" and "did you mean 'churn'" in remedy
    ((_, _, remedy),) = refusal(client.get("/v1/model"), 404)
    assert "did you mean '/v1/models'" in remedy
    refusal(client.post("/healthz"), 405)
    refusal(client.get("/v1/score/"), 404)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
anything = st.recursive(plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12)  # fmt: skip
inputs = ("customers_age", "customers_country", "customers_newsletter", "customers_since", "customers_worth", "moment")
some_values = st.dictionaries(st.sampled_from(inputs) | st.text(max_size=8), anything, max_size=8) | anything
row = st.fixed_dictionaries({}, optional={"values": some_values, "customer_id": anything, "more": anything})
request_like = st.fixed_dictionaries(
    {},
    optional={
        "values": some_values,
        "customer_id": anything,
        "customers": st.lists(row, max_size=4) | anything,
        "as_of": st.sampled_from(["2026-01-01", "9999-12-31T23:59:59+00:01", "-1", "0001-01-01T00:00+23:59"])
        | anything,
        "request_id": anything,
    },
)
bodies = (
    st.binary(max_size=60)
    | anything.map(lambda value: json.dumps(value).encode())
    | request_like.map(lambda value: json.dumps(value).encode())
    | request_like.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    | request_like.map(lambda value: json.dumps(value).encode("utf-16"))
    | request_like.flatmap(lambda value: st.integers(0, 40).map(lambda cut: json.dumps(value).encode()[:-cut]))
)
media = st.sampled_from(["application/json", "text/csv", "application/json; charset=utf-8", "", "text/plain", "x"])


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(path=st.sampled_from(["/v1/score", "/invocations", "/v1/scores/churn/score"]), body=bodies, kind=media)
def test_any_body_is_scored_or_refused(client: TestClient, path: str, body: bytes, kind: str) -> None:
    answer = client.post(path, content=body, headers={"content-type": kind})
    if answer.status_code != 200:
        assert answer.status_code in (415, 422)
        refusal(answer, answer.status_code)
    else:
        assert all(0 <= one["score"] <= 1 for one in answer.json()["predictions"])
