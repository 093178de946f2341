"""NATS JetStream: one durable pull consumer a source; what is not acknowledged in time goes to another process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from typing import Any

from vigie.errors import MissingExtraError, SourceError
from vigie.lifecycle.stream.broker import Broker, StreamSettings, undecoded, unreachable, untouched
from vigie.lifecycle.stream.message import Message
from vigie.lifecycle.stream.worker import StopAskedError, Worker

POLL_SECONDS = 0.1
"""FastStream waits so long for a batch to fill up."""
_IN_FLIGHT = 20
"""Batches that all processes of the group together may hold unacknowledged."""

log = logging.getLogger(__name__)


class NatsJetStream(Broker):
    """Consumes JetStream subjects through FastStream."""

    def __init__(self, settings: StreamSettings, worker: Worker) -> None:
        super().__init__(settings, worker)
        try:
            from faststream.nats import NatsBroker
        except ImportError as error:
            raise MissingExtraError("faststream[nats]", extra="stream") from error
        self._broker = NatsBroker(
            settings.url.split(","),
            apply_types=False,
            logger=log,
            log_level=logging.DEBUG,
            max_reconnect_attempts=-1,
            allow_reconnect=True,
        )
        self._streams: dict[str, str] = {}

    async def start(self) -> None:
        """Connect, find the streams of the subjects, and begin to consume; a new consumer from the beginning."""
        from faststream import AckPolicy
        from faststream.nats import JStream, PullSub
        from nats.errors import Error
        from nats.js.api import ConsumerConfig
        from nats.js.errors import NotFoundError

        settings = self.settings
        subscribers: list[Any] = []
        try:
            client: Any = await asyncio.wait_for(self._broker.connect(), 10)
            self._jetstream = client.jetstream()
            for source, subject in settings.topics.items():
                try:
                    stream = await self._jetstream.find_stream_name_by_subject(subject)
                except NotFoundError as error:
                    raise SourceError(
                        f"no stream of JetStream has the subject '{subject}'",
                        where=f"[stream] topics.{source}",
                        remedy=f"make one: nats stream add NAME --subjects '{subject}'",
                    ) from error
                self._streams[source] = stream
                subscriber = self._broker.subscriber(
                    subject,
                    stream=JStream(stream, declare=False),
                    durable=self._durable(source),
                    config=ConsumerConfig(
                        ack_wait=settings.redeliver_after, max_ack_pending=max(1000, _IN_FLIGHT * settings.batch)
                    ),
                    pull_sub=PullSub(batch_size=settings.batch, timeout=POLL_SECONDS, batch=True),
                    ack_policy=AckPolicy.MANUAL,
                    no_reply=True,
                    parser=untouched,
                    decoder=undecoded,
                )
                subscriber(self._handler(source))
                subscribers.append(subscriber)
            await self._broker.start()
            for subscriber in subscribers:
                _mend(subscriber.subscription)
        except (Error, OSError, TimeoutError) as error:
            raise unreachable(settings.url, error) from error

    async def stop(self) -> None:
        """Finish what is being worked on, and disconnect."""
        await self._broker.stop()

    async def waiting(self) -> dict[str, int]:
        """Messages that were not handed over to the group, and those that were and are not acknowledged."""
        from nats.errors import Error

        found = {}
        for source, stream in self._streams.items():
            with contextlib.suppress(Error, OSError):
                told = await self._jetstream.consumer_info(stream, self._durable(source))
                found[source] = int(told.num_pending or 0) + int(told.num_ack_pending or 0)
        return found

    def _durable(self, source: str) -> str:
        return re.sub(r"[^A-Za-z0-9_-]", "_", f"{self.settings.group}-{source}")

    def _handler(self, source: str) -> Any:
        async def handle(batch: list[Any]) -> None:
            from nats.errors import Error

            messages = []
            for m in batch:
                told = m.metadata
                messages.append(Message(m.subject, str(told.sequence.stream), m.data, int(told.num_delivered or 1)))
            holding = asyncio.create_task(self._hold(batch))
            try:
                await self.worker.take(source, messages)
            except StopAskedError:
                return
            finally:
                holding.cancel()
            try:
                for m in batch:
                    await m.ack()
            except (Error, OSError) as error:
                log.warning("%s: messages are taken in and not acknowledged (%s); they will come again", source, error)

        return handle

    async def _hold(self, batch: list[Any]) -> None:
        """While a batch waits, tell the server that it is being worked on."""
        from nats.errors import Error

        while True:
            await asyncio.sleep(self.settings.redeliver_after / 3)
            with contextlib.suppress(Error, OSError):
                for m in batch:
                    await m.in_progress()


def _mend(subscription: Any) -> None:
    """Let a fetch that runs out of time always say so in nats-py's own words.

    nats-py 2 raises Python's ``TimeoutError`` where the time is over between its two requests. FastStream 0.7 knows only nats-py's
    and then forgets what it had fetched for the batch: those messages would stand still until they are handed over again.
    """
    from nats.errors import TimeoutError as NatsTimeoutError

    fetch = subscription.fetch

    async def mended(batch: int = 1, timeout: float | None = 5) -> Any:
        try:
            return await fetch(batch, timeout)
        except NatsTimeoutError:
            raise
        except TimeoutError as error:
            raise NatsTimeoutError from error

    subscription.fetch = mended
