"""``/invocations`` answers MLflow's and SageMaker's clients as ``/v1/score`` does its own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie import __version__
from vigie.bundle import Bundle, Scorer
from vigie.clock import parse_moment
from vigie.journal import PredictionJournal
from vigie.serving import Served

from .test_run import running

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
        ({"instances": [{}], "params": {"x": 1}}, "params.x", "no such field"),
        ({"instances": [{}], "params": {"reasons": 21}}, "params.reasons", "expected a whole number <= 20"),
        ({"inputs": {"a": 1, "b": [1]}}, "inputs.a", "a single value beside lists"),
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


def test_a_single_row_and_parameters(client: TestClient, values: dict[str, Any]) -> None:
    params = {"as_of": "2026-03-01", "request_id": "q-1", "reasons": 2}
    answer = client.post("/invocations", json={"inputs": values, "params": params})
    assert answer.status_code == 200, answer.text
    asked = client.post("/v1/score", json={"values": values, "as_of": "2026-03-01", "reasons": 2}).json()
    assert answer.json()["predictions"] == asked["predictions"] and len(asked["predictions"][0]["reasons"]) == 2
    assert answer.headers["x-request-id"] == "q-1"


def test_another_charset_is_415(client: TestClient) -> None:
    headers = {"content-type": "application/json; charset=latin-1"}
    assert client.post("/invocations", content=b"{}", headers=headers).status_code == 415


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"inputs": {"customers_worth": [Infinity, NaN]}}', "Infinity is no number of JSON"),
        (b'{"inputs": {"customers_worth": [NaN}}', "not JSON: "),
        (b'{"inputs": NaN, "x": 1}', "no such field"),
        (b'{"inputs": "NaN"}', "expected an object"),
    ],
)
def test_what_is_no_json_even_with_nan(client: TestClient, body: bytes, reason: str) -> None:
    answer = client.post("/invocations", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["reason"].startswith(reason), answer.text


def test_mlflows_own_client_works_unchanged(bundle_folder: Path, bundle: Bundle, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    official = pytest.importorskip("mlflow.pyfunc.scoring_server.client")
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "customers_age": [20.0, 40.0, float("nan")],
            "customers_country": ["FR", None, "Ünï"],
            "customers_newsletter": [True, False, True],
            "customers_since": pd.to_datetime(["2024-02-29", "2025-01-01 12:00", None], format="ISO8601"),
            "customers_worth": [250, 100, 7],
        },
        index=[7, 8, 9],
    )
    with running(bundle_folder, tmp_path, 1) as (_, url):
        host, port = url.removeprefix("http://").split(":")
        client = official.ScoringServerClient(host, int(port))
        client.wait_server_ready(timeout=20)
        assert client.get_version() == __version__
        answered = client.invoke(frame).get_predictions()
        records = client.invoke(json.loads(frame.to_json(orient="records", date_format="iso"))).get_predictions()
        with pytest.raises(Exception, match=r"error code 422.*the model has no such input"):
            client.invoke(frame.rename(columns={"customers_age": "age"}))
    scorer = Scorer(bundle)
    since = [parse_moment("2024-02-29"), parse_moment("2025-01-01T12:00:00Z"), None]
    for found in (answered, records):
        assert found["customer_id"].tolist() == ["a", "b", "c"]
        expected = [
            scorer.score_one(
                scorer.parse(
                    {
                        "customers_age": None if row.customers_age != row.customers_age else row.customers_age,
                        "customers_country": row.customers_country if isinstance(row.customers_country, str) else None,
                        "customers_newsletter": row.customers_newsletter,
                        "customers_since": moment,
                        "customers_worth": row.customers_worth,
                    }
                )
            ).probability
            for row, moment in zip(frame.itertuples(), since, strict=True)
        ]
        assert found["score"].tolist() == expected


def test_probes_of_both_protocols(client: TestClient) -> None:
    for path in ("/ping", "/health"):
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (200, "\n")
    assert client.get("/version").text.count(".") >= 1


def test_without_a_default_the_paths_are_named(served: Served, client_of: ClientOf) -> None:
    client = client_of({"churn": served, "again": Served("again", "1", served.bundle)})
    assert client.post("/invocations", json={"instances": [{}]}).status_code == 404
