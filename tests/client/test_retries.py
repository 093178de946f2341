"""When a request is sent again, and what its answers mean; no server is needed."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.client import ApiError, Client, Problem, Retries
from vigie.errors import InputError, SettingsError

Answer = Callable[[httpx.Request], httpx.Response]


def client_of(answers: Sequence[httpx.Response | Exception], **more: Any) -> tuple[Client, list[httpx.Request]]:
    """A client whose requests get *answers*, one after the other."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        one = answers[len(seen) - 1]
        if isinstance(one, Exception):
            raise one
        return one

    retries = Retries(base_seconds=0.0, longest_seconds=2.0)
    http = httpx.Client(transport=httpx.MockTransport(answer))
    return Client("http://vigie", http=http, retries=more.pop("retries", retries), **more), seen


SCORED = {
    "request_id": "r",
    "model": {"name": "churn", "version": "3", "bundle": "abc", "new": 1},
    "predictions": [
        {
            "customer_id": "7",
            "score": 0.5,
            "decision": "contact",
            "segment": "high",
            "expected_value": None,
            "as_of": "2026-01-01T00:00:00Z",
            "something": "new",
        }
    ],
}


def refusal(status: int, **headers: str) -> httpx.Response:
    body = {"detail": [{"field": "server", "reason": "not now", "remedy": "try again"}], "request_id": "r-9"}
    return httpx.Response(status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_request_is_repeated_as_it_is() -> None:
    client, seen = client_of(
        [httpx.ConnectError("refused"), refusal(503), httpx.ReadTimeout("slow"), httpx.Response(200, json=SCORED)]
    )
    prediction = client.score(customer_id="7", score="churn & co")
    assert prediction.score == 0.5 and prediction.expected_value is None and prediction.request_id == "r"
    assert prediction.model is not None and prediction.model.version == "3"
    assert len(seen) == 4 and len({(one.url, one.content) for one in seen}) == 1
    assert seen[0].url.raw_path == b"/v1/scores/churn%20%26%20co/score"
    keys = {one.headers["idempotency-key"] for one in seen}
    assert len(keys) == 1 and keys == {one.headers["x-request-id"] for one in seen}
    client, seen = client_of([httpx.Response(200, json=SCORED)] * 2)
    client.score(customer_id="7")
    client.score(customer_id="7")
    assert seen[0].headers["idempotency-key"] != seen[1].headers["idempotency-key"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500, 502])
def test_what_would_not_change_is_not_repeated(status: int) -> None:
    client, seen = client_of([refusal(status)])
    with pytest.raises(ApiError, match="server: not now") as raised:
        client.score(values={"a": 1})
    assert len(seen) == 1 and raised.value.status == status and not raised.value.retryable
    assert raised.value.problems == (Problem("server", "not now", "try again"),) and raised.value.request_id == "r-9"


def test_in_the_end_the_refusal_is_raised() -> None:
    client, seen = client_of([refusal(429)] * 4)
    with pytest.raises(ApiError) as raised:
        client.models()
    assert len(seen) == 4 and raised.value.status == 429 and raised.value.retryable
    client, seen = client_of([httpx.ConnectError("refused")] * 4)
    with pytest.raises(ApiError, match=r"no answer after 4 attempts: refused") as raised:
        client.models()
    assert len(seen) == 4 and raised.value.status == 0 and raised.value.retryable


def test_who_asks_for_more_patience_than_there_is_gets_none() -> None:
    client, seen = client_of([refusal(429, retry_after="60")])
    with pytest.raises(ApiError):
        client.models()
    assert len(seen) == 1


def test_an_answer_from_something_else_is_explained() -> None:
    client, _ = client_of([httpx.Response(502, text="<h1>Bad gateway</h1>")])
    with pytest.raises(ApiError, match="answered with 502: <h1>Bad gateway</h1>"):
        client.models()
    client, _ = client_of([httpx.Response(200, text="hello")])
    with pytest.raises(ApiError, match="the answer is not one of Vigie's API") as raised:
        client.models()
    assert not raised.value.retryable


def test_errors_survive_a_process_pool() -> None:
    error = ApiError("w", where="u", remedy="r", status=503, problems=[Problem("f", "x")], request_id="i")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.status, again.problems, again.request_id, again.retryable) == (
        str(error), 503, (Problem("f", "x"),), "i", True,
    )  # fmt: skip


@given(
    sent=st.integers(1, 10),
    attempts=st.integers(1, 10),
    base=st.floats(0, 5),
    longest=st.floats(5, 60),
    asked=st.none() | st.integers(0, 100),
)
def test_waits_keep_what_is_promised(sent: int, attempts: int, base: float, longest: float, asked: int | None) -> None:
    retries = Retries(attempts, base, longest)
    wait = retries.wait(sent, None if asked is None else str(asked))
    if sent >= attempts or (asked or 0) > longest:
        assert wait is None
    else:
        assert wait is not None
        assert (asked or 0) <= wait <= (asked or 0) + min(longest, base * 2 ** (sent - 1))


@pytest.mark.parametrize("header", ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "", "1.5"])
def test_a_retry_after_of_another_form_is_ignored(header: str) -> None:
    assert Retries(base_seconds=0.0).wait(1, header) == 0.0


def test_what_cannot_be_meant() -> None:
    with pytest.raises(SettingsError, match="cannot be meant"):
        Retries(attempts=0)
    with pytest.raises(SettingsError, match="cannot be meant"):
        Retries(base_seconds=20.0)
    with pytest.raises(SettingsError, match="is not a URL"):
        Client("127.0.0.1:8000")
    client, _ = client_of([])
    with pytest.raises(InputError, match="neither customer_id nor values"):
        client.score()
    with pytest.raises(SettingsError, match="0 customers"):
        client.score_many(["7"], size=0)


def test_customers_in_each_of_their_forms() -> None:
    many = {**SCORED, "predictions": SCORED["predictions"] * 2}  # type: ignore[operator]
    client, seen = client_of([httpx.Response(200, json=many)] * 2, score="churn", key="vgk_x")
    both = {"customer_id": 9, "values": {"age": 1}}
    assert (
        len(client.score_many(["7", {"age": 41}, both, {"customer_id": 3}], size=2, reasons=1, as_of="2026-01-01")) == 4
    )
    import json

    bodies = [json.loads(one.content) for one in seen]
    assert [body["customers"] for body in bodies] == [
        [{"customer_id": "7"}, {"values": {"age": 41}}],
        [both, {"customer_id": 3}],
    ]
    assert all(body["reasons"] == 1 and body["as_of"] == "2026-01-01" for body in bodies)
    assert seen[0].url.path == "/v1/scores/churn/score" and seen[0].headers["authorization"] == "Bearer vgk_x"
    assert client.score_many([]) == []
