"""What becomes of messages, whatever broker they come from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from stream_shop import histories_on, make_project

from vigie.clock import SystemClock, iso
from vigie.errors import DefinitionError, SettingsError
from vigie.features.online.memory_store import MemoryStore
from vigie.lifecycle.receiving import Receiving
from vigie.lifecycle.stream.kafka import servers_of
from vigie.lifecycle.stream.message import Message, UndecodableError, rows_in
from vigie.lifecycle.stream.redis_streams import payload_of
from vigie.lifecycle.stream.run import plan_stream
from vigie.lifecycle.stream.worker import LAST, Counts, Worker

NOW = SystemClock().now()


def order(number: int) -> bytes:
    row = {"order": f"o{number}", "customer": "a", "at": iso(NOW), "amount": 1, "channel": "web"}
    return json.dumps(row).encode()


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    project = make_project(tmp_path, SystemClock())
    receiving = Receiving(project, histories_on(MemoryStore(), project.clock))
    return Worker(receiving, "g", counts={"orders": Counts()}, first_pause=0.01)


def taken(worker: Worker, messages: Sequence[Message]) -> None:
    asyncio.run(worker.take("orders", messages))
    worker.receiving.intake.flush_all()


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"{", "not JSON"),
        (b"7", "neither a JSON object nor a list of them"),
        (b"[[1]]", "neither a JSON object nor a list of them"),
        (b'{"a": "\xff"}', "not JSON|not UTF-8"),
        (b'{"a": 1e999}', "neither|not JSON"),
        (b"[" * 100_000, "nested too deeply|not JSON|neither"),
    ],
)
def test_a_message_that_nothing_can_be_made_of_says_why(payload: bytes, said: str) -> None:
    with pytest.raises(UndecodableError, match=said):
        rows_in(payload)


def test_one_event_a_message_or_a_list() -> None:
    assert rows_in(b'{"a": 1}') == [{"a": 1}] and rows_in(b'[{"a": 1}, {}]') == [{"a": 1}, {}] and rows_in(b"[]") == []


def test_a_message_that_breaks_processing_is_a_dead_letter_and_the_others_are_taken(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = worker.receiving.intake
    prepare, tries = intake.prepare, []

    def breaking(source: str, rows: Sequence[Any]) -> Any:
        if any(row["order"] == "o2" for row in rows):
            tries.append(len(rows))
            raise RuntimeError("no such luck")
        return prepare(source, rows)

    monkeypatch.setattr(intake, "prepare", breaking)
    taken(worker, [Message("t", f"0/{n}", order(n)) for n in range(5)])
    assert tries == [5, 1, 1, 1]
    assert sorted(intake.lake.scan("orders").collect()["order"]) == ["o0", "o1", "o3", "o4"]
    (letter,) = intake.dead_letters.rows().to_dicts()
    assert (letter["topic"], letter["place"], letter["attempts"]) == ("t", "0/2", 3)
    assert letter["reason"] == "RuntimeError: no such luck" and letter["payload"] == order(2).decode()


def test_a_message_that_nobody_survived_is_not_tried_for_ever(worker: Worker) -> None:
    taken(
        worker, [Message("t", "1", order(1), LAST + 1), Message("t", "2", order(2), LAST), Message("t", "3", order(3))]
    )
    intake = worker.receiving.intake
    assert sorted(intake.lake.scan("orders").collect()["order"]) == ["o2", "o3"]
    assert intake.dead_letters.rows()["place"].to_list() == ["1"]


def test_the_same_dead_letter_twice_is_one(worker: Worker) -> None:
    for _ in range(2):
        taken(worker, [Message("t", "1", b"?"), Message("t", "2", b"?")])
    assert worker.receiving.intake.dead_letters.rows()["place"].to_list() == ["1", "2"]
    assert "_dead_letters" not in worker.receiving.intake.lake.names()


@pytest.mark.parametrize(
    ("fields", "payload"),
    [
        ({b"data": b"{}", b"more": b"1"}, b"{}"),
        ({b"anything": b"[]"}, b"[]"),
        ({b"order": b"1", b"amount": b"2.5"}, b'{"order":"1","amount":"2.5"}'),
        ({b"__data__": b'{"a": 1}'}, b'{"a": 1}'),
    ],
)
def test_an_entry_of_a_redis_stream_may_be_written_in_several_ways(fields: Any, payload: bytes) -> None:
    assert payload_of(fields) == payload


def test_settings_of_librdkafka_stand_behind_the_address() -> None:
    servers, options = servers_of("kafka://a:1,b:2?security.protocol=SASL_SSL&sasl.password=a%26b")
    assert servers == "a:1,b:2" and options == {"security.protocol": "SASL_SSL", "sasl.password": "a&b"}


def test_the_plan_takes_topics_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER", "redis://:secret@h:1")
    stream = '[stream]\nurl = "env:BROKER"\ntopics = { orders = "shop.o" }\ngroup = "scores"\nbatch = 7\n'
    plan = plan_stream(make_project(tmp_path, SystemClock(), stream))
    assert (plan.url, dict(plan.topics), plan.group, plan.batch) == (
        "redis://:secret@h:1", {"orders": "shop.o"}, "scores", 7,
    )  # fmt: skip
    assert dict(plan_stream(make_project(tmp_path, SystemClock(), stream), ["visits"]).topics) == {"visits": "visits"}
    with pytest.raises(DefinitionError, match="did you mean 'visits'"):
        plan_stream(make_project(tmp_path, SystemClock(), stream), ["visit"])


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ("", "nothing says where the broker is"),
        ('[stream]\nurl = "amqp://u:secret@h"\n', "no broker is known"),
        ('[stream]\nurl = "redis://h"\nbatch = 0\n', "batch is 0"),
        ('[stream]\nurl = "redis://h"\ntopics = 1\n', "topics is no table"),
    ],
)
def test_wrong_settings_are_told(tmp_path: Path, stream: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        plan_stream(make_project(tmp_path, SystemClock(), stream))
    assert "secret" not in str(caught.value)
