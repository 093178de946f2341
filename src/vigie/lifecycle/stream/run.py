"""Plan the consuming of a broker, then run it until the process is asked to end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vigie.data.location import masked
from vigie.errors import DefinitionError, SettingsError, SourceError, did_you_mean
from vigie.lifecycle.receiving import Receiving, histories_of
from vigie.lifecycle.stream.broker import Broker, StreamSettings
from vigie.lifecycle.stream.metrics import StreamMetrics, expose
from vigie.lifecycle.stream.worker import Counts, Worker
from vigie.settings import secret

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project

GROUP, BATCH, REDELIVER_AFTER = "vigie", 500, 30.0
SYNC_SECONDS = 60.0
_LOOK_SECONDS = 2.0

log = logging.getLogger(__name__)


def plan_stream(
    project: Project, sources: Sequence[str] = (), *, redeliver_after: float = REDELIVER_AFTER
) -> StreamSettings:
    """What will be consumed.

    Args:
        project: Whose ``[stream]``.
        sources: Names; none: those with a topic, or all.
        redeliver_after: Seconds after which messages that were taken and not acknowledged go to another process.

    Raises:
        SettingsError: ``[stream]`` is wrong.
        DefinitionError: A name is not a source of the project.
    """
    said, where = project.settings.stream, "[stream]"
    url = said.get("url")
    if not isinstance(url, str):
        raise SettingsError("nothing says where the broker is", where=where, remedy='url = "redis://localhost:6379"')
    topics = said.get("topics", {})
    if not isinstance(topics, dict) or not all(isinstance(topic, str) and topic for topic in topics.values()):
        raise SettingsError("topics is no table of texts", where=where, remedy='topics = { orders = "shop.orders" }')
    group, batch = said.get("group", GROUP), said.get("batch", BATCH)
    if not isinstance(group, str) or not group:
        raise SettingsError("group must be a text", where=where)
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise SettingsError(f"batch is {batch!r}", where=where, remedy="write a whole number above 0")
    if redeliver_after <= 0:
        raise SettingsError(f"{redeliver_after} is no length of time", where="--redeliver-after")
    for name in (*topics, *sources):
        if name not in project.sources:
            raise DefinitionError(f"no score reads a source '{name}'", remedy=did_you_mean(name, project.sources))
    chosen = list(sources) or list(topics) or list(project.sources)
    resolved = secret(url, project.settings.root, f"{where} url")
    _broker_class(resolved)
    return StreamSettings(resolved, {n: topics.get(n, n) for n in chosen}, group, batch, redeliver_after)


def run_stream(
    project: Project,
    settings: StreamSettings,
    *,
    metrics_port: int | None = None,
    on_start: Callable[[], None] | None = None,
) -> None:
    """Consume until SIGTERM or SIGINT; then finish the batches in hand, take what is in the spool to the lake, and end.

    Args:
        project: Whose lake and online store.
        settings: What is consumed.
        metrics_port: Answer ``/metrics`` there.
        on_start: Called when messages are being consumed.

    Raises:
        SourceError: The broker cannot be reached, or consuming cannot go on.
        StoreError: The online store cannot be reached at the start.
        MissingExtraError: FastStream or the broker's client is not installed.
    """
    if str(project.settings.online.get("url", "")).startswith("memory:"):
        raise SettingsError(
            "what is put online in memory ends with this process",
            where="[online] url",
            remedy="use SQLite, Redis or PostgreSQL, which a server reads too",
        )
    receiving = Receiving(project, histories_of(project), sync_seconds=SYNC_SECONDS)
    asyncio.run(_consume(receiving, settings, metrics_port, on_start))


async def _consume(
    receiving: Receiving, settings: StreamSettings, metrics_port: int | None, on_start: Callable[[], None] | None
) -> None:
    sources = list(settings.topics)
    worker = Worker(receiving, settings.group, counts={source: Counts() for source in sources})
    broker = _broker_class(settings.url)(settings, worker)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stopping.set)
    if metrics_port is not None:
        expose(StreamMetrics(worker, sources), metrics_port)
    await asyncio.to_thread(receiving.start)
    try:
        await broker.start()
        if on_start is not None:
            on_start()
        while not worker.stopping.is_set() and not broker.failed.is_set():
            try:
                await asyncio.wait_for(worker.stopping.wait(), _LOOK_SECONDS)
            except TimeoutError:
                for source, count in (await broker.waiting()).items():
                    worker.counts[source].waiting = count
    finally:
        worker.stopping.set()
        await broker.stop()
        await asyncio.to_thread(receiving.stop)
    if broker.failed.is_set():
        error = SourceError("consuming ended", where="vigie stream", remedy="the log says why; start it again")
        error.retryable = True
        raise error


def _broker_class(url: str) -> type[Broker]:
    match url.partition("://")[0]:
        case "kafka":
            from vigie.lifecycle.stream.kafka import Kafka

            return Kafka
        case "redis" | "rediss":
            from vigie.lifecycle.stream.redis_streams import RedisStreams

            return RedisStreams
        case "nats" | "tls":
            from vigie.lifecycle.stream.nats_jetstream import NatsJetStream

            return NatsJetStream
    raise SettingsError(
        f"no broker is known for {masked(url)!r}", where="[stream] url", remedy="use kafka://, redis:// or nats://"
    )
