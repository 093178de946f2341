"""The three brokers, each a real one (of Kafka librdkafka's mock cluster): what was sent is what features say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from chaos import redis_server
from stream_shop import batch, histories_on, make_project, online

from vigie.clock import DAY, SystemClock, iso
from vigie.data import Quarantine
from vigie.errors import SourceError, StoreError
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.run_store import Run
from vigie.lifecycle.receiving import Receiving
from vigie.lifecycle.stream.broker import Broker, StreamSettings
from vigie.lifecycle.stream.kafka import Kafka
from vigie.lifecycle.stream.nats_jetstream import NatsJetStream
from vigie.lifecycle.stream.redis_streams import RedisStreams
from vigie.lifecycle.stream.run import _broker_class
from vigie.lifecycle.stream.worker import Counts, Worker

NOW = SystemClock().now()
TOPICS = {"orders": "shop.orders", "visits": "shop.visits"}
Send = Callable[[str, list[bytes]], Awaitable[None]]


class Failing(MemoryStore):
    """A store that can be down."""

    down = False

    def append(self, runs: Iterable[Run], facts: Mapping[str, bytes] | None = None) -> None:
        if self.down:
            raise StoreError("the store does not answer")
        super().append(runs, facts)


def order(number: int, customer: str = "a", amount: Any = 1.0) -> bytes:
    row = {
        "order": f"o{number}",
        "customer": customer,
        "at": iso(NOW - DAY - number),
        "amount": amount,
        "channel": "web",
    }
    return json.dumps(row).encode()


async def to_redis(url: str, topic: str, messages: list[bytes]) -> None:
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(url)
    for message in messages:
        await client.xadd(topic, {"data": message})
    await client.aclose()


async def to_nats(url: str, topic: str, messages: list[bytes]) -> None:
    import nats
    from nats.js.errors import BadRequestError

    client = await nats.connect(url)
    stream = client.jetstream()
    with contextlib.suppress(BadRequestError):
        await stream.add_stream(name="SHOP", subjects=["shop.>"])
    for message in messages:
        await stream.publish(topic, message)
    await client.close()


async def to_kafka(url: str, topic: str, messages: list[bytes]) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": url.removeprefix("kafka://")})
    for number, message in enumerate(messages):
        producer.produce(topic, message, key=str(number))
    await asyncio.to_thread(producer.flush, 20)


@contextlib.contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("nats-server"))
    command = [program, "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def kafka_cluster() -> Iterator[str]:
    """librdkafka's mock cluster lives in the client that made it."""
    from confluent_kafka import Consumer

    client = Consumer({"test.mock.num.brokers": 1, "group.id": "x", "bootstrap.servers": "unused"})
    brokers = client.list_topics(timeout=10).brokers.values()
    try:
        yield "kafka://" + ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    finally:
        client.close()


@pytest.fixture(scope="module", params=["redis", "nats", "kafka"])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any, Any]]:
    folder = tmp_path_factory.mktemp(request.param)
    match request.param:
        case "redis":
            with redis_server(folder) as port:
                yield f"redis://127.0.0.1:{port}", RedisStreams, to_redis
        case "nats":
            with nats_server(folder) as url:
                yield url, NatsJetStream, to_nats
        case "kafka":
            with kafka_cluster() as url:
                yield url, Kafka, to_kafka


class Process:
    """What ``vigie stream`` runs, in this process and stopped at will."""

    def __init__(self, project: Any, store: Failing, url: str, group: str, prefix: str) -> None:
        self.receiving = Receiving(project, histories_on(store, project.clock))
        topics = {source: f"{topic}.{prefix}" for source, topic in TOPICS.items()}
        settings = StreamSettings(url, topics, group, 50, 2.0)
        self.worker = Worker(self.receiving, group, counts={s: Counts() for s in topics}, first_pause=0.05)
        self.broker: Broker = _broker_class(url)(settings, self.worker)

    async def until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"{self.worker.counts} after {seconds} s"
            await asyncio.sleep(0.05)

    async def all_acknowledged(self) -> None:
        end = time.monotonic() + 60
        while any((waiting := await self.broker.waiting()).values()):
            assert time.monotonic() < end, waiting
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        self.worker.stopping.set()
        await self.broker.stop()


def test_what_is_sent_counts_and_what_is_wrong_is_where_it_belongs(broker: Any, tmp_path: Path) -> None:
    url, kind, send = broker
    project = make_project(tmp_path, SystemClock(), "[events]\nflush_seconds = 3600\n")
    store = Failing()
    visit = json.dumps(
        [{"customer": "a", "at": iso(NOW - DAY), "page": "/"}, {"customer": "b", "at": iso(NOW), "page": "/"}]
    )

    async def run() -> dict[str, int]:
        await send(url, "shop.orders.1", [order(n, "ab"[n % 2], n) for n in range(120)])
        await send(url, "shop.visits.1", [visit.encode()] * 3)
        process = Process(project, store, url, "g1", "1")
        assert isinstance(process.broker, kind)
        await process.broker.start()
        counts = process.worker.counts
        await process.until(lambda: counts["orders"].accepted == 120 and counts["visits"].accepted == 6)
        await send(
            url,
            "shop.orders.1",
            [b"nonsense", b"[1]", order(3, "b", 3), order(500, amount="oops"), order(121, "b", 2.5)],
        )
        await process.until(lambda: counts["orders"].accepted == 122 and counts["orders"].dead == 2)
        await process.all_acknowledged()
        waiting = await process.broker.waiting()
        await process.stop()
        return waiting

    waiting = asyncio.run(run())
    assert waiting == {"orders": 0, "visits": 0}
    receiving = Receiving(project, histories_on(store, project.clock))
    before = online(receiving.intake._histories, "ab", NOW + 1)
    receiving.intake.flush_all()
    assert before == online(receiving.intake._histories, "ab", NOW + 1) == batch(project, NOW + 1)
    assert [before[customer][2] for customer in "ab"] == [60, 61]
    assert Quarantine(receiving.intake.lake, "orders").rows()["rule"].to_list() == ["type"]
    dead = receiving.intake.dead_letters.rows()
    assert sorted(dead["payload"].to_list()) == ["[1]", "nonsense"]
    assert set(dead["topic"].to_list()) == {"shop.orders.1"} and all(dead["place"].to_list())


def test_while_the_store_is_down_nothing_is_acknowledged_and_then_all_counts(broker: Any, tmp_path: Path) -> None:
    url, _, send = broker
    project = make_project(tmp_path, SystemClock(), "[events]\nflush_seconds = 3600\n")
    store = Failing()

    async def run() -> None:
        await send(url, "shop.orders.2", [order(n) for n in range(20)])
        await send(url, "shop.visits.2", [b'{"customer": "a", "at": "2020-01-01", "page": "/"}'])
        first = Process(project, store, url, "g2", "2")
        store.down = True
        await first.broker.start()
        counts = first.worker.counts["orders"]
        await first.until(lambda: counts.retries > 3)
        assert counts.pausing and (await first.broker.waiting())["orders"] == 20
        await first.stop()  # ends in spite of the outage, and acknowledges nothing
        store.down = False
        second = Process(project, store, url, "g2", "2")
        await second.broker.start()
        # The broker hands them over again once it has given up the first one.
        await second.until(lambda: second.worker.counts["orders"].accepted == 20)
        store.down = True
        await send(url, "shop.orders.2", [order(n) for n in range(20, 30)])
        counts = second.worker.counts["orders"]
        await second.until(lambda: counts.retries > 2)
        store.down = False
        await second.until(lambda: counts.accepted == 30)
        assert not counts.pausing
        await second.all_acknowledged()
        await second.stop()

    asyncio.run(run())
    receiving = Receiving(project, histories_on(store, project.clock))
    receiving.intake.flush_all()
    assert online(receiving.intake._histories, "a", NOW + 1)["a"][2] == 30
    assert online(receiving.intake._histories, "a", NOW + 1) == batch(project, NOW + 1)


def test_a_broker_that_is_not_there_is_an_error_that_may_pass(tmp_path: Path) -> None:
    project = make_project(tmp_path, SystemClock())
    for url in ("redis://127.0.0.1:1", "nats://127.0.0.1:1"):
        process = Process(project, Failing(), url, "g", "x")
        with pytest.raises(SourceError, match="cannot be reached") as caught:
            asyncio.run(process.broker.start())
        assert caught.value.retryable
