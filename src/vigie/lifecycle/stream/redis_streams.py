"""Redis Streams: one consumer group; what a dead consumer had taken is claimed by the others (XAUTOCLAIM)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vigie.errors import MissingExtraError
from vigie.lifecycle.stream.broker import Broker, StreamSettings, undecoded, unreachable, untouched
from vigie.lifecycle.stream.message import Message
from vigie.lifecycle.stream.worker import StopAskedError, Worker

POLL_MS = 200
COUNTED = 10_000
"""Entries counted one by one, at most, where Redis does not know how many follow."""
FORGOTTEN_MS = 3_600_000
"""A consumer that asked for nothing so long and holds nothing is removed from the group."""

log = logging.getLogger(__name__)


class RedisStreams(Broker):
    """Consumes Redis Streams through FastStream."""

    def __init__(self, settings: StreamSettings, worker: Worker) -> None:
        super().__init__(settings, worker)
        try:
            from faststream.redis import RedisBroker
        except ImportError as error:
            raise MissingExtraError("faststream[redis]", extra="stream") from error
        self._broker = RedisBroker(settings.url, apply_types=False, logger=log, log_level=logging.DEBUG)
        self._subscribers: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect, make the groups where they are not there, and begin to consume from their beginning."""
        from faststream import AckPolicy
        from faststream.redis import StreamSub
        from redis.exceptions import RedisError, ResponseError

        settings = self.settings
        try:
            self._client: Any = await self._broker.connect()
            for topic in settings.topics.values():
                try:
                    # FastStream would begin a new group at the end of the stream.
                    await self._client.xgroup_create(topic, settings.group, id="0", mkstream=True)
                except ResponseError as error:
                    if "BUSYGROUP" not in str(error):
                        raise
            for source, topic in settings.topics.items():
                stream = StreamSub(
                    topic,
                    group=settings.group,
                    consumer=settings.consumer,
                    batch=True,
                    max_records=settings.batch,
                    polling_interval=POLL_MS,
                    last_id=">",
                )
                subscriber = self._broker.subscriber(
                    stream=stream, ack_policy=AckPolicy.MANUAL, no_reply=True, parser=untouched, decoder=undecoded
                )
                subscriber(self._handler(source, topic))
                self._subscribers.append(subscriber)
            await self._broker.start()
        except (RedisError, OSError, TimeoutError) as error:
            raise unreachable(settings.url, error) from error
        self._tasks = [asyncio.create_task(self._claim(source, topic)) for source, topic in settings.topics.items()]

    async def stop(self) -> None:
        """Finish what is being worked on, and disconnect."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for topic in self.settings.topics.values():
            await self._forget(topic, self.settings.consumer, 0)
        await self._broker.stop()

    async def waiting(self) -> dict[str, int]:
        """Entries of each stream behind the group's last one, and those that were taken and not acknowledged."""
        from redis.exceptions import RedisError

        found = {}
        for source, topic in self.settings.topics.items():
            with contextlib.suppress(RedisError):
                for group in await self._client.xinfo_groups(topic):
                    if _text(group["name"]) == self.settings.group:
                        found[source] = await self._behind(topic, group) + int(group["pending"])
        for subscriber in self._subscribers:
            if not subscriber.running and not self.worker.stopping.is_set():
                self.failed.set()
        return found

    async def _behind(self, topic: str, group: Mapping[str, Any]) -> int:
        """Entries that the group was not given yet."""
        if group.get("lag") is not None:
            return int(group["lag"])
        # Redis before 7 does not count them, and a later one cannot where entries in between were deleted.
        last = _text(group["last-delivered-id"])
        return len(await self._client.xrange(topic, min=f"({last}", count=COUNTED))

    def _handler(self, source: str, topic: str) -> Any:
        async def handle(batch: Any) -> None:
            entries = list(zip(batch["message_ids"], batch["data"], strict=True))
            await self._take(source, topic, entries, {})

        return handle

    async def _take(
        self,
        source: str,
        topic: str,
        entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]],
        deliveries: Mapping[bytes, int],
    ) -> None:
        from redis.exceptions import RedisError

        messages = [Message(topic, _text(i), payload_of(f), deliveries.get(i, 1)) for i, f in entries]
        ids = [i for i, _ in entries]
        holding = asyncio.create_task(self._hold(topic, ids))
        try:
            await self.worker.take(source, messages)
        except StopAskedError:
            return
        finally:
            holding.cancel()
        try:
            await self._client.xack(topic, self.settings.group, *ids)
        except (RedisError, OSError) as error:
            log.warning(
                "%s: %d messages are taken in and not acknowledged (%s); they will come again", topic, len(ids), error
            )

    async def _hold(self, topic: str, ids: Sequence[bytes]) -> None:
        """While a batch waits, keep others from claiming it: claiming our own entries makes them young again."""
        from redis.exceptions import RedisError

        while True:
            await asyncio.sleep(self.settings.redeliver_after / 3)
            with contextlib.suppress(RedisError, OSError):
                await self._client.xclaim(
                    topic, self.settings.group, self.settings.consumer, 0, message_ids=list(ids), justid=True
                )

    async def _claim(self, source: str, topic: str) -> None:
        """Take over what consumers took that are dead, as long as this one lives."""
        from redis.exceptions import RedisError

        settings, idle = self.settings, int(self.settings.redeliver_after * 1000)
        while True:
            await asyncio.sleep(settings.redeliver_after / 4)
            try:
                begin: bytes = b"0-0"
                while True:
                    begin, entries, *_ = await self._client.xautoclaim(
                        topic, settings.group, settings.consumer, idle, start_id=begin, count=settings.batch
                    )
                    # An entry that was deleted from the stream comes without fields.
                    entries = [(i, fields) for i, fields in entries if fields]
                    if entries:
                        log.warning("%s: taking over %d messages of another consumer", topic, len(entries))
                        ids = [i for i, _ in entries]
                        await self._take(source, topic, entries, await self._deliveries(topic, ids))
                    if begin == b"0-0":
                        break
                await self._forget_idle(topic)
            except (RedisError, OSError) as error:
                log.warning("%s: %s", topic, error)

    async def _deliveries(self, topic: str, ids: Sequence[bytes]) -> dict[bytes, int]:
        pending = await self._client.xpending_range(
            topic,
            self.settings.group,
            min=ids[0],
            max=ids[-1],
            count=10 * len(ids),
            consumername=self.settings.consumer,
        )
        return {entry["message_id"]: int(entry["times_delivered"]) for entry in pending}

    async def _forget_idle(self, topic: str) -> None:
        for consumer in await self._client.xinfo_consumers(topic, self.settings.group):
            name = _text(consumer["name"])
            if name != self.settings.consumer and not consumer["pending"] and consumer["idle"] > FORGOTTEN_MS:
                await self._forget(topic, name, 0)

    async def _forget(self, topic: str, consumer: str, pending: int) -> None:
        """Remove a consumer from the group, if it holds nothing: what it held would be acknowledged unseen."""
        from redis.exceptions import RedisError

        with contextlib.suppress(RedisError, OSError):
            script = (
                "for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do "
                "if c[2] == ARGV[2] and c[4] <= tonumber(ARGV[3]) then "
                "return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end end return -1"
            )
            await self._client.eval(script, 1, topic, self.settings.group, consumer, pending)


def payload_of(fields: Mapping[bytes, bytes]) -> bytes:
    """The message in an entry: of field ``data`` or the only field, as FastStream wrote it, or all fields as one event."""
    body = fields.get(b"__data__")
    if body is not None:
        from faststream.redis.parser import BinaryMessageFormatV1

        try:
            return bytes(BinaryMessageFormatV1.parse(body)[0])
        except Exception:  # noqa: BLE001 - then it is not FastStream's
            return body
    if b"data" in fields:
        return fields[b"data"]
    if len(fields) == 1:
        return next(iter(fields.values()))
    return msgspec.json.encode({_text(name): _text(value) for name, value in fields.items()})


def _text(raw: bytes | str) -> str:
    return raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
