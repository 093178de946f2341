"""Kafka, and whatever speaks its protocol: a consumer group for each source; partitions go from one process to another (rebalance)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qsl

from vigie.errors import MissingExtraError
from vigie.lifecycle.stream.broker import Broker, StreamSettings, undecoded, unreachable, untouched
from vigie.lifecycle.stream.message import Message
from vigie.lifecycle.stream.worker import StopAskedError, Worker

POLL_SECONDS = 0.2
KEEP_ALIVE_SECONDS = 20.0
"""A consumer that is silent for ``max.poll.interval.ms``, 300 s, is thrown out of its group."""
_ASK_SECONDS = 10.0

log = logging.getLogger(__name__)


class Kafka(Broker):
    """Consumes Kafka topics through FastStream and librdkafka."""

    def __init__(self, settings: StreamSettings, worker: Worker) -> None:
        super().__init__(settings, worker)
        try:
            from faststream.confluent import KafkaBroker
        except ImportError as error:
            raise MissingExtraError("faststream[confluent]", extra="stream") from error
        self._servers, options = servers_of(settings.url)
        self._options = options
        self._broker = KafkaBroker(
            self._servers,
            config=options,  # type: ignore[arg-type]
            allow_auto_create_topics=False,
            apply_types=False,
            logger=log,
            log_level=logging.DEBUG,
        )
        self._subscribers: dict[str, Any] = {}

    async def start(self) -> None:
        """Connect, and begin to consume from the group's offsets, a new group from the beginning."""
        from confluent_kafka import KafkaException
        from faststream import AckPolicy
        from faststream.confluent import Topic

        settings = self.settings
        try:
            await asyncio.to_thread(self._look)
            for source, topic in settings.topics.items():
                subscriber = self._broker.subscriber(
                    Topic(topic, declare=False),
                    # A group for each source: one that begins or ends disturbs no other with a rebalance.
                    group_id=f"{settings.group}.{source}",
                    batch=True,
                    max_records=settings.batch,
                    polling_interval=POLL_SECONDS,
                    auto_offset_reset="earliest",
                    ack_policy=AckPolicy.MANUAL,
                    no_reply=True,
                    parser=untouched,
                    decoder=undecoded,
                )
                subscriber(self._handler(source))
                self._subscribers[source] = subscriber
            await self._broker.start()
        except (KafkaException, OSError) as error:
            raise unreachable(settings.url, error) from error

    async def stop(self) -> None:
        """Finish what is being worked on, and leave the group."""
        await self._broker.stop()

    async def waiting(self) -> dict[str, int]:
        """Messages of this process' partitions behind the group's offsets."""
        found = {}
        for source, subscriber in self._subscribers.items():
            if subscriber.consumer is not None:
                found[source] = await asyncio.to_thread(_behind, subscriber.consumer.consumer)
        return found

    def _look(self) -> None:
        """Returns if the brokers answer; a topic that is not there yet is waited for."""
        from confluent_kafka.admin import AdminClient

        client = AdminClient({"bootstrap.servers": self._servers, **self._options})
        there = client.list_topics(timeout=_ASK_SECONDS).topics
        for source, topic in self.settings.topics.items():
            if topic not in there:
                log.warning("%s: there is no topic '%s' yet", source, topic)

    def _handler(self, source: str) -> Any:
        async def handle(batch: tuple[Any, ...]) -> None:
            messages = [Message(m.topic(), f"{m.partition()}/{m.offset()}", m.value() or b"") for m in batch]
            raw = self._subscribers[source].consumer.consumer
            work = asyncio.create_task(self.worker.take(source, messages))
            paused = False
            while not work.done():
                await asyncio.wait([work], timeout=KEEP_ALIVE_SECONDS)
                if not work.done():
                    await asyncio.to_thread(_poll_nothing, raw)
                    paused = True
            if paused:
                await asyncio.to_thread(lambda: raw.resume(raw.assignment()))
            try:
                work.result()
            except StopAskedError:
                return
            await asyncio.to_thread(_commit, raw, batch)

        return handle


def servers_of(url: str) -> tuple[str, dict[str, str]]:
    """Addresses, and librdkafka's settings, of ``kafka://HOST:PORT,HOST:PORT?security.protocol=SASL_SSL&…``.

    >>> servers_of("kafka://a:9092,b:9092?security.protocol=SSL")
    ('a:9092,b:9092', {'security.protocol': 'SSL'})
    """
    rest = url.partition("://")[2]
    servers, _, query = rest.partition("?")
    return servers.rstrip("/"), dict(parse_qsl(query))


def _commit(raw: Any, batch: tuple[Any, ...]) -> None:
    from confluent_kafka import KafkaException, TopicPartition

    ends: dict[tuple[str, int], int] = {}
    for message in batch:
        place = message.topic(), message.partition()
        ends[place] = max(ends.get(place, 0), message.offset() + 1)
    try:
        raw.commit(offsets=[TopicPartition(*place, end) for place, end in ends.items()], asynchronous=False)
    except KafkaException as error:
        # The partition went to another process meanwhile: it takes the messages in again, which changes nothing.
        log.warning("%d messages are taken in and their offsets not committed: %s", len(batch), error)


def _poll_nothing(raw: Any) -> None:
    """Stay in the group while a batch waits: librdkafka must be polled, and is not to hand anything over."""
    from confluent_kafka import KafkaException, TopicPartition

    try:
        raw.pause(raw.assignment())
        message = raw.poll(0)
        if message is not None and not message.error():  # of a partition that came in this very moment
            raw.seek(TopicPartition(message.topic(), message.partition(), message.offset()))
    except (KafkaException, RuntimeError) as error:
        log.warning("%s", error)


def _behind(raw: Any) -> int:
    from confluent_kafka import KafkaException

    try:
        total = 0
        for place in raw.committed(raw.assignment(), timeout=_ASK_SECONDS):
            low, high = raw.get_watermark_offsets(place, timeout=_ASK_SECONDS, cached=False)
            total += high - (place.offset if place.offset >= 0 else low)
        return total
    except (KafkaException, RuntimeError) as error:
        log.warning("the lag is not known: %s", error)
        return 0
