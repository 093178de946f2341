"""POST /v1/events: limits, answers for each sender of a batch, refusals, metrics, a clean end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie.clock import FixedClock
from vigie.errors import JournalError, StoreError
from vigie.journal import PredictionJournal
from vigie.serving import Served, ServingSettings, create_app


@dataclass(frozen=True)
class Bad:
    index: int
    rule: str = "type"
    column: str | None = "amount"
    reason: str = "'oops' is no number"


@dataclass(frozen=True)
class Said:
    quarantined: Sequence[Bad] = ()
    pending: bool = False
    ahead: int = 0
    late: int = 0


@dataclass
class Receiver:
    """Quarantines rows whose amount is a text."""

    sources: Sequence[str] = ("orders", "visits")
    batches: list[tuple[str, list[Mapping[str, Any]]]] = field(default_factory=list)
    began: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def start(self) -> None:
        self.began.append("start")

    def accept(self, source: str, rows: Sequence[Mapping[str, Any]], origin: str) -> Said:
        self.gate.wait(5)
        assert origin == "http"
        if self.error is not None:
            raise self.error
        self.batches.append((source, list(rows)))
        bad = [Bad(i) for i, row in enumerate(rows) if isinstance(row.get("amount"), str)]
        return Said(bad, source == "visits", sum("ahead" in row for row in rows))

    def lag(self, source: str) -> float:
        return 2.5 if source == "orders" else 0.0

    def spool_bytes(self, source: str) -> int:
        return 100 * len(source)

    def stop(self) -> None:
        self.began.append("stop")


@pytest.fixture
def receiver() -> Receiver:
    found = Receiver()
    found.gate.set()
    return found


@pytest.fixture
def client(receiver: Receiver, served: Served, journal: PredictionJournal, now: int) -> Iterator[TestClient]:
    settings = ServingSettings(max_events=100, max_body_bytes=50_000)
    with TestClient(create_app({"churn": served}, journal, FixedClock(now), settings, events=receiver)) as client:
        yield client


def sent(*amounts: Any, source: str = "orders") -> dict[str, Any]:
    return {"source": source, "events": [{"amount": amount} for amount in amounts]}


def test_each_event_is_accepted_or_told_why_not(client: TestClient) -> None:
    answer = client.post("/v1/events", json=sent(1, "oops", 3), headers={"x-request-id": "r-1"})
    assert answer.status_code == 200 and answer.headers["x-request-id"] == "r-1"
    assert answer.json() == {
        "request_id": "r-1",
        "accepted": 2,
        "quarantined": [
            {
                "source": "orders", "index": 1, "rule": "type", "column": "amount", "reason": "'oops' is no number",
                "part": 0,
            }
        ],
        "pending": [],
    }  # fmt: skip


def test_a_list_of_sources_is_one_request(client: TestClient) -> None:
    answer = client.post("/v1/events", json=[sent(1), sent(2, "x", source="visits"), sent("y", source="orders")]).json()
    assert answer["accepted"] == 2 and answer["pending"] == ["visits"]
    assert [(q["source"], q["part"], q["index"]) for q in answer["quarantined"]] == [("visits", 1, 1), ("orders", 2, 0)]


def test_what_comes_while_a_batch_is_worked_on_is_one_batch_and_each_sender_gets_its_own_answer(
    client: TestClient, receiver: Receiver
) -> None:
    receiver.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(client.post, "/v1/events", json=sent(*([1] * i), "x")) for i in range(8)]
        while sum(future.running() for future in asked) < 8:
            pass
        threading.Timer(0.3, receiver.gate.set).start()
        answers = [future.result().json() for future in asked]
    assert [a["accepted"] for a in answers] == list(range(8))
    assert [[q["index"] for q in a["quarantined"]] for a in answers] == [[i] for i in range(8)]
    assert len(receiver.batches) < 8 and sum(len(rows) for _, rows in receiver.batches) == 36


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"source": "order", "events": [{}]}, 422, "source"),
        ([sent(1), {"source": "nobody", "events": [{}]}], 422, "[1].source"),
        ({"source": "orders"}, 422, "body"),
        ({"source": "orders", "events": [1]}, 422, "events[0]"),
        ({"source": "orders", "events": [], "more": 1}, 422, "more"),
        ({"source": "orders", "events": []}, 422, "events"),
        (sent(*range(101)), 413, "events"),
        (sent("x" * 60_000), 413, "body"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_kept(
    client: TestClient, receiver: Receiver, body: Any, status: int, field: str
) -> None:
    answer = client.post("/v1/events", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"][0]["field"] == field
    assert not receiver.batches


def test_the_nearest_source_is_offered(client: TestClient) -> None:
    detail = client.post("/v1/events", json={"source": "order", "events": [{}]}).json()["detail"][0]
    assert "did you mean 'orders'" in detail["remedy"]


def test_another_method_or_media_type(client: TestClient) -> None:
    assert client.get("/v1/events").status_code == 405
    answer = client.post("/v1/events", content=b"a,b", headers={"content-type": "text/csv"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreError("no answer"), "the events are kept, and do not count yet"),
        (JournalError("disk full"), "disk full"),
        (RuntimeError("a bug"), "could not be taken in"),
    ],
)
def test_what_cannot_be_taken_in_now_is_to_be_sent_again(
    client: TestClient, receiver: Receiver, error: Exception, said: str
) -> None:
    receiver.error = error
    answer = client.post("/v1/events", json=sent(1, 2))
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
    assert said in answer.json()["detail"][0]["reason"]
    receiver.error = None
    assert client.post("/v1/events", json=sent(1, 2)).status_code == 200
    exposition = client.get("/metrics").text
    assert 'vigie_events_total{outcome="failed",source="orders"} 2.0' in exposition
    assert 'vigie_events_total{outcome="accepted",source="orders"} 2.0' in exposition


def test_metrics_say_what_came_and_what_waits(client: TestClient) -> None:
    client.post("/v1/events", json={"source": "orders", "events": [{"ahead": 1}, {"amount": "x"}, {}]})
    text = client.get("/metrics").text
    for line in (
        'vigie_events_total{outcome="quarantined",source="orders"} 1.0',
        'vigie_events_ahead_total{source="orders"} 1.0',
        'vigie_events_late_total{source="orders"} 0.0',
        'vigie_events_lake_lag_seconds{source="orders"} 2.5',
        'vigie_events_spool_bytes{source="visits"} 600.0',
        'vigie_requests_total{route="events",status="200"} 1.0',
    ):
        assert line in text


def test_the_receiver_is_started_and_stopped_once(
    receiver: Receiver, served: Served, journal: PredictionJournal, now: int
) -> None:
    with TestClient(create_app({"churn": served}, journal, FixedClock(now), events=receiver)) as client:
        assert receiver.began == ["start"]
        client.post("/v1/events", json=sent(1))
    assert receiver.began == ["start", "stop"]


def test_the_description_shows_how_to_send_events(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    post = described["paths"]["/v1/events"]["post"]
    assert "orders, visits" in post["description"]
    assert {"200", "405", "413", "415", "422", "500", "503"} == set(post["responses"])
    assert "accepted" in described["components"]["schemas"]["EventsAnswer"]["properties"]


def test_a_server_without_receiver_has_no_such_route(served: Served, journal: PredictionJournal, now: int) -> None:
    with TestClient(create_app({"churn": served}, journal, FixedClock(now))) as client:
        assert client.post("/v1/events", json=sent(1)).status_code == 404
        assert "/v1/events" not in client.get("/openapi.json").json()["paths"]
