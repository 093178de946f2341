"""Takes in the events of many requests together: while one batch is worked on in a thread, the next one gathers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from vigie.errors import JournalError, StoreError, VigieError
from vigie.serving.events_messages import QuarantinedEvent
from vigie.serving.events_metrics import EventMetrics
from vigie.serving.events_receiver import EventReceipt, EventReceiver
from vigie.serving.refusal import RequestError, refused

TOGETHER = 20_000
"""Events in one batch, about."""
_THREADS = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the events of one request and source.

    Attributes:
        accepted: Events that keep their contract.
        quarantined: The others.
        pending: Whether the source has no contract yet.
    """

    accepted: int
    quarantined: list[QuarantinedEvent]
    pending: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Waiting:
    rows: Sequence[Mapping[str, Any]]
    done: asyncio.Future[Taken]


class EventBatcher:
    """Groups what is posted at the same time, by source.

    Args:
        receiver: Takes batches in.
        metrics: Where events are counted.
        most: Events that may wait; more are refused until some are done.
    """

    def __init__(self, receiver: EventReceiver, metrics: EventMetrics, most: int) -> None:
        self._receiver, self._metrics, self._most = receiver, metrics, most
        self._waiting: dict[str, list[_Waiting]] = {}
        self._working: dict[str, asyncio.Task[None]] = {}
        self._count = 0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vigie-events")

    async def take(self, source: str, rows: Sequence[Mapping[str, Any]]) -> Taken:
        """Take *rows* in, with what others send meanwhile.

        Raises:
            RequestError: They could not be kept, or do not count yet; 503.
        """
        if self._count + len(rows) > max(self._most, len(rows)):
            raise refused(503, "server", f"{self._count:,} events are waiting already", "send again later", "events")
        waiting = _Waiting(rows, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(source, []).append(waiting)
        self._count += len(rows)
        if source not in self._working:
            self._working[source] = asyncio.create_task(self._work(source))
        try:
            return await waiting.done
        finally:
            self._count -= len(rows)

    async def drain(self) -> None:
        """Returns when nothing waits any more."""
        while self._working:
            await asyncio.wait(list(self._working.values()))
        self._threads.shutdown()

    async def _work(self, source: str) -> None:
        try:
            while self._waiting.get(source):
                await self._batch(source, self._gathered(source))
        finally:
            del self._working[source]

    def _gathered(self, source: str) -> list[_Waiting]:
        queue, count, taken = self._waiting[source], 0, 0
        while taken < len(queue) and (not taken or count + len(queue[taken].rows) <= TOGETHER):
            count += len(queue[taken].rows)
            taken += 1
        self._waiting[source] = queue[taken:]
        return queue[:taken]

    async def _batch(self, source: str, together: list[_Waiting]) -> None:
        rows = [row for one in together for row in one.rows]
        try:
            run = asyncio.get_running_loop().run_in_executor
            receipt = await run(self._threads, self._receiver.accept, source, rows, "http")
        except Exception as error:  # noqa: BLE001 - whatever it is, every sender is answered
            self._metrics.failed(source, len(rows))
            problem = _problem(error)
            for one in together:
                if not one.done.done():
                    one.done.set_exception(problem)
            return
        bad = len(receipt.quarantined)
        self._metrics.taken(source, len(rows) - bad, bad, receipt.ahead, receipt.late)
        begin = 0
        for one in together:
            end = begin + len(one.rows)
            if not one.done.done():  # else the caller went away: the events are kept all the same
                one.done.set_result(_part(source, receipt, begin, end))
            begin = end


def _part(source: str, receipt: EventReceipt, begin: int, end: int) -> Taken:
    bad = [
        QuarantinedEvent(source, row.index - begin, row.rule, row.column, row.reason)
        for row in receipt.quarantined
        if begin <= row.index < end
    ]
    return Taken(end - begin - len(bad), bad, receipt.pending)


def _problem(error: Exception) -> RequestError:
    match error:
        case StoreError():
            reason = f"the events are kept, and do not count yet: {error.what}"
            return refused(503, "server", reason, "send them again: nothing is counted twice", "events")
        case JournalError():
            return refused(503, "server", error.what, error.remedy, "events")
        case VigieError():
            reason = f"{error.where}: {error.what}" if error.where else error.what
            return refused(503, "server", reason, error.remedy, "events")
        case _:
            log.error("events could not be taken in", exc_info=error)
            return refused(503, "server", "the events could not be taken in", "the server's log says why", "events")
