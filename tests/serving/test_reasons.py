"""``"reasons": 3`` in a scoring request: the explainer's reasons, by values and by id, for one and for many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie.bundle import Explainer
from vigie.bundle.logistic import log_odds_one
from vigie.journal import PredictionJournal
from vigie.serving import Served

ClientOf = Callable[..., TestClient]


def expected(served: Served, values: dict[str, Any], top: int) -> list[dict[str, Any]]:
    return [
        {
            "feature": reason.feature,
            "value": reason.value,
            "contribution": reason.contribution,
            "words": str(reason.words),
            "effect": str(reason.effect),
        }
        for reason in Explainer(served.bundle).row(values, top)
    ]


def test_nobody_gets_reasons_without_asking(client: TestClient, values: dict[str, Any]) -> None:
    plain = client.post("/v1/score", json={"values": values}).json()["predictions"][0]
    assert not {name for name in plain if name.startswith("reasons")}
    none = client.post("/v1/score", json={"values": values, "reasons": 0}).json()["predictions"][0]
    assert none == plain
    asked = client.post("/v1/score", json={"values": values, "reasons": 3}).json()["predictions"][0]
    assert {name: asked[name] for name in plain} == plain


@pytest.mark.parametrize("top", [1, 3, 20])
def test_reasons_are_the_explainers(client: TestClient, served: Served, values: dict[str, Any], top: int) -> None:
    one = client.post("/v1/score", json={"values": values, "reasons": top}).json()["predictions"][0]
    assert one["reasons"] == expected(served, served.scorer.parse(values), top)
    assert one["reasons_scale"] == "log_odds"
    assert len(one["reasons"]) <= top


def test_with_all_of_them_base_and_contributions_are_the_score(client: TestClient, values: dict[str, Any]) -> None:
    one = client.post("/v1/score", json={"values": values, "reasons": 20}).json()["predictions"][0]
    total = one["reasons_base"] + sum(reason["contribution"] for reason in one["reasons"])
    assert total == pytest.approx(log_odds_one(one["score"]), abs=1e-9)
    assert all(
        r["effect"] == ("raises the score" if r["contribution"] > 0 else "lowers the score") for r in one["reasons"]
    )


def test_by_id_as_by_values(client: TestClient, base: Any, served: Served) -> None:
    by_id = client.post("/v1/score", json={"customer_id": "7", "as_of": "2026-03-01", "reasons": 4}).json()
    row = {name: values.take([7]).to_list()[0] for name, values in base.columns.items()}
    by_values = client.post(
        "/v1/score", json={"values": row, "customer_id": "7", "as_of": "2026-03-01", "reasons": 4}
    ).json()
    assert by_id["predictions"] == by_values["predictions"]
    assert by_id["predictions"][0]["reasons"] == expected(served, row, 4)


@pytest.mark.parametrize("background_rows", [2, 1_000])
def test_many_get_the_reasons_of_each_alone(
    served: Served, client_of: ClientOf, values: dict[str, Any], background_rows: int
) -> None:
    client = client_of({"churn": served}, background_rows=background_rows)
    rows: list[dict[str, Any]] = [{"values": {**values, "customers_age": age}} for age in range(18, 30)]
    rows += [{"customer_id": "3"}, {"values": {**values, "customers_country": None}}]
    answer = client.post("/v1/score", json={"customers": rows, "reasons": 2})
    assert answer.status_code == 200, answer.text
    for row, one in zip(rows, answer.json()["predictions"], strict=True):
        alone = client.post("/v1/score", json={**row, "reasons": 2}).json()["predictions"][0]
        assert [reason["words"] for reason in one["reasons"]] == [reason["words"] for reason in alone["reasons"]]
        found = [reason["contribution"] for reason in one["reasons"]]
        assert found == pytest.approx([reason["contribution"] for reason in alone["reasons"]], abs=1e-12)
        assert one["reasons_base"] == pytest.approx(alone["reasons_base"], abs=1e-12)


@pytest.mark.parametrize("wrong", [-1, 21, 1.5, "three", True, None])
def test_a_wrong_number_is_refused_by_name(client: TestClient, values: dict[str, Any], wrong: object) -> None:
    answer = client.post("/v1/score", json={"values": values, "reasons": wrong})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["field"] == "reasons"


def test_reasons_are_not_recorded_but_can_be_found_again(
    client: TestClient, journal: PredictionJournal, served: Served, values: dict[str, Any]
) -> None:
    one = client.post("/v1/score", json={"values": values, "reasons": 3}).json()["predictions"][0]
    (event,) = journal.read()
    assert one["reasons"] == expected(served, dict(event.values), 3)


def test_the_openapi_page_has_them(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert schemas["churn_request"]["properties"]["reasons"]["maximum"] == 20
    assert schemas["PredictionAnswer"]["properties"]["reasons_scale"]["description"]
    assert "reasons" not in schemas["PredictionAnswer"]["required"]
    assert schemas["ReasonAnswer"]["properties"]["words"]["description"]
    examples = document["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert client.post("/v1/score", json=examples["reasons"]["value"]).status_code == 200
