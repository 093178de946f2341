"""What is done with messages, whatever broker they come from: all of a batch, or it is not acknowledged.

Rows are enforced, spooled, put online; what no row can be made of becomes a dead letter. Only then does the caller
acknowledge. Whatever happens in between, the broker hands the messages over again, and doing it again changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vigie.data.dead_letters import DeadLetter
from vigie.errors import DataError, JournalError, StoreError
from vigie.lifecycle.stream.message import Message, UndecodableError, rows_in

if TYPE_CHECKING:
    from vigie.lifecycle.events import Prepared
    from vigie.lifecycle.receiving import Receiving

ATTEMPTS = 3
"""Times that a message may make processing fail before it becomes a dead letter."""
ALONE, LAST = 5, 15
"""Deliveries after which a message is taken alone, and after which it is a dead letter untried: it seems to kill whoever
takes it, and must not take others with it."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds between attempts while the store or the disk does not answer; each pause is twice the one before."""

log = logging.getLogger(__name__)


class StopAskedError(Exception):
    """The process is asked to end while a batch waits: it stays unacknowledged."""


@dataclass
class Counts:
    """What one source's messages came to in this process.

    Attributes:
        accepted: Rows that keep their contract.
        quarantined: Rows that do not.
        dead: Messages that nothing can be made of.
        ahead: Rows more than a minute ahead of the clock.
        late: Rows too old to be held online.
        retries: Attempts that failed because the store or the disk did not answer.
        pausing: Whether it waits for the store or the disk now.
        waiting: Messages that the broker has for the group and that are not acknowledged, as last heard.
    """

    accepted: int = 0
    quarantined: int = 0
    dead: int = 0
    ahead: int = 0
    late: int = 0
    retries: int = 0
    pausing: bool = False
    waiting: int = 0


@dataclass
class Worker:
    """Takes in the messages of all sources.

    Attributes:
        receiving: Where rows go.
        group: The consumer group; stands in the lake as part of ``_origin``.
        stopping: Set when the process is to end.
        counts: By source.
    """

    receiving: Receiving
    group: str
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    counts: dict[str, Counts] = field(default_factory=dict)
    first_pause: float = FIRST_PAUSE

    async def take(self, source: str, messages: Sequence[Message]) -> None:
        """Take in *messages*; when it returns they may be acknowledged.

        Waits while the online store or the disk does not answer, with pauses that grow.

        Raises:
            StopAskedError: The process is to end; none of them may be acknowledged.
        """
        counts = self.counts.setdefault(source, Counts())
        letters: list[DeadLetter] = []
        rows: list[dict[str, Any]] = []
        whole: list[Message] = []
        for message in messages:
            if message.deliveries > LAST:
                said = f"handed over {message.deliveries} times, and nobody lived to acknowledge it"
                letters.append(_letter(message, said, message.deliveries))
                continue
            try:
                found = rows_in(message.payload)
                if message.deliveries > ALONE:
                    letters += await self._one_by_one(source, [message], counts)
                    continue
                rows += found
                whole.append(message)
            except UndecodableError as error:
                letters.append(_letter(message, str(error), message.deliveries))
        try:
            await self._take_rows(source, rows, counts)
        except StopAskedError:
            raise
        except Exception as error:  # noqa: BLE001 - a message that breaks us must not stop the others
            log.warning("%s: a batch of %d messages failed (%s); trying each alone", source, len(whole), error)
            letters += await self._one_by_one(source, whole, counts)
        if letters:
            counts.dead += len(letters)
            for letter in letters:
                log.warning(
                    "%s: message %s of %s is a dead letter: %s", source, letter.place, letter.topic, letter.reason
                )
            await self._until_done(source, counts, self.receiving.intake.dead_letters.add, letters)

    async def _one_by_one(self, source: str, messages: Sequence[Message], counts: Counts) -> list[DeadLetter]:
        letters = []
        for message in messages:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    await self._take_rows(source, rows_in(message.payload), counts)
                    break
                except StopAskedError:
                    raise
                except Exception as error:  # noqa: BLE001 - the reason goes into the dead letter
                    if attempt == ATTEMPTS:
                        letters.append(_letter(message, f"{type(error).__name__}: {error}", attempt))
        return letters

    async def _take_rows(self, source: str, rows: Sequence[dict[str, Any]], counts: Counts) -> None:
        if not rows:
            return
        intake = self.receiving.intake
        # The steps are repeated one by one: what is spooled once is not spooled again because the store is down.
        prepared: Prepared = await self._until_done(source, counts, intake.prepare, source, rows)
        await self._until_done(source, counts, intake.keep, prepared, f"stream {self.group}")
        self.receiving.flusher.received(len(rows))
        await self._until_done(source, counts, intake.show, prepared)
        receipt = prepared.receipt
        counts.accepted += receipt.accepted
        counts.quarantined += len(receipt.quarantined)
        counts.ahead += receipt.ahead
        counts.late += receipt.late

    async def _until_done(self, source: str, counts: Counts, step: Any, *arguments: Any) -> Any:
        pause = self.first_pause
        while True:
            try:
                done = await asyncio.to_thread(step, *arguments)
            except (StoreError, JournalError, DataError) as error:
                # A contract file that is being edited is a matter of waiting, too: no message is at fault.
                counts.retries += 1
                counts.pausing = True
                log.warning("%s: %s; waiting %.1f s, nothing is acknowledged meanwhile", source, error, pause)
            else:
                if counts.pausing:
                    log.warning("%s: going on", source)
                    counts.pausing = False
                return done
            try:
                await asyncio.wait_for(self.stopping.wait(), pause)
            except TimeoutError:
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                raise StopAskedError


def _letter(message: Message, reason: str, attempts: int) -> DeadLetter:
    text = message.payload.decode("utf-8", "backslashreplace")
    return DeadLetter(message.topic, message.place, reason[:1000], attempts, text)
