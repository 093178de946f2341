"""Who was turned away, in the journal of administration: every reason at once, and then one line in ten seconds."""

from __future__ import annotations

from vigie.clock import Clock
from vigie.errors import JournalError
from vigie.journal import identifiers
from vigie.journal.admin import AdminEvent, AdminJournal
from vigie.serving.security.metrics import SecurityMetrics

EVERY = 10_000_000
"""Microseconds between two lines of one reason: who knocks a million times fills no disk."""


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
            id=identifiers(now)[0],
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

    def close(self) -> None:
        """Records what still waits."""
        for event in self._waiting.values():
            self._write(event)
        self._waiting.clear()

    def _write(self, event: AdminEvent) -> None:
        assert self._journal is not None, "there is somewhere to write"
        self._written[event.reason] = event.at
        try:
            self._journal.append(event, wait=False)
        except JournalError:
            # The caller is refused all the same; a full disk must not turn a 401 into a 500.
            self._metrics.unrecorded()
