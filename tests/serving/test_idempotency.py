"""A repeated request gets the first answer, and is on record once, whichever worker it reaches."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie.journal import PredictionJournal, read
from vigie.serving import idempotency
from vigie.serving.idempotency import Claim, Idempotency, Remembered
from vigie.serving.refusal import RequestError

from .test_run import running


def test_a_repetition_gets_the_first_answer_and_is_recorded_once(
    client: TestClient, values: dict[str, Any], journal: PredictionJournal
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first, again = (client.post("/v1/score", json={"values": values}, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 200 and first.content == again.content
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    assert first.headers["x-request-id"] == again.headers["x-request-id"] == first.json()["request_id"]
    assert len(list(journal.read())) == 1
    other = client.post("/v1/score", json={"values": values}, headers={"Idempotency-Key": "k-2"})
    assert other.json()["request_id"] != first.json()["request_id"]
    client.post("/v1/score", json={"values": values})
    assert len(list(journal.read())) == 3


def test_a_key_is_of_one_route_and_one_body(client: TestClient, values: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "k"}
    assert client.post("/v1/score", json={"values": values}, headers=headers).status_code == 200
    assert client.post("/invocations", json={"inputs": values}, headers=headers).status_code == 200
    answer = client.post("/v1/score", json={"values": {**values, "customers_age": 42}}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["reason"] == "the key was used for another request"


def test_a_refused_request_may_be_sent_again(client: TestClient, values: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "k"}
    assert client.post("/v1/score", json={"customer_id": "broken"}, headers=headers).status_code == 503
    assert client.post("/v1/score", json={"values": values}, headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "ü"])
def test_keys_that_are_none(client: TestClient, values: dict[str, Any], key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    assert client.post("/v1/score", json={"values": values}, headers=headers).status_code == 422


def test_workers_share_what_they_remember(bundle_folder: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    body = json.dumps({"values": values}).encode()

    def post(url: str, key: str) -> tuple[bytes, bool]:
        headers = {"content-type": "application/json", "idempotency-key": key}
        request = urllib.request.Request(f"{url}/v1/score", body, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read(), answer.headers.get("idempotency-replayed") == "true"

    with running(bundle_folder, tmp_path, 2) as (process, url):
        for key in range(10):
            answers = [post(url, f"k{key}") for _ in range(6)]  # each on a connection of its own: any worker
            assert len({content for content, _ in answers}) == 1
            assert [replayed for _, replayed in answers] == [False] + [True] * 5
        process.terminate()
        process.communicate(timeout=30)
    assert len(list(read(tmp_path))) == 10


def begin(remembered: Idempotency, key: str = "k", body: bytes = b"{}") -> Claim | Remembered:
    return asyncio.run(remembered.begin(key, "me", "/v1/score", body))


def test_a_repetition_waits_for_the_first_to_be_answered(tmp_path: Path) -> None:
    one, other = Idempotency(tmp_path), Idempotency(tmp_path)

    async def both() -> Claim | Remembered:
        claim = await one.begin("k", "me", "/", b"")
        assert isinstance(claim, Claim)
        again = asyncio.create_task(other.begin("k", "me", "/", b""))
        await asyncio.sleep(0.1)
        assert not again.done()
        one.end(claim, "r", b"answer")
        return await again

    assert asyncio.run(both()) == Remembered("r", b"answer")


def test_a_key_is_of_one_caller(tmp_path: Path) -> None:
    async def both() -> list[Claim | Remembered]:
        remembered = Idempotency(tmp_path)
        return [await remembered.begin("k", caller, "/", b"") for caller in ("key:crm", "key:web")]

    assert all(isinstance(one, Claim) for one in asyncio.run(both()))


def test_it_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.1)
    remembered = Idempotency(tmp_path)
    begin(remembered)
    with pytest.raises(RequestError) as refused:
        begin(Idempotency(tmp_path))
    assert refused.value.status == 503 and "still being answered" in refused.value.details[0].reason


def test_a_worker_that_died_holds_no_key(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path; from vigie.serving.idempotency import Idempotency; "
        "asyncio.run(Idempotency(Path(sys.argv[1])).begin('k', 'me', '/v1/score', b'{}')); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60).returncode == 9
    assert isinstance(begin(Idempotency(tmp_path)), Claim)


def test_answers_are_forgotten_in_time_and_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = Idempotency()
    claim = begin(remembered)
    assert isinstance(claim, Claim)
    remembered.end(claim, "r", b"x")
    assert isinstance(begin(remembered), Remembered)
    monkeypatch.setattr(idempotency, "KEEP_SECONDS", 0.0)
    assert isinstance(begin(remembered), Claim)
    monkeypatch.setattr(idempotency, "KEEP_SECONDS", 600.0)
    monkeypatch.setattr(idempotency, "MOST_BYTES", 100_000)
    monkeypatch.setattr(idempotency, "_TIDY_BYTES", 25_000)
    for number in range(60):
        claim = begin(remembered, f"n{number}")
        assert isinstance(claim, Claim)
        remembered.end(claim, "r", b"x" * 10_000)
    assert isinstance(begin(remembered, "n59"), Remembered)
    assert isinstance(begin(remembered, "n0"), Claim)


def test_what_cannot_be_looked_up_is_not_scored(tmp_path: Path) -> None:
    remembered = Idempotency(tmp_path)
    remembered._store.execute("DROP TABLE answers")
    with pytest.raises(RequestError) as refused:
        begin(remembered)
    assert refused.value.status == 503 and isinstance(refused.value.__cause__, sqlite3.Error)
