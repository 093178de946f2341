"""``/invocations`` answers MLflow's and SageMaker's clients as ``/v1/score`` does its own."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie.journal import PredictionJournal
from vigie.serving import Served

ClientOf = Callable[..., TestClient]


def rows(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**values, "customers_age": age, "customer_id": f"c{age}"} for age in (20.0, 40.0, None)]


def as_csv(records: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


@pytest.fixture
def expected(client: TestClient, values: dict[str, Any]) -> list[dict[str, Any]]:
    customers = [
        {"customer_id": row["customer_id"], "values": {k: v for k, v in row.items() if k != "customer_id"}}
        for row in rows(values)
    ]
    found: list[dict[str, Any]] = client.post("/v1/score", json={"customers": customers}).json()["predictions"]
    return found


@pytest.mark.parametrize("shape", ["dataframe_records", "instances", "dataframe_split", "inputs", "inputs of objects"])
def test_every_json_shape(
    client: TestClient, values: dict[str, Any], expected: list[dict[str, Any]], shape: str
) -> None:
    records = rows(values)
    names = list(records[0])
    bodies: dict[str, dict[str, Any]] = {
        "dataframe_records": {"dataframe_records": records},
        "instances": {"instances": records, "params": {}},
        "dataframe_split": {
            "dataframe_split": {"index": [0, 1, 2], "columns": names, "data": [list(r.values()) for r in records]}
        },
        "inputs": {"inputs": {name: [record[name] for record in records] for name in names}},
        "inputs of objects": {"inputs": records},
    }
    answer = client.post("/invocations", json=bodies[shape])
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": expected}


@pytest.mark.parametrize("media", ["text/csv", "text/csv; charset=utf-8", "TEXT/CSV"])
def test_csv(client: TestClient, values: dict[str, Any], expected: list[dict[str, Any]], media: str) -> None:
    answer = client.post("/invocations", content=as_csv(rows(values)), headers={"content-type": media})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": expected}


def test_every_row_is_on_record(client: TestClient, journal: PredictionJournal, values: dict[str, Any]) -> None:
    client.post(
        "/invocations", json={"instances": rows(values)}, headers={"X-Amzn-SageMaker-Inference-Id": "aws-7"}
    ).raise_for_status()
    events = list(journal.read())
    assert [event.customer for event in events] == ["c20.0", "c40.0", "cNone"]
    assert {event.request_id for event in events} == {"aws-7"}
    assert "customers_age" not in events[2].values and "customer_id" not in events[0].values


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (
            {},
            "body",
            "exactly one of dataframe_split, dataframe_records, instances and inputs is needed, none is there",
        ),
        ({"instances": [], "inputs": {}}, "body", "exactly one of"),
        ({"instances": []}, "instances", "there are no rows"),
        ({"inputs": {}}, "inputs", "there are no rows"),
        ({"instances": [[1, 2]]}, "instances[0]", "expected an object, got a list"),
        ({"inputs": {"a": [1], "b": [1, 2]}}, "inputs", "columns of different lengths (a: 1, b: 2)"),
        ({"instances": [{"a": 1}]}, "instances[0].a", "the model has no such input"),
        (
            {"dataframe_split": {"columns": ["a", "a"], "data": []}},
            "dataframe_split.columns",
            "a column is named twice",
        ),
        (
            {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
            "dataframe_split.data[0]",
            "2 values for 1 columns",
        ),
        ({"dataframe_split": {"data": [[1]]}}, "dataframe_split", "object missing required field columns"),
        ({"instances": [{}], "params": {"x": 1}}, "params.x", "the model takes no parameters"),
        ({"instances": [{"customer_id": 1.5}]}, "instances[0].customer_id", "expected a string or a whole number"),
        ({"signature": 1}, "signature", "no such field"),
    ],
)
def test_a_body_of_another_shape_is_explained(
    client: TestClient, body: dict[str, Any], field: str, reason: str
) -> None:
    answer = client.post("/invocations", json=body)
    assert answer.status_code == 422
    (detail,) = answer.json()["detail"]
    assert detail["field"] == field and detail["reason"].startswith(reason), detail


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        (b"", "header", "the first line must name the inputs"),
        (b"41,FR,true\n", "header", "the first line must name the inputs"),
        (b"customers_age,customers_age\n1,2\n", "header", "the first line must name the inputs, each once"),
        (b"customers_age,customers_worth\n1\n", "row[1]", "1 values for 2 columns"),
        (b"customers_age,customers_worth\n", "row", "there are no rows"),
        (b"customers_age,customers_worth\nold,3\n", "row[1].customers_age", "'old' is a text"),
        (b"customers_age,customers_worth\n3,inf\n", "row[1].customers_worth", "inf is not a number"),
        (b"customers_age,customers_worth\n3,1\n3,\n", "row[2].customers_worth", "is null and may not be"),
        (b'customers_age,customers_worth\n"3,1\n', "body", "not CSV: unexpected end of data"),
        (b"customers_age,customers_worth\n\xff,1\n", "body", "not UTF-8 at byte 30"),
    ],
)
def test_a_csv_that_does_not_fit_is_explained(client: TestClient, text: bytes, field: str, reason: str) -> None:
    answer = client.post("/invocations", content=text, headers={"content-type": "text/csv"})
    assert answer.status_code == 422
    (detail,) = answer.json()["detail"]
    assert detail["field"] == field and detail["reason"].startswith(reason), detail


def test_other_media_types_are_415(client: TestClient) -> None:
    answer = client.post("/invocations", content=b"x", headers={"content-type": "application/x-npy"})
    assert answer.status_code == 415
    assert answer.json()["detail"][0]["remedy"] == "send application/json or text/csv"


def test_probes_of_both_protocols(client: TestClient) -> None:
    for path in ("/ping", "/health"):
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (200, "\n")
    assert client.get("/version").text.count(".") >= 1


def test_without_a_default_the_paths_are_named(served: Served, client_of: ClientOf) -> None:
    client = client_of({"churn": served, "again": Served("again", "1", served.bundle)})
    assert client.post("/invocations", json={"instances": [{}]}).status_code == 404
