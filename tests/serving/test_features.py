"""GET and POST /v1/features: values, moments, refusals, metrics, the description, and a customer with a million events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from vigie import Campaign, Events, Score, Table, days, every
from vigie.clock import DAY, FixedClock, iso
from vigie.definition import Kind
from vigie.errors import SettingsError, StoreError
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import joined
from vigie.features.online.lookup import Lookup
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.needs import holdings_of
from vigie.features.values import Values
from vigie.journal import PredictionJournal
from vigie.serving import Served, ServingSettings, create_app
from vigie.serving.features_route import ServedFeatures

NOW = 20_000 * DAY + 1
customers = Table("customers", key="id")
orders = Events("orders", key="id", time="at", id="order")
SCHEMA = {
    "customers": {"country": Kind.CATEGORY, "since": Kind.TIME},
    "orders": {"amount": Kind.NUMBER, "gift": Kind.BOOLEAN},
}


def score(name: str, *features: Any) -> Score:
    return Score(
        name,
        moments=every("month"),
        outcome=orders.count(next=days(30)) == 0,
        features=features,
        decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=orders["amount"].sum(days(90))),
    ).bound(SCHEMA)


CHURN = score(
    "churn", orders.count(days(30)), orders["amount"].sum(days(90)), customers["country"], customers["since"],
    orders["gift"].last(days(90)), orders.days_since_last(days(90)),
)  # fmt: skip
GIFTS = score("gifts", orders["gift"].mean(days(90)))


def put(histories: OnlineHistories, key: str, *events: tuple[int, float | None, bool | None, str]) -> None:
    histories.put(
        "orders",
        Arrivals(
            [key] * len(events),
            np.array([e[0] for e in events], dtype=np.int64),
            {
                "amount": Values.of(Kind.NUMBER, [e[1] for e in events]),
                "gift": Values.of(Kind.BOOLEAN, [e[2] for e in events]),
            },
            [e[3] for e in events],
        ),
    )


@pytest.fixture
def histories() -> OnlineHistories:
    held = joined(holdings_of(one, SCHEMA) for one in (CHURN, GIFTS))
    histories = OnlineHistories(MemoryStore(), held, keep=7 * DAY, clock=FixedClock(NOW))
    put(histories, "1001", (NOW - DAY - 1, 10.5, True, "1"), (NOW - 40 * DAY, 1.25, None, "2"))
    put(histories, "ç 東", (NOW - 2 * DAY, float("inf"), False, "3"))
    values = {"country": Values.of(Kind.CATEGORY, ["FR"]), "since": Values.of(Kind.TIME, [NOW - 400 * DAY])}
    histories.put("customers", Arrivals(["1001"], np.zeros(1, dtype=np.int64), values))
    return histories


def client_of(histories: OnlineHistories, journal: PredictionJournal, *scores: Score, quick: bool = True, **more: Any):
    lookups = {one.name: Lookup(one, SCHEMA, histories) for one in scores}
    served = ServedFeatures(lookups, quick, histories.store.close)
    settings = ServingSettings(**more)
    return TestClient(create_app({}, journal, FixedClock(NOW), settings, features=served))


@pytest.fixture(params=[True, False], ids=["at a glance", "in a thread"])
def client(
    histories: OnlineHistories, journal: PredictionJournal, request: pytest.FixtureRequest
) -> Iterator[TestClient]:
    with client_of(histories, journal, CHURN, quick=request.param) as client:
        yield client


EXPECTED = {
    "orders_count_30d": 1.0,
    "orders_amount_sum_90d": 11.75,
    "customers_country": "FR",
    "customers_since": iso(NOW - 400 * DAY),
    "orders_gift_last_90d": True,
    "orders_days_since_last_90d": (DAY + 1) / DAY,
}


def test_get_and_post_answer_the_same(client: TestClient) -> None:
    got = client.get("/v1/features", params={"customer": ["1001", "nobody", "ç 東", "1001"]}).json()
    posted = client.post("/v1/features", json={"customers": [1001, "nobody", "ç 東", "1001"], "score": "churn"}).json()

    assert {**got, "request_id": ""} == {**posted, "request_id": ""}
    assert (got["score"], got["as_of"], got["names"]) == ("churn", iso(NOW), list(EXPECTED))
    assert len(got["definition"]) == 16
    one, nobody, other, again = got["rows"]
    assert one == again == {"customer": "1001", "known": True, "moment": iso(NOW), "values": EXPECTED}
    assert nobody == {"customer": "nobody", "known": False, "moment": None, "values": None}
    assert other["values"]["orders_amount_sum_90d"] is None  # JSON has no infinity
    assert other["values"]["customers_country"] is None


def test_an_event_counts_at_the_next_request(client: TestClient, histories: OnlineHistories) -> None:
    def count() -> float:
        found = client.get("/v1/features?customer=1001&features=orders_count_30d").json()
        return found["rows"][0]["values"]["orders_count_30d"]

    assert count() == 1
    put(histories, "1001", (NOW - 1, 1.0, None, "new"))
    put(histories, "1001", (NOW - 1, 1.0, None, "new"))
    assert count() == 2


def test_some_features_at_a_past_moment(client: TestClient) -> None:
    asked = {"customer": "1001", "features": "customers_country,orders_count_30d", "as_of": iso(NOW - 2 * DAY)}
    found = client.get("/v1/features", params={**asked, "request_id": "mine:1"})

    assert found.headers["x-request-id"] == found.json()["request_id"] == "mine:1"
    assert found.json()["as_of"] == iso(NOW - 2 * DAY)
    assert found.json()["rows"][0]["values"] == {"customers_country": "FR", "orders_count_30d": 0.0}


def test_many_customers_are_computed_together(client: TestClient, histories: OnlineHistories) -> None:
    keys = [f"k{i}" for i in range(200)]
    for key in keys:
        put(histories, key, (NOW - 5, 2.0, None, "1"))
    rows = client.post("/v1/features", json={"customers": ["nobody", *keys]}).json()["rows"]

    assert [row["known"] for row in rows] == [False] + [True] * 200
    assert {row["values"]["orders_amount_sum_90d"] for row in rows[1:]} == {2.0}


@pytest.mark.parametrize(
    ("query", "status", "field", "reason"),
    [
        ("", 422, "customer", "nobody is asked for"),
        ("customer=", 422, "customer", "1 to 256 characters"),
        ("customer=a&custmer=b", 422, "custmer", "no such field"),
        ("customer=a&score=churn&score=churn", 422, "score", "given twice"),
        ("customer=a&score=chrn", 404, "score", "no score is called 'chrn'"),
        ("customer=a&features=orders_count_3d", 422, "features", "has no feature 'orders_count_3d'"),
        ("customer=a&features=", 422, "features", "no feature is named"),
        ("customer=a&features=orders_count_30d,orders_count_30d", 422, "features", "named twice"),
        ("customer=a&as_of=yesterday", 422, "as_of", "not an ISO 8601"),
        ("customer=a&as_of=2999-01-01", 422, "as_of", "not between 1970 and now"),
        ("customer=a&as_of=2001-01-01", 422, "as_of", "is held no more"),
        ("customer=a&request_id=a%20b", 422, "request_id", "letters, digits"),
        ("customer=%ff", 422, "query", "cannot be read"),
        ("&".join(["customer=a"] * 31), 422, "customer", "the limit is 30"),
    ],
)
def test_a_query_that_does_not_fit_is_explained(
    histories: OnlineHistories, journal: PredictionJournal, query: str, status: int, field: str, reason: str
) -> None:
    with client_of(histories, journal, CHURN, max_rows=30) as client:
        answer = client.get(f"/v1/features?{query}")
    detail = answer.json()["detail"][0]

    assert (answer.status_code, detail["field"]) == (status, field)
    assert reason in detail["reason"]
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b'{"customers": []}', "customers"),
        (b'{"customers": "a"}', "customers"),
        (b'{"customers": [""]}', "customers[0]"),
        (b'{"customers": ["a"], "score": 1}', "score"),
        (b'{"customers": ["a"], "extra": 1}', "extra"),
        (b'{"customers": ["a"], "features": []}', "features"),
        (b'{"customers": ["a"], "as_of": "2001-01-01"}', "as_of"),
    ],
)
def test_a_body_that_does_not_fit_is_explained(client: TestClient, body: bytes, field: str) -> None:
    answer = client.post("/v1/features", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (422, field)


def test_protocol(client: TestClient) -> None:
    wrong = client.put("/v1/features", json={})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert client.post("/v1/features", content=b"a", headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/v1/features", json={"customers": ["x" * (17 << 20)]}).status_code == 413


def test_several_scores_are_named(histories: OnlineHistories, journal: PredictionJournal) -> None:
    with client_of(histories, journal, CHURN, GIFTS) as client:
        answer = client.get("/v1/features?customer=1001")
        assert answer.status_code == 404
        assert "churn, gifts" in answer.json()["detail"][0]["remedy"]
        assert client.get("/v1/features?customer=1001&score=gifts").json()["rows"][0]["values"] == {
            "orders_gift_mean_90d": 1.0
        }


def test_a_store_that_does_not_answer_is_503(
    client: TestClient, histories: OnlineHistories, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(wanted: object) -> Any:
        raise StoreError("the store does not answer", where="redis", remedy="look at it")

    monkeypatch.setattr(histories.store, "read", fails)
    answer = client.get("/v1/features?customer=1001")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_without_a_model_everything_else_works(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"status": "ready", "models": {}}
    assert client.get("/v1/models").json() == []
    refused = client.post("/v1/score", json={"customer_id": "1001"})
    assert refused.status_code == 404
    assert "no model is served" in refused.json()["detail"][0]["reason"]
    client.get("/v1/features?customer=1001&customer=nobody")
    metrics = client.get("/metrics").text
    assert 'vigie_features_customers_total{score="churn"} 2.0' in metrics
    assert 'vigie_requests_total{route="features",status="200"} 1.0' in metrics


def test_nothing_to_serve_is_refused(journal: PredictionJournal) -> None:
    with pytest.raises(SettingsError, match="no model to serve"):
        create_app({}, journal, FixedClock(NOW))


def test_the_description_fits_the_answers(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    paths = document["paths"]["/v1/features"]
    assert set(paths) == {"get", "post"}
    example = paths["post"]["responses"]["200"]["content"]["application/json"]["example"]
    answer = client.get("/v1/features?customer=1001&customer=nobody").json()
    assert example.keys() == answer.keys() == document["components"]["schemas"]["FeaturesAnswer"]["properties"].keys()
    for mine, theirs in zip(example["rows"], answer["rows"], strict=True):
        assert mine.keys() == theirs.keys()
    for sent in paths["post"]["requestBody"]["content"]["application/json"]["examples"].values():
        body = {name: value for name, value in sent["value"].items() if name != "as_of"}
        assert client.post("/v1/features", json=body).status_code == 200
    assert {p["name"] for p in paths["get"]["parameters"]} == {"customer", "score", "features", "as_of", "request_id"}


def test_features_stand_beside_models(histories: OnlineHistories, journal: PredictionJournal, served: Served) -> None:
    features = ServedFeatures({"gifts": Lookup(GIFTS, SCHEMA, histories)}, True, histories.store.close)
    with TestClient(create_app({"churn": served}, journal, FixedClock(NOW), features=features)) as client:
        assert client.get("/v1/features?customer=1001").json()["score"] == "gifts"
        assert client.get("/readyz").json()["models"] == {"churn": "3"}


def test_a_million_events_of_one_customer_stall_nobody(histories: OnlineHistories, journal: PredictionJournal) -> None:
    n = 1_000_000
    rng = np.random.default_rng(1)
    times = NOW - 1 - rng.integers(0, 80 * DAY, n)
    amounts = rng.integers(1, 1000, n) / 4
    columns = {"amount": Values(Kind.NUMBER, amounts), "gift": Values.missing(Kind.BOOLEAN, n)}
    histories.put("orders", Arrivals(["huge"] * n, times, columns, [str(i) for i in range(n)]))
    lookups = {"churn": Lookup(CHURN, SCHEMA, histories)}
    features = ServedFeatures(lookups, True, histories.store.close)
    app = create_app({}, journal, FixedClock(NOW), features=features)

    async def ask() -> tuple[Any, int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            huge = asyncio.create_task(client.get("/v1/features?customer=huge"))
            answered = 0
            while not huge.done():
                assert (await client.get("/v1/features?customer=1001")).status_code == 200
                answered += 1
                await asyncio.sleep(0)  # nothing in this client waits for a socket
            return (await huge).json(), answered

    found, answered = asyncio.run(ask())
    values = found["rows"][0]["values"]
    assert values["orders_amount_sum_90d"] == amounts.sum()
    assert values["orders_count_30d"] == np.count_nonzero(times >= NOW - 30 * DAY)
    assert answered > 5  # a blocked loop answers one or none

    put(histories, "huge", (NOW - 1, 1.0, None, "one more"))
    before = json.dumps(values)
    values = asyncio.run(ask())[0]["rows"][0]["values"]
    assert values["orders_amount_sum_90d"] == amounts.sum() + 1, before
