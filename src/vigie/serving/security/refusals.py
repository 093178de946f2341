"""What an administrator should know of callers, as lines of the journal of administration.

Who was turned away: each reason at once, and then one line in ten seconds. Who still uses a key that was replaced: a line in
ten minutes.
"""

from __future__ import annotations

from vigie.clock import Clock
from vigie.errors import JournalError
from vigie.journal import new_identifier
from vigie.journal.admin import AdminEvent, AdminJournal
from vigie.serving.security.metrics import SecurityMetrics

EVERY = 10_000_000
"""Microseconds between two lines of one reason: who knocks a million times fills no disk."""
EVERY_REPLACED = 600_000_000
"""Microseconds between two lines about one replaced key."""


class Refusals:
    """Counts refusals and records samples of them.

    Args:
        journal: Where; ``None``: they are counted and no more.
        metrics: Where they are counted.
        clock: Tells when.
    """

    def __init__(self, journal: AdminJournal | None, metrics: SecurityMetrics, clock: Clock) -> None:
        self._journal, self._metrics, self._clock = journal, metrics, clock
        self._written: dict[str, int] = {}
        self._waiting: dict[str, AdminEvent] = {}

    def add(self, reason: str, address: str, path: str, subject: str = "") -> None:
        """A caller was turned away.

        Args:
            reason: Of :data:`~vigie.serving.security.metrics.REASONS`.
            address: Where the request came from.
            path: Of the request; its query is not recorded.
            subject: Whose key it was, where that is known.
        """
        self._metrics.refused(reason)
        if self._journal is None:
            return
        now = self._clock.now()
        before = self._waiting.pop(reason, None)
        event = AdminEvent(
            id=new_identifier(now),
            at=now,
            action="caller refused",
            actor=address,
            subject=subject,
            reason=reason,
            path=path[:200],
            count=1 if before is None else before.count + 1,
        )
        if now - self._written.get(reason, now - EVERY) >= EVERY:
            self._write(event)
        else:
            self._waiting[reason] = event

    def replaced(self, name: str, address: str, path: str) -> None:
        """A caller was let in with a key that was replaced: it should get the new one before the old one ends.

        Args:
            name: Of the caller.
            address: Where the request came from.
            path: Of the request.
        """
        now = self._clock.now()
        if self._journal is None or now - self._written.get(name, now - EVERY_REPLACED) < EVERY_REPLACED:
            return
        self._written[name] = now
        self._write(
            AdminEvent(
                id=new_identifier(now),
                at=now,
                action="old key used",
                actor=address,
                subject=name.removeprefix("key:"),
                path=path[:200],
            )
        )

    def close(self) -> None:
        """Records what still waits."""
        for event in self._waiting.values():
            self._write(event)
        self._waiting.clear()

    def _write(self, event: AdminEvent) -> None:
        assert self._journal is not None, "there is somewhere to write"
        if event.reason:
            self._written[event.reason] = event.at
        try:
            self._journal.append(event, wait=False)
        except JournalError:
            # The caller is refused all the same; a full disk must not turn a 401 into a 500.
            self._metrics.unrecorded()
