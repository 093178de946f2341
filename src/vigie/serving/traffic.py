"""What this worker answered, hour by hour, in the ledger's facts: what the watch looks at for errors, latency and traffic.

Counters that only ``/metrics`` shows are gone with the process, and errors are in no record of predictions. A worker writes
its sums of the hour once a minute over those that it wrote before: one small row, whatever the traffic.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from vigie.clock import DAY, Clock, iso
from vigie.errors import VigieError
from vigie.journal.ledger import Ledger
from vigie.serving.metrics import STATUSES

TOPIC = "api hours"
"""Of the facts. Keys are the hour and the worker, ``"2026-11-21T14 3f…"``."""
STATUS_KEY = "statuses"
"""Name in a fact: which statuses its counts by status are of, in their order."""
BEFORE_500 = (200, 400, 401, 403, 404, 405, 413, 415, 422, 429, 503)
"""Those of facts that do not say so."""
HOUR = DAY // 24
KEEP = 70 * DAY
EVERY_SECONDS = 60.0

log = logging.getLogger(__name__)


class Counted(Protocol):
    """What counts requests: :class:`~vigie.serving.metrics.Metrics`."""

    def own(self) -> dict[str, list[float]]:
        """What this process has counted since it began, by name; each a list of sums."""
        ...


class Traffic:
    """Writes what was counted once a minute, in a thread, until it is stopped.

    Args:
        open_ledger: Opens the project's ledger; tried again where it cannot be reached.
        clock: Says which hour it is.
        every: Seconds between two writes.
    """

    def __init__(self, open_ledger: Callable[[], Ledger], clock: Clock, every: float = EVERY_SECONDS) -> None:
        self._open, self._clock, self._every = open_ledger, clock, every
        self._worker = uuid.uuid4().hex[:12]
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._ledger: Ledger | None = None
        self._counted: Counted | None = None
        self._before: dict[str, list[float]] = {}
        self._hour = 0
        self._sums: dict[str, list[float]] = {}
        self._unwritten = False

    def start(self, counted: Counted) -> None:
        """Begin; what was counted before is not of this hour."""
        self._counted, self._before = counted, counted.own()
        self._hour = self._clock.now() // HOUR
        self._thread = threading.Thread(target=self._run, name="vigie-traffic", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write a last time and end."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._round()
        if self._ledger is not None:
            self._ledger.close()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self._round()
            except Exception:
                log.exception("what was counted could not be written; it is tried again")

    def _round(self) -> None:
        """What was counted since belongs to the hour that it is now: a minute of error at its edge."""
        assert self._counted is not None
        now, seen = self._clock.now(), self._counted.own()
        hour = now // HOUR
        if hour != self._hour:
            self._write(now)
            self._hour, self._sums = hour, {}
        for name, values in seen.items():
            before = self._before.get(name) or [0.0] * len(values)
            gained = [value - was for value, was in zip(values, before, strict=True)]
            if any(gained):
                self._sums[name] = _added(self._sums.get(name), gained)
                self._unwritten = True
        self._before = seen
        self._write(now)

    def _write(self, now: int) -> None:
        if not self._unwritten:
            return
        try:
            if self._ledger is None:
                self._ledger = self._open()
                self._ledger.drop_facts(TOPIC, hour_key(now - KEEP))
            body = {STATUS_KEY: list(STATUSES), **self._sums}
            self._ledger.put_facts(TOPIC, now, {f"{hour_key(self._hour * HOUR)} {self._worker}": body})
            self._unwritten = False
        except VigieError as error:
            log.warning("what was counted is written later: %s", error)


def hour_key(moment: int) -> str:
    """The hour of a moment as keys have it.

    >>> hour_key(0)
    '1970-01-01T00'
    """
    return iso(moment)[:13]


def hours_of(facts: dict[str, dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """What all workers counted, by hour and name; answers by status in the order of ``STATUSES``, whatever release counted them."""
    hours: dict[str, dict[str, list[float]]] = {}
    for key, body in facts.items():
        sums = hours.setdefault(key.partition(" ")[0], {})
        statuses = body.get(STATUS_KEY, BEFORE_500)
        for name, values in body.items():
            if name == STATUS_KEY:
                continue
            if not name.endswith(" seconds"):
                values = _by_status(values, statuses)
            sums[name] = _added(sums.get(name), values)
    return hours


def _by_status(values: Sequence[float], statuses: Sequence[int]) -> list[float]:
    counts = dict(zip(statuses, values, strict=False))
    return [counts.get(status, 0.0) for status in STATUSES]


def _added(sums: Sequence[float] | None, more: Sequence[float]) -> list[float]:
    if sums is None or len(sums) != len(more):  # another release of the program counted otherwise
        return list(more)
    return [a + b for a, b in zip(sums, more, strict=True)]
