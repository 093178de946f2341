"""The whole app with its gate: who gets in, as what, how often, and what every answer carries."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from vigie.bundle import Bundle
from vigie.journal import PredictionJournal, read
from vigie.journal.admin import AdminJournal, AdminReader
from vigie.serving import Served, ServingSettings, create_app
from vigie.serving.security.administration import Administration, Wanted
from vigie.serving.security.gate import Security
from vigie.serving.security.grant import ROLES
from vigie.serving.security.key_store import SqliteKeys
from vigie.serving.security.keyring import Keyring
from vigie.serving.security.routes import ANY, OPEN, role_of, score_of

REFUSED = {
    "field": "authorization",
    "reason": "the caller is not recognised",
    "remedy": "send a valid key: Authorization: Bearer vgk_…",
}
Make = Callable[..., TestClient]
KeyOf = Callable[..., dict[str, str]]


@pytest.fixture
def secured(
    served: Served, journal: PredictionJournal, clock: Any, store: SqliteKeys, admin_journal: AdminJournal
) -> Callable[..., TestClient]:
    """Makes a client of an app that recognises the keys of the store."""

    def make(models: dict[str, Served] | None = None, **security: Any) -> TestClient:
        settings = security.pop("settings", ServingSettings())
        who = Security(keyring=Keyring(store, clock), journal=admin_journal, clock=clock, **security)
        return TestClient(create_app(models or {"churn": served}, journal, clock, settings, security=who))

    return make


@pytest.fixture
def key_of(administration: Administration) -> KeyOf:
    """Makes a key and gives the header that carries it."""
    made = iter(range(1_000))

    def make(*roles: str, name: str = "", **wanted: Any) -> dict[str, str]:
        _, text = administration.create(name or f"key{next(made)}", Wanted(roles=roles, **wanted))
        return {"authorization": f"Bearer {text}"}

    return make


def test_nobody_gets_in_without_a_valid_key_and_all_are_told_the_same(
    secured: Make, key_of: KeyOf, administration: Administration, clock: Any, admin_journal: AdminJournal
) -> None:
    good, revoked = key_of("score", name="good"), key_of("score", name="revoked")
    expired = key_of("score", name="expired", lasts=60_000_000)
    administration.revoke("revoked")
    clock.pass_by(60)
    client = secured()
    text = good["authorization"].removeprefix("Bearer ")
    wrong = text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]
    attempts: dict[str, dict[str, str]] = {
        "missing": {},
        "revoked": revoked,
        "expired": expired,
        "wrong": {"authorization": f"Bearer {wrong}"},
        "mistyped": {"authorization": "Bearer vgk_short"},
        "malformed": {"authorization": f"Basic {text}"},
        "several": {"authorization": f"Bearer {text}", "x-api-key": text},
    }
    answers = {}
    for reason, headers in attempts.items():
        answer = client.post("/v1/score", json={"values": {}}, headers={**headers, "x-request-id": "r"})
        shown = {name: value for name, value in answer.headers.items() if name != "date"}
        answers[reason] = (answer.status_code, shown, answer.json())
    one = answers["missing"]
    assert all(answer == one for answer in answers.values())
    assert one[0] == 401 and one[2] == {"detail": [REFUSED], "request_id": "r"}
    assert one[1]["www-authenticate"] == 'Bearer realm="vigie"'
    with client:
        pass  # its end writes what waits
    told = {event.reason: event for event in AdminReader(admin_journal.directory) if event.action == "caller refused"}
    assert set(told) == set(attempts)
    assert {reason: told[reason].subject for reason in ("missing", "revoked", "expired", "wrong")} == {
        "missing": "", "revoked": "revoked", "expired": "expired", "wrong": "good"
    }  # fmt: skip
    assert told["missing"].path == "/v1/score" and told["missing"].actor == "testclient"


def test_a_good_key_gets_in_by_either_header_and_stands_in_the_record(
    secured: Make, key_of: KeyOf, values: dict[str, Any], journal: PredictionJournal
) -> None:
    header = key_of("score", name="shop")
    client = secured()
    text = header["authorization"].removeprefix("Bearer ")
    for sent in (header, {"x-api-key": text}, {"authorization": f"bEARER  {text}"}):
        assert client.post("/v1/score", json={"values": values}, headers=sent).status_code == 200
    assert client.post("/invocations", json={"instances": [values]}, headers=header).status_code == 200
    assert [event.caller for event in read(journal.directory)] == ["key:shop"] * 4


ROUTES: dict[str, tuple[str, str, Any]] = {
    "/v1/score": ("POST", "score", {"values": None}),
    "/v1/scores/churn/score": ("POST", "score", {"values": None}),
    "/invocations": ("POST", "score", {"instances": [None]}),
    "/v1/models": ("GET", "score", None),
    "/metrics": ("GET", "metrics", None),
}


@pytest.mark.parametrize("path", ROUTES)
def test_each_route_needs_its_role_and_no_other_helps(
    secured: Make, key_of: KeyOf, values: dict[str, Any], path: str
) -> None:
    method, needed, body = ROUTES[path]
    if body is not None:
        body = json.loads(json.dumps(body).replace("null", json.dumps(values)))
    headers = {role: key_of(role) for role in ROLES}
    client = secured()
    for role, header in headers.items():
        answer = client.request(method, path, json=body, headers=header)
        assert answer.status_code == (200 if role == needed else 403), (role, answer.text)
        if role != needed:
            assert needed in answer.json()["detail"][0]["reason"]
    everything_else = key_of(*(role for role in ROLES if role != needed))
    assert secured().request(method, path, json=body, headers=everything_else).status_code == 403


def test_reasons_need_a_role_of_their_own(
    secured: Make, key_of: KeyOf, values: dict[str, Any], journal: PredictionJournal
) -> None:
    plain, explaining = key_of("score"), key_of("score", "explain")
    client = secured()
    asked = {"values": values, "reasons": 2}
    refused = client.post("/v1/score", json=asked, headers=plain)
    assert refused.status_code == 403 and "'explain'" in refused.json()["detail"][0]["reason"]
    for path in ("/v1/scores/churn/score", "/invocations"):
        sent = asked if path != "/invocations" else {"instances": [values], "params": {"reasons": 2}}
        assert client.post(path, json=sent, headers=plain).status_code == 403, path
        assert client.post(path, json=sent, headers=explaining).status_code == 200, path
    assert {event.caller for event in read(journal.directory)} == {"key:key1"}, "what is refused is not scored"
    assert len(client.post("/v1/score", json=asked, headers=explaining).json()["predictions"][0]["reasons"]) == 2
    assert client.post("/v1/score", json={"values": values, "reasons": 0}, headers=plain).status_code == 200


def test_a_key_of_one_score_opens_no_other(
    secured: Make, key_of: KeyOf, served: Served, bundle: Bundle, values: dict[str, Any]
) -> None:
    models = {"churn": served, "other": Served("other", "1", bundle)}
    only, both = key_of("score", scores=["other"]), key_of("score", scores=["other", "churn"])
    client = secured(models, settings=ServingSettings(default_model="churn"))
    body = {"values": values}

    def status(path: str, header: dict[str, str], sent: Any = None) -> int:
        return client.post(path, json=sent or body, headers=header).status_code

    assert status("/v1/scores/other/score", only) == status("/v1/scores/other/score", both) == 200
    assert status("/v1/scores/churn/score", only) == status("/v1/score", only) == 403
    assert status("/invocations", only, {"instances": [values]}) == 403
    assert status("/v1/score", both) == 200
    assert status("/v1/scores/nothing/score", only) == 403, "which scores there are is not told"
    assert status("/v1/scores//score", only) == status("/v1/scores/churn%2F..%2Fother/score", only) == 403
    names = [[card["name"] for card in client.get("/v1/models", headers=one).json()] for one in (only, both)]
    assert names == [["other"], ["churn", "other"]]


def test_health_is_open_and_what_is_not_listed_is_closed(secured: Make, key_of: KeyOf) -> None:
    score, admin, nothing = key_of("score"), key_of("admin"), key_of("events")
    client = secured()
    for path in ("/", "/docs", "/healthz", "/readyz", "/ping", "/health"):
        assert client.get(path, follow_redirects=False).status_code in (200, 307), path
    for path in ("/openapi.json", "/version"):
        assert client.get(path).status_code == 401 and client.get(path, headers=nothing).status_code == 200
    for path in ("/nothing", "/v1/score/", "/v1/admin", "/docs/", "/V1/SCORE", "/v1//score"):
        assert client.get(path).status_code == 401, path
        refused = client.get(path, headers=score)
        assert (refused.status_code, refused.json()["detail"][0]["remedy"]) == (404, "see /docs"), path
        assert client.get(path, headers=admin, follow_redirects=False).status_code in (404, 307), path
    assert client.get("/v1/admin/anything", headers=score).status_code == 403
    assert client.options("/v1/score").status_code == client.head("/v1/score").status_code == 401


def test_documentation_and_metrics_can_be_opened(secured: Make) -> None:
    client = secured(open=frozenset({"docs"}))
    assert client.get("/openapi.json").status_code == 200 and client.get("/metrics").status_code == 401
    client = secured(open=frozenset({"metrics"}))
    assert client.get("/openapi.json").status_code == 401 and client.get("/metrics").status_code == 200


def test_every_route_of_the_app_is_listed(app: FastAPI) -> None:
    from vigie.serving.app import ScoringApp

    assert isinstance(app, ScoringApp)
    paths = [*app.plain, *(route.path for route in app.routes), "/v1/events", "/v1/features"]  # type: ignore[attr-defined]
    listed = {path.replace("{name}", "churn"): role_of(path.replace("{name}", "churn")) for path in paths}
    assert {path for path, role in listed.items() if role == "admin"} == set()
    assert {path for path, role in listed.items() if role == OPEN} == {
        "/",
        "/docs",
        "/healthz",
        "/readyz",
        "/ping",
        "/health",
    }
    assert set(listed.values()) <= {OPEN, ANY, *ROLES}


def test_paths_name_scores() -> None:
    assert score_of("/v1/score", "a") == score_of("/invocations", "a") == "a"
    assert score_of("/v1/scores/b/score", "a") == score_of("/v2/models/b/infer", "a") == "b"
    assert score_of("/v2", "a") is None and role_of("/v2/repository/index") == "admin"


def test_a_caller_who_comes_too_often_waits_and_others_do_not(
    secured: Make, key_of: KeyOf, values: dict[str, Any], admin_journal: AdminJournal
) -> None:
    busy, calm = key_of("score", name="busy", rate="6/m", burst=3), key_of("score", name="calm", rate="6/m", burst=3)
    with secured() as client:
        statuses = [client.post("/v1/score", json={"values": values}, headers=busy).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = client.post("/v1/score", json={"values": values}, headers=busy)
        assert 8 <= int(refused.headers["retry-after"]) <= 10
        assert refused.json()["detail"][0]["reason"] == "more than 6/m (at once 3) from this caller"
        assert client.post("/v1/score", json={"values": values}, headers=calm).status_code == 200
    told = [event for event in AdminReader(admin_journal.directory) if event.reason == "rate"]
    assert [(event.subject, event.actor, event.count) for event in told] == [
        ("key:busy", "testclient", 1),
        ("key:busy", "testclient", 2),
    ]


def test_sizes_are_limited_by_key(secured: Make, key_of: KeyOf, values: dict[str, Any]) -> None:
    small, any_size = key_of("score", max_rows=2, max_body_bytes=700), key_of("score")
    client = secured()

    def answer(rows: int, header: dict[str, str]) -> Any:
        customers = [{"values": values} for _ in range(rows)]
        return client.post("/v1/score", json={"customers": customers}, headers=header)

    assert answer(2, small).status_code == 200
    assert answer(3, small).json()["detail"][0]["reason"] == "3 in one request; the limit of this key is 2"
    assert answer(3, any_size).status_code == 200
    body = json.dumps({"values": values}) + " " * 700
    for content in (body, iter([body.encode()])):  # with a length, and in chunks
        refused = client.post("/v1/score", content=content, headers={**small, "content-type": "application/json"})
        assert (refused.status_code, refused.json()["detail"][0]["reason"]) == (413, "longer than 700 bytes")
    assert client.post("/invocations", json={"instances": [values] * 3}, headers=small).status_code == 422


def test_every_answer_says_what_must_not_be_done_with_it(
    secured: Make, client: TestClient, key_of: KeyOf, values: dict[str, Any]
) -> None:
    header = key_of(*ROLES)
    for caller, sent in ((client, {}), (secured(), header)):
        answers = [
            caller.post("/v1/score", json={"values": values}, headers=sent),
            caller.post("/v1/score", json={"values": {}}, headers=sent),
            caller.get("/nothing", headers=sent),
            caller.get("/v1/models", headers=sent),
            caller.get("/healthz"),
            caller.get("/docs"),
        ]
        for answer in (*answers, secured().get("/v1/models")):
            assert answer.headers["x-content-type-options"] == "nosniff", answer.url
            assert answer.headers["cache-control"] == "no-store"
            assert "strict-transport-security" not in answer.headers
    overtls = secured(tls=True).get("/v1/models")
    assert overtls.headers["strict-transport-security"] == "max-age=31536000"


def test_the_page_runs_its_own_script_and_nothing_else(client: TestClient) -> None:
    page = client.get("/docs")
    rules = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"""\son[a-z]+\s*=\s*["']|\sstyle=["']|javascript:""", page.text)


def test_no_key_is_in_any_answer_log_or_file(
    secured: Make,
    key_of: KeyOf,
    values: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    header = key_of("score", "metrics", name="shop", rate="1000/s")
    text = header["authorization"].removeprefix("Bearer ")
    secret = text[17:-6]
    answers = []
    with secured() as client:
        for sent in (
            header,
            {"authorization": f"Bearer {text}x"},
            {"authorization": f"Basic {text}"},
            {"x-api-key": f"Bearer {text}"},
        ):
            for path in ("/v1/score", "/v1/events", "/nothing", f"/v1/scores/{'a' * 50}/score", "/metrics"):
                answers.append(client.post(path, json={"values": values}, headers=sent))
                answers.append(client.get(path, headers=sent))
        answers.append(client.post("/v1/score", content=b"{", headers={**header, "content-type": "application/json"}))
    assert all(secret not in answer.text + str(answer.headers) for answer in answers)
    logged = [
        record.getMessage() for record in caplog.records if record.name.split(".")[0] not in ("httpx", "httpcore")
    ]
    assert secret not in "\n".join(logged)
    out, err = capfd.readouterr()
    assert secret not in out + err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3 and all(secret.encode() not in path.read_bytes() for path in files)


def test_what_is_refused_is_counted(secured: Make, key_of: KeyOf, values: dict[str, Any]) -> None:
    score, metrics = key_of("score"), key_of("metrics")
    client = secured()
    for _ in range(3):
        client.post("/v1/score", json={"values": values})
    client.post("/v1/score", json={"values": values}, headers=metrics)
    client.post("/v1/score", json={"values": values}, headers=score)
    exposition = client.get("/metrics", headers=metrics).text
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }
    assert found["vigie_refused_callers_total", "missing"] == 3 and found["vigie_refused_callers_total", "role"] == 1
    assert found["vigie_errors_total", "authentication"] == 3 and found["vigie_errors_total", "authorization"] == 1
    assert found["vigie_requests_total", "other", "401"] == 3 and found["vigie_requests_total", "score", "200"] == 1


def test_who_still_uses_a_replaced_key_is_on_record(
    secured: Make, key_of: KeyOf, administration: Administration, clock: Any, admin_journal: AdminJournal
) -> None:
    old = key_of("score", name="shop")
    _, text = administration.rotate("shop", 3_600_000_000)
    client = secured()

    def told() -> list[tuple[str, str, str]]:
        events = AdminReader(admin_journal.directory)
        return [(event.subject, event.actor, event.path) for event in events if event.action == "old key used"]

    assert client.get("/v1/models", headers={"x-api-key": text}).status_code == 200 and told() == []
    for seconds in (0, 1, 599):
        clock.pass_by(seconds)
        client.app.gate._keyring.refresh()  # type: ignore[attr-defined]
        assert client.get("/v1/models", headers=old).status_code == 200
    assert told() == [("shop", "testclient", "/v1/models")] * 2, "at once, and after ten minutes"


def test_a_full_disk_turns_nobody_in(
    served: Served, journal: PredictionJournal, clock: Any, store: SqliteKeys, tmp_path: Path
) -> None:
    (tmp_path / "blocked").write_text("")
    who = Security(keyring=Keyring(store, clock), journal=AdminJournal(tmp_path / "blocked" / "x"), clock=clock)
    client = TestClient(create_app({"churn": served}, journal, clock, security=who))
    assert client.get("/v1/models").status_code == 401


def test_a_crowd_at_the_door_writes_few_lines(secured: Make, clock: Any, admin_journal: AdminJournal) -> None:
    with secured() as client:
        for _ in range(50):
            client.get("/v1/models")
        clock.pass_by(10)
        client.get("/v1/models")
        client.get("/v1/models")
    counts = [event.count for event in AdminReader(admin_journal.directory)]
    assert sum(counts) == 52 and counts == [1, 50, 1]


def test_the_description_says_who_may_call(secured: Make, key_of: KeyOf, client: TestClient) -> None:
    document = secured(open=frozenset({"docs", "metrics"})).get("/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"key", "key_header"}
    score = document["paths"]["/v1/score"]["post"]
    assert score["x-role"] == "score" and {"401", "403", "429"} <= set(score["responses"])
    assert document["paths"]["/healthz"]["get"]["security"] == []
    assert document["paths"]["/metrics"]["get"]["security"] == []
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


def test_an_app_without_keys_asks_for_none_and_keeps_addresses(
    client: TestClient, values: dict[str, Any], journal: PredictionJournal
) -> None:
    header = {"authorization": "Bearer vgk_whatever"}
    assert client.post("/v1/score", json={"values": values}, headers=header).status_code == 200
    assert [event.caller for event in read(journal.directory)] == ["testclient"]


def test_while_keys_cannot_be_followed_callers_are_told_to_try_again(
    served: Served, journal: PredictionJournal, clock: Any, store: SqliteKeys, key_of: KeyOf
) -> None:
    header = key_of("score")
    who = Security(keyring=Keyring(store, clock, stale=60_000_000), clock=clock, open=frozenset({"metrics"}))
    client = TestClient(create_app({"churn": served}, journal, clock, security=who))
    store.path.write_bytes(b"damaged" * 2_000)
    clock.pass_by(61)
    assert who.keyring is not None
    who.keyring.refresh()
    assert "vigie_keys_unread_total 1.0" in client.get("/metrics").text
    answer = client.get("/v1/models", headers=header)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert client.get("/v1/models").status_code == 401


def test_a_token_is_a_caller_too(
    served: Served, journal: PredictionJournal, clock: Any, values: dict[str, Any]
) -> None:
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    from vigie.serving.security.issuer_keys import IssuerKeys
    from vigie.serving.security.tokens import TokenSettings, TokenVerifier

    key, url = RSAKey.generate_key(2048), "https://login.example.com"
    published = json.dumps({"keys": [{**key.as_dict(private=False), "kid": "1"}]}).encode()
    asked: list[str] = []

    def fetch(address: str) -> bytes:
        asked.append(address)
        return published

    keys = IssuerKeys(url, f"{url}/keys", fetch=fetch)
    settings = TokenSettings(issuer=url, audience=("vigie",))
    who = Security(tokens=TokenVerifier(settings, clock, keys), clock=clock)
    now = clock.now() // 1_000_000
    claims = {"iss": url, "aud": "vigie", "sub": "crm", "scope": "score", "exp": now + 60}
    text = jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)
    with TestClient(create_app({"churn": served}, journal, clock, security=who)) as client:
        header = {"authorization": f"Bearer {text}"}
        assert client.post("/v1/score", json={"values": values}, headers=header).status_code == 200
        assert client.get("/metrics", headers=header).status_code == 403
        assert client.post("/v1/score", json={"values": values}, headers={"x-api-key": text}).status_code == 401
        clock.pass_by(91)
        assert client.post("/v1/score", json={"values": values}, headers=header).status_code == 401
        assert "token" in client.get("/docs").text
    assert asked == [f"{url}/keys"] and [event.caller for event in read(journal.directory)] == ["token:crm"]


def test_a_bundle_is_served_with_exported_keys(
    bundle_folder: Path, key_of: KeyOf, administration: Administration, tmp_path: Path, values: dict[str, Any]
) -> None:
    from vigie.clock import SystemClock
    from vigie.lifecycle.serve import make_app, plan_bundle

    header = key_of("score", name="shop")
    administration.export(tmp_path / "keys.json")
    plan = plan_bundle(bundle_folder, tmp_path / "out", SystemClock(), keys=tmp_path / "keys.json")
    assert plan.authenticated
    with TestClient(make_app(plan, ServingSettings())) as client:
        assert client.post("/v1/score", json={"values": values}).status_code == 401
        assert client.post("/v1/score", json={"values": values}, headers=header).status_code == 200
    assert [event.caller for event in read(tmp_path / "out")] == ["key:shop"]
    assert [event.reason for event in AdminReader(tmp_path / "out" / "admin")] == ["missing"]


def test_the_open_inference_protocol_is_behind_the_same_gate(
    secured: Make, key_of: KeyOf, served: Served, bundle: Bundle, values: dict[str, Any]
) -> None:
    models = {"churn": served, "other": Served("other", "1", bundle)}
    wide, only, admin = key_of("score"), key_of("score", scores=["other"], max_rows=1), key_of("admin")
    client = secured(models, settings=ServingSettings(default_model="churn"))
    sent = {
        "inputs": [{"name": "customers_worth", "shape": [1], "datatype": "FP64", "data": [values["customers_worth"]]}]
    }
    two = {"inputs": [{**sent["inputs"][0], "shape": [2], "data": [1.0, 2.0]}]}

    def infer(name: str, header: dict[str, str], body: Any = sent) -> Any:
        return client.post(f"/v2/models/{name}/infer", json=body, headers=header)

    assert infer("churn", {}).status_code == 401 and set(infer("churn", {}).json()) == {"error"}
    assert [infer(name, wide).status_code for name in models] == [200, 200]
    assert [infer(name, only).status_code for name in models] == [403, 200]
    assert infer("churn", admin).status_code == 403
    assert infer("other", wide, two).status_code == 200 and infer("other", only, two).status_code == 400
    for path in ("/v2/models/other/../churn", "/v2/models//churn", "/v2/models/churn/", "/v2/models/churn/versions/3"):
        assert client.get(path, headers=only).status_code == 403, path
    assert (
        client.get("/v2/models/other", headers=only).status_code == client.get("/v2", headers=only).status_code == 200
    )
    assert client.get("/v2").status_code == client.get("/v2/models/churn").status_code == 401
    assert client.get("/v2/health/live").status_code == client.get("/v2/health/ready").status_code == 200
