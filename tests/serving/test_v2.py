"""The Open Inference Protocol: answers as ``/v1/score`` gives them, in the published shapes, for the official client."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.bundle import Bundle, Scorer
from vigie.clock import FixedClock
from vigie.definition import Kind
from vigie.journal import PredictionJournal
from vigie.serving import Served, create_app
from vigie.serving.refusal import RequestError
from vigie.serving.v2_messages import OUTPUTS, Inference, error_of, read_inference
from vigie.serving.v2_tensors import DATATYPES

from .test_run import running

INFER = "/v2/models/churn/infer"

# The schemas of open_inference_rest.yaml, version 2.0, as far as answers go.
TENSOR_DATA = {
    "type": "array",
    "items": {"anyOf": [{"$ref": "#/$defs/data"}, {"type": "number"}, {"type": "string"}, {"type": "boolean"}]},
}
METADATA_TENSOR = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["name", "datatype", "shape"],
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "metadata_server_response": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "version": {"type": "string"},
            "extensions": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name", "version", "extensions"],
    },
    "metadata_model_response": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "versions": {"type": "array", "items": {"type": "string"}},
            "platform": {"type": "string"},
            "inputs": {"type": "array", "items": METADATA_TENSOR},
            "outputs": {"type": "array", "items": METADATA_TENSOR},
        },
        "required": ["name", "platform"],
    },
    "inference_response": {
        "type": "object",
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "shape": {"type": "array", "items": {"type": "integer"}},
                        "datatype": {"type": "string"},
                        "parameters": {"type": "object"},
                        "data": {"$ref": "#/$defs/data"},
                    },
                    "required": ["name", "shape", "datatype", "data"],
                },
            },
        },
        "required": ["model_name", "outputs"],
        "$defs": {"data": TENSOR_DATA},
    },
    "inference_error_response": {
        "type": "object",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
        "additionalProperties": False,
    },
}


def fits(answer: Any, schema: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(answer, SCHEMAS[schema])


def column(name: str, datatype: str, data: list[Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data, **more}


def columns(n: int = 3) -> list[dict[str, Any]]:
    return [
        column("customers_age", "FP64", [20.0, 40.0, None][:n]),
        column("customers_country", "BYTES", ["FR", "DE", None][:n]),
        column("customers_newsletter", "BOOL", [True, False, None][:n]),
        column("customers_since", "BYTES", ["2024-02-29", "2025-01-01T12:00:00Z", None][:n]),
        column("customers_worth", "INT64", [250, 100, 7][:n]),
    ]


def expected(client: TestClient, customers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.post("/v1/score", json={"customers": customers}).json()["predictions"]
    return found


def as_customers(inputs: list[dict[str, Any]], ids: list[str] | None = None) -> list[dict[str, Any]]:
    values = [dict(zip([c["name"] for c in inputs], row)) for row in zip(*[c["data"] for c in inputs])]  # noqa: B905
    return [{"values": one, **({"customer_id": ids[i]} if ids else {})} for i, one in enumerate(values)]


def outputs_of(answer: dict[str, Any]) -> dict[str, list[Any]]:
    return {one["name"]: one["data"] for one in answer["outputs"]}


def test_columns_are_scored_as_rows_are(client: TestClient, journal: PredictionJournal) -> None:
    ids = ["a", "b", "c"]
    answer = client.post(INFER, json={"id": "r-7", "inputs": [*columns(), column("customer_id", "BYTES", ids)]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    fits(body, "inference_response")
    assert body["model_name"] == "churn" and body["model_version"] == "3" and body["id"] == "r-7"
    recorded = list(journal.read())
    assert [(one.customer, one.request_id) for one in recorded] == [(name, "r-7") for name in ids]
    assert recorded[0].values["customers_age"] == 20.0 and "customers_age" not in recorded[2].values
    rows = expected(client, as_customers(columns(), ids))
    found = outputs_of(body)
    assert found["probability"] == [row["score"] for row in rows]
    assert found["decision"] == [row["decision"] for row in rows]
    assert found["segment"] == [row["segment"] for row in rows]
    assert found["expected_value"] == [row["expected_value"] for row in rows]
    assert found["version"] == ["3"] * 3
    assert body["parameters"]["as_of"] == rows[0]["as_of"]


def test_customers_alone_are_looked_up(client: TestClient) -> None:
    body = {
        "inputs": [column("customer_id", "INT64", [7, 8])],
        "outputs": [{"name": "probability"}],
        "parameters": {"as_of": "2026-03-01"},
    }
    answer = client.post("/v2/models/churn/versions/3/infer", json=body).json()
    asked = {"customers": [{"customer_id": 7}, {"customer_id": 8}], "as_of": "2026-03-01"}
    rows = client.post("/v1/score", json=asked).json()["predictions"]
    assert outputs_of(answer) == {"probability": [row["score"] for row in rows]}
    assert answer["parameters"]["as_of"] == "2026-03-01T00:00:00Z"


def test_nested_data_of_two_dimensions(client: TestClient) -> None:
    inputs = columns(2)
    for one in inputs:
        one["shape"], one["data"] = [2, 1], [[value] for value in one["data"]]
    answer = client.post(INFER, json={"inputs": inputs})
    assert answer.status_code == 200, answer.text
    assert outputs_of(answer.json())["probability"] == [
        row["score"] for row in expected(client, as_customers(columns(2)))
    ]


def text(value: str) -> bytes:
    return struct.pack("<I", len(value.encode())) + value.encode()


def test_binary_data_in_both_directions(client: TestClient) -> None:
    parts = {
        "customers_age": ("FP32", np.array([20, np.nan], "<f4").tobytes()),
        "customers_country": ("BYTES", text("FR") + text("")),
        "customers_newsletter": ("BOOL", b"\x01\x00"),
        "customers_worth": ("INT64", np.array([250, 7], "<i8").tobytes()),
    }
    inputs = [
        {"name": name, "shape": [2], "datatype": kind, "parameters": {"binary_data_size": len(part)}}
        for name, (kind, part) in parts.items()
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    body = head + b"".join(part for _, part in parts.values())
    answer = client.post(INFER, content=body, headers={"Inference-Header-Content-Length": str(len(head))})
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["inference-header-content-length"])
    told, tail = json.loads(answer.content[:length]), answer.content[length:]
    rows = expected(
        client,
        [
            {
                "values": {
                    "customers_age": 20,
                    "customers_country": "FR",
                    "customers_newsletter": True,
                    "customers_worth": 250,
                }
            },
            {"values": {"customers_newsletter": False, "customers_worth": 7}},
        ],
    )
    first, second = told["outputs"][:2]
    assert first["name"] == "probability" and first["parameters"]["binary_data_size"] == 16
    assert np.frombuffer(tail[:16], "<f8").tolist() == [row["score"] for row in rows]
    size = second["parameters"]["binary_data_size"]
    assert tail[16 : 16 + size] == b"".join(text(row["decision"]) for row in rows)
    assert len(tail) == sum(one["parameters"]["binary_data_size"] for one in told["outputs"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"inputs": []}, "inputs: there are no rows"),
        ({"inputs": [column("customers_age", "FP64", [])]}, "inputs: there are no rows"),
        ({"inputs": [column("no", "FP64", [1])]}, "inputs[0].name: the model has no input 'no'"),
        ({"inputs": [column("customers_age", "FP64", ["x"])]}, "inputs[0].data[0]: 'x' is not of FP64"),
        ({"inputs": [column("customers_age", "FP64", [True])]}, "inputs[0].data[0]: True is not of FP64"),
        ({"inputs": [column("customers_age", "INT64", [1.5])]}, "inputs[0].data[0]: 1.5 is not of INT64"),
        ({"inputs": [column("customers_age", "FLOAT", [1])]}, "inputs[0].datatype: 'FLOAT' is not read"),
        ({"inputs": [column("customers_age", "FP64", [1], shape=[2])]}, "1 values for a shape of 2 rows"),
        ({"inputs": [column("customers_age", "FP64", [1], shape=[1, 5])]}, "[1, 5] is not [n] or [n, 1]"),
        ({"inputs": [column("customers_age", "FP64", [1], shape=[])]}, "[] is not [n] or [n, 1]"),
        ({"inputs": [column("customers_age", "FP64", [1]), column("customers_worth", "FP64", [1, 2])]}, "2 rows where"),
        ({"inputs": [column("customers_age", "FP64", [1])] * 2}, "'customers_age' is sent twice"),
        ({"inputs": [column("customers_age", "FP64", [1])]}, "rows[0].customers_worth: is missing"),
        ({"inputs": [column("customers_worth", "FP64", [1e400])]}, "inputs[0].data[0]: number out of range"),
        (
            {"inputs": [column("customer_id", "FP64", [1.5])]},
            "rows[0].customer_id: expected a string or a whole number",
        ),
        ({"inputs": [column("customer_id", "BYTES", [None])]}, "rows[0].customer_id: expected a string"),
        ({"inputs": [column("customer_id", "BYTES", ["nobody"])]}, "no customer 'nobody' is known"),
        ({"inputs": columns(), "outputs": [{"name": "gain"}]}, "outputs[0].name: there is no output 'gain'"),
        ({"inputs": columns(), "outputs": [{"name": "decision"}] * 2}, "an output is asked for twice"),
        ({"inputs": columns(), "id": "two words"}, "id: 1 to 128 letters, digits and ._:- are allowed"),
        ({"inputs": columns(), "parameters": {"as_of": 7}}, "parameters.as_of: expected a string"),
        ({"inputs": columns(), "parameters": {"as_of": "soon"}}, "as_of: 'soon' is not an ISO 8601"),
        ({"inputs": [{"name": "customers_age", "shape": [1], "datatype": "FP64"}]}, "inputs[0].data: there is no data"),
        (
            {"inputs": [column("customers_age", "FP64", [1], parameters={"binary_data_size": 8})]},
            "the data is there twice",
        ),
        (
            {
                "inputs": [
                    {"name": "customers_age", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}
                ]
            },
            "inputs[0]: 8 bytes of binary data are announced, 0 are left",
        ),
        (
            {
                "inputs": [
                    {"name": "customers_age", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": -8}}
                ]
            },
            "-8 is not a number of bytes",
        ),
        (
            {
                "inputs": [
                    {
                        "name": "customers_age",
                        "shape": [1],
                        "datatype": "FP64",
                        "parameters": {"shared_memory_region": "r"},
                    }
                ]
            },
            "shared memory is not read",
        ),
        ({}, "object missing required field inputs"),
    ],
)
def test_a_request_that_does_not_fit_is_400_with_a_reason(
    client: TestClient, change: dict[str, Any], told: str
) -> None:
    content = json.dumps(change).replace("Infinity", "1e400")
    answer = client.post(INFER, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    fits(answer.json(), "inference_error_response")
    assert told in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "length", "told"),
    [
        (b'{"inputs": []}', "99", "99 bytes of JSON announced, 14 are there"),
        (b'{"inputs": []}', "many", "expected a number of bytes"),
        (b"{", None, "not JSON"),
        (b"\xff\xfe", None, "not JSON"),
    ],
)
def test_a_body_that_is_cut_off_is_400(client: TestClient, content: bytes, length: str | None, told: str) -> None:
    headers = {"Inference-Header-Content-Length": length} if length is not None else {}
    answer = client.post(INFER, content=content, headers=headers)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


@pytest.mark.parametrize("size", [7, 9, 4])
def test_binary_texts_that_do_not_end_with_the_tensor(client: TestClient, size: int) -> None:
    given = {"name": "customer_id", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [given]}).encode()
    part = struct.pack("<I", 9) + b"abcde"
    answer = client.post(INFER, content=head + part, headers={"Inference-Header-Content-Length": str(len(head))})
    assert answer.status_code == 400
    told = answer.json()["error"]
    assert "ends behind the tensor" in told or "belong to no input" in told


NAMES = st.sampled_from(
    [
        "customers_age",
        "customers_country",
        "customers_newsletter",
        "customers_since",
        "customers_worth",
        "customer_id",
        "x",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
TENSORS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "shape": st.lists(st.integers(-2, 4), max_size=3) | SCALARS,
        "datatype": st.sampled_from([*DATATYPES, "BF16", ""]) | SCALARS,
    },
    optional={
        "data": st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=4) | SCALARS,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": SCALARS | st.integers(0, 20)}),
    },
)
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, max_size=4) | SCALARS},
    optional={
        "id": SCALARS,
        "parameters": st.dictionaries(st.sampled_from(["as_of", "binary_data_output", "y"]), SCALARS),
        "outputs": st.lists(st.fixed_dictionaries({"name": st.sampled_from([*OUTPUTS, "x"])}), max_size=3),
    },
)


@given(request=REQUESTS | SCALARS, tail=st.binary(max_size=60), length=st.none() | st.integers(-1, 400))
@settings(max_examples=300)
def test_whatever_is_sent_is_scored_or_refused_with_a_reason(request: Any, tail: bytes, length: int | None) -> None:
    head = json.dumps(request).encode()
    kinds = {"customers_age": Kind.NUMBER, "customers_country": Kind.CATEGORY, "customers_newsletter": Kind.BOOLEAN}
    kinds |= {"customers_since": Kind.TIME, "customers_worth": Kind.NUMBER}
    for body, size in ((head, None), (head + tail, len(head)), (head + tail, length)):
        found = read_or_refusal(body, size if size is None or size >= 0 else None, kinds)
        if isinstance(found, RequestError):
            assert found.status == 422 and error_of(found.details).error
        else:
            assert found.rows and found.outputs


def read_or_refusal(body: bytes, length: int | None, kinds: dict[str, Kind]) -> Inference | RequestError:
    try:
        return read_inference(body, length, kinds, 100)
    except RequestError as problem:
        return problem


def test_metadata_and_health(client: TestClient) -> None:
    for path in ("/v2", "/v2/"):
        server = client.get(path).json()
        fits(server, "metadata_server_response")
        assert server["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"live": True, "ready": True}
    for path in ("/v2/models/churn", "/v2/models/churn/versions/3"):
        model = client.get(path).json()
        fits(model, "metadata_model_response")
        assert model["versions"] == ["3"]
        given = {one["name"]: (one["datatype"], one["parameters"]["required"]) for one in model["inputs"]}
        assert given["customers_worth"] == ("FP64", True) and given["customers_since"] == ("BYTES", False)
        assert given["customer_id"] == ("BYTES", False)
        assert client.get(f"{path}/ready").json() == {"name": "churn", "ready": True}


def test_a_server_that_cannot_record_is_not_ready(served: Served, tmp_path: Path, now: int) -> None:
    journal = PredictionJournal(tmp_path / "gone")
    with TestClient(create_app({"churn": served}, journal, FixedClock(now))) as client:
        (tmp_path / "gone").rmdir()
        (tmp_path / "gone").write_text("")
        for path in ("/v2/health/ready", "/v2/models/churn/ready"):
            answer = client.get(path)
            assert answer.status_code == 503 and answer.json()["ready"] is False
        assert client.get("/v2/health/live").status_code == 200
        answer = client.post(INFER, json={"inputs": columns()})
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        fits(answer.json(), "inference_error_response")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/chrun", 404),
        ("GET", "/v2/models/churn/versions/2", 404),
        ("GET", "/v2/models/churn/versions/2/ready", 404),
        ("GET", "/v2/models/churn/config", 404),
        ("GET", "/v2/models", 404),
        ("GET", INFER, 405),
        ("POST", "/v2/models/chrun/infer", 404),
        ("POST", "/v2/models/churn/versions/2/infer", 404),
        ("POST", "/v2/models/churn/versions/3/extra/infer", 404),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_what_is_not_there(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, json={"inputs": columns()} if method == "POST" else None)
    assert answer.status_code == status, answer.text
    fits(answer.json(), "inference_error_response")


def test_other_media_and_compressed_bodies_are_415(client: TestClient) -> None:
    assert client.post(INFER, content=b"a,b", headers={"content-type": "text/csv"}).status_code == 415
    assert client.post(INFER, content=b"x", headers={"content-encoding": "gzip"}).status_code == 415


def test_limits_hold_here_too(client_of: Callable[..., TestClient], served: Served) -> None:
    client = client_of({"churn": served}, max_rows=2, max_body_bytes=2000)
    answer = client.post(INFER, json={"inputs": columns()})
    assert answer.status_code == 400 and "the limit is 2" in answer.json()["error"]
    assert client.post(INFER, content=b" " * 2001).status_code == 413


def test_requests_are_counted(client: TestClient) -> None:
    client.post(INFER, json={"inputs": columns()}).raise_for_status()
    client.post(INFER, json={})
    told = client.get("/metrics").text
    assert 'vigie_requests_total{route="v2",status="200"} 1.0' in told
    assert 'vigie_requests_total{route="v2",status="400"} 1.0' in told


def test_tritons_client_works_unchanged(bundle_folder: Path, bundle: Bundle, tmp_path: Path) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
    from tritonclient.utils import InferenceServerException

    with running(bundle_folder, tmp_path, 1) as (_, url):
        client = triton.InferenceServerClient(url.removeprefix("http://"))
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("churn") and client.is_model_ready("churn", "1")
        assert not client.is_model_ready("churn", "9")
        assert client.get_server_metadata()["name"] == "vigie"
        assert {one["name"] for one in client.get_model_metadata("churn")["inputs"]} >= {"customers_age"}
        kinds = {
            "customers_age": np.array([20.0, np.nan]),
            "customers_country": np.array(["FR", "Ünï"], dtype=object),
            "customers_newsletter": np.array([True, False]),
            "customers_worth": np.array([250, 7], dtype=np.int64),
            "customer_id": np.array(["a", "b"], dtype=object),
        }
        answers = []
        for binary in (True, False):
            inputs = []
            for name, array in kinds.items():
                given = triton.InferInput(name, list(array.shape), triton_type(array))
                # JSON has no NaN: Triton's client would write one all the same.
                given.set_data_from_numpy(array, binary_data=binary or name == "customers_age")
                inputs.append(given)
            wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probability", "decision")]
            answers.append(client.infer("churn", inputs, outputs=wanted, request_id="t-1"))
        answers.append(client.infer("churn", inputs))
        strange = triton.InferInput("x", [1], "FP64")
        strange.set_data_from_numpy(np.array([1.0]))
        with pytest.raises(InferenceServerException, match=r"^\[400\] inputs\[0\]\.name: the model has no input 'x'"):
            client.infer("churn", [strange])
    by_values = bundle_answers(bundle)
    for answer in answers:
        assert answer.as_numpy("probability").tolist() == [p for p, _ in by_values]
        decisions = [d.decode() if isinstance(d, bytes) else d for d in answer.as_numpy("decision").tolist()]
        assert decisions == [d for _, d in by_values]
    assert answers[0].get_response()["id"] == "t-1"
    assert answers[2].as_numpy("segment").shape == (2,)


def triton_type(array: np.ndarray[Any, Any]) -> str:
    from tritonclient.utils import np_to_triton_dtype

    return str(np_to_triton_dtype(array.dtype))


def bundle_answers(bundle: Bundle) -> list[tuple[float, str]]:
    scorer = Scorer(bundle)
    found = []
    for values in (
        {"customers_age": 20.0, "customers_country": "FR", "customers_newsletter": True, "customers_worth": 250},
        {"customers_country": "Ünï", "customers_newsletter": False, "customers_worth": 7},
    ):
        row = scorer.score_one(scorer.parse(values))
        found.append((row.probability, bundle.decision.act if row.act else bundle.decision.leave))
    return found
