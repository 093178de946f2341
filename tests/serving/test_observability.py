"""What a server says about itself: metrics, models, the description of the API and its page."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from vigie.bundle import Scorer
from vigie.clock import FixedClock
from vigie.errors import SettingsError
from vigie.journal import PredictionJournal
from vigie.serving import Served, ServingSettings, create_app
from vigie.serving.counters import Counters
from vigie.serving.v2_messages import InferAnswer

ClientOf = Callable[..., TestClient]


def series(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_happened_is_counted(client: TestClient, values: dict[str, Any], served: Served) -> None:
    good = client.post("/v1/score", json={"customers": [{"values": values}] * 3}).json()["predictions"][0]
    client.post("/v1/score", json={"values": {}})
    client.post("/v1/score", json={"customer_id": "nobody"})
    client.post("/invocations", json={"instances": [values]})
    client.get("/nothing")
    found = series(client)
    said = {("score", "churn"), ("decision", good["decision"]), ("segment", good["segment"])}
    assert found["vigie_predictions_total", tuple(sorted(said))] == 4
    assert found["vigie_requests_total", (("route", "score"), ("status", "200"))] == 1
    assert found["vigie_requests_total", (("route", "score"), ("status", "422"))] == 2
    assert found["vigie_requests_total", (("route", "other"), ("status", "404"))] == 1
    assert (
        found["vigie_errors_total", (("kind", "input"),)] == found["vigie_errors_total", (("kind", "customer"),)] == 1
    )
    assert found["vigie_journal_failures_total", ()] == 0
    assert found["vigie_request_seconds_count", (("route", "score"),)] == 3
    assert found["vigie_request_seconds_bucket", (("le", "+Inf"), ("route", "score"))] == 3
    assert 0 < found["vigie_request_seconds_sum", (("route", "score"),)] < 30
    model = (("bundle", served.bundle.hash), ("score", "churn"), ("version", "3"))
    assert found["vigie_model_info", model] == 1
    assert any(name == "process_resident_memory_bytes" for name, _ in found)


def test_an_error_of_our_own_is_answered_counted_and_in_the_log(
    client: TestClient, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(Scorer, "score_one", fails)
    monkeypatch.setattr("vigie.serving.app.card_of", fails)
    monkeypatch.setattr("vigie.serving.v2_route.metadata_of", fails)
    asked = {
        "one": client.post("/v1/score", json={"values": values}, headers={"x-request-id": "one"}),
        "many": client.post("/v1/score", json={"customers": [{"values": values}] * 3, "request_id": "many"}),
        "mlflow": client.post("/invocations", json={"instances": [values]}, headers={"x-request-id": "mlflow"}),
        "model": client.get("/v2/models/churn", headers={"x-request-id": "model"}),
        "models": client.get("/v1/models", headers={"x-request-id": "models"}),
    }
    monkeypatch.setattr(client.app.gate, "enter", fails)  # type: ignore[attr-defined]
    asked["gate"] = client.get("/healthz", headers={"x-request-id": "gate"})
    monkeypatch.undo()
    for name, answer in asked.items():
        assert (answer.status_code, answer.headers["x-request-id"]) == (500, name)
        assert "no room" not in answer.text and "an error of the server's own" in answer.text
        assert any(f"request {name} " in one.getMessage() and one.exc_info for one in caplog.records)
    assert asked["one"].json()["detail"][0]["field"] == "server" and "error" in asked["model"].json()

    found = series(client)
    assert found["vigie_requests_total", (("route", "score"), ("status", "500"))] == 2
    assert found["vigie_requests_total", (("route", "invocations"), ("status", "500"))] == 1
    assert found["vigie_requests_total", (("route", "other"), ("status", "500"))] == 3
    assert found["vigie_errors_total", (("kind", "server"),)] == 6


def test_two_apps_do_not_share_counters(client: TestClient, served: Served, client_of: ClientOf) -> None:
    client.post("/v1/score", json={})
    assert series(client)["vigie_errors_total", (("kind", "input"),)] == 1
    assert series(client_of({"churn": served}))["vigie_errors_total", (("kind", "input"),)] == 0


def test_workers_add_up_and_dead_ones_still_count(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from vigie.serving.counters import Counters\n"
    code += "counters = Counters(3, Path(sys.argv[1])); counters.cells[1] += 5"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    here = Counters(3, tmp_path)
    here.cells[1] += 1
    here.cells[2] += 0.5
    assert here.totals() == [0, 11, 0.5]
    assert Counters(4, tmp_path).totals() == [0, 0, 0, 0]


def test_ready_names_the_models(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"status": "ready", "models": {"churn": "3"}}
    assert client.get("/healthz").json() == {"status": "alive"}


def test_models_show_their_signature_and_an_example_that_works(client: TestClient, served: Served) -> None:
    (card,) = client.get("/v1/models").json()
    assert (card["name"], card["version"], card["bundle"]) == ("churn", "3", served.bundle.hash)
    assert card["decisions"] == ["contact", "leave"] and card["segments"] == ["low", "medium", "high", "very_high"]
    assert card["by_customer_id"] is True and card["threshold"] == 0.0 and len(card["segment_edges"]) == 3
    worth = next(one for one in card["inputs"] if one["name"] == "customers_worth")
    assert worth["role"] == "extra" and worth["required"] and worth["kind"] == "number"
    assert client.post("/v1/score", json={"values": card["example"]}).status_code == 200


def test_every_example_of_the_description_works(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    tried = 0
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            for given in operation.get("parameters", []):
                path = path.replace(f"{{{given['name']}}}", given["example"])
            if verb == "get":
                assert client.get(path).status_code == 200, path
            for media, content in operation.get("requestBody", {}).get("content", {}).items():
                for name, example in content["examples"].items():
                    value = example["value"]
                    body = {"json": value} if media == "application/json" else {"content": value}
                    if name == "id":
                        value["customer_id"] = "7"
                    answer = client.post(path, **body, headers={"content-type": media})  # type: ignore[arg-type]
                    assert answer.status_code == 200, (path, name, answer.text)
                    tried += 1
                    if path.startswith("/v2"):
                        assert set(answer.json()) == set(InferAnswer.__struct_fields__)
                        continue
                    shown = operation["responses"]["200"]["content"]["application/json"]["example"]
                    assert set(answer.json()) == set(shown)
                    more = {"reasons", "reasons_base", "reasons_scale"} if name == "reasons" else set()
                    assert set(answer.json()["predictions"][0]) == set(shown["predictions"][0]) | more
    assert tried == 4 + 4 + 5 + 2


def test_the_description_is_whole(client: TestClient, served: Served) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    references = set(re.findall(r'"\$ref":\s*"#/components/schemas/([^"]+)"', client.get("/openapi.json").text))
    assert references <= set(schemas)
    assert schemas["PredictionAnswer"]["properties"]["score"]["description"] == "Probability of the outcome, 0 to 1."
    assert all("Attributes:" not in schema.get("description", "") for schema in schemas.values())
    values = schemas["churn_values"]
    assert list(values["properties"]) == list(served.kinds) and values["required"] == ["customers_worth"]
    assert values["properties"]["customers_country"]["examples"] == ["BE", "DE", "FR"]
    assert set(document["paths"]["/v1/score"]["post"]["responses"]) == {"200", "404", "413", "415", "422", "500", "503"}


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    assert client.get("/", follow_redirects=False).headers["location"] == "docs"
    page = client.get("/docs")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert not re.search(r"""(src|href|@import|url\()\s*=?\s*["']?https?:""", page.text)


def test_wrong_settings_are_explained(served: Served, journal: PredictionJournal) -> None:
    with pytest.raises(SettingsError, match="no model to serve"):
        create_app({}, journal, FixedClock(0))
    with pytest.raises(SettingsError, match="did you mean 'churn'"):
        create_app({"churn": served}, journal, FixedClock(0), ServingSettings(default_model="chrun"))


def test_the_journal_is_closed_with_the_app(app: FastAPI, journal: PredictionJournal, values: dict[str, Any]) -> None:
    with TestClient(app) as client:
        client.post("/v1/score", json={"values": values})
        assert journal._descriptor >= 0
    assert journal._descriptor < 0


def test_serving_loads_nothing_of_the_training_side() -> None:
    code = "import sys, vigie.serving.app, vigie.serving.run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "polars",
        "pyarrow",
        "mlflow",
        "sklearn",
        "pandas",
        "deltalake",
        "pandera",
        "altair",
        "scipy",
        "sqlalchemy",
    }
    assert heavy & {name.split(".")[0] for name in loaded} == set()
