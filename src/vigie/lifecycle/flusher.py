"""Takes what was received to the lake every few seconds, in a thread beside whatever receives it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from vigie.errors import VigieError

if TYPE_CHECKING:
    from vigie.lifecycle.events import Intake

_COMPACTED = 500

log = logging.getLogger(__name__)


class Flusher:
    """Flushes an intake until it is stopped.

    Args:
        intake: What was received.
        seconds: Longest time that a row waits.
        rows: Rows received in this process after which they need not wait longer.
        then: Called after each flush.
    """

    def __init__(self, intake: Intake, seconds: float, rows: int, then: Callable[[], None] = lambda: None) -> None:
        self._intake, self._seconds, self._rows, self._then = intake, seconds, rows, then
        self._wake, self._ended = threading.Event(), threading.Event()
        self._waiting = 0
        self._thread = threading.Thread(target=self._run, name="vigie-flusher", daemon=True)

    def start(self) -> None:
        """Put online what an earlier process left behind, then flush from now on."""
        try:
            recovered = self._intake.recover()
            if recovered:
                log.info("%d rows of an earlier process are online again", recovered)
        except VigieError as error:
            log.warning("what an earlier process received is not online yet: %s", error)
        self._thread.start()

    def received(self, rows: int) -> None:
        """Told how many rows came in."""
        self._waiting += rows
        if self._waiting >= self._rows:
            self._wake.set()

    def stop(self) -> None:
        """Flush a last time; returns when that is done."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._intake.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(self._seconds)
            self._wake.clear()
            if self._ended.is_set():
                return
            self._waiting = 0
            try:
                self._intake.flush_all(wait=False)
                self._then()
                self._intake.compact(_COMPACTED)
            except VigieError as error:
                log.error("%s", error)
            except Exception:
                # A thread that has ended would let the spool grow without a word.
                log.exception("what was received could not be taken to the lake")
