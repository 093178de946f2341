"""Beside a server: ends segments of the journal in time, and has those that are closed shipped to the lake.

The shipping itself is another process, ``vigie journal ship``, that yields to others (``nice``): it decodes many lines at
once, which would make requests wait, and needs libraries that a server does not.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.clock import Clock, FixedClock
from vigie.data.file_lock import locked
from vigie.journal import PredictionJournal, segments
from vigie.lifecycle.ship import SHIP_SECONDS

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project

_PATIENCE = 300.0
_LAST = 15.0
"""Seconds that a server which ends waits for the last shipment: platforms kill after 30."""
_NICE = 10

log = logging.getLogger(__name__)


class JournalShipping:
    """Rotates and ships until it is stopped; see :class:`vigie.serving.shipping.Shipping`.

    Args:
        journal: Of this process.
        clock: Says how old its segment is.
        command: What ships; ``None`` where there is no lake: segments are ended in time, and go on waiting.
        seconds: Longest time that a prediction waits, about.
    """

    def __init__(
        self, journal: PredictionJournal, clock: Clock, command: Sequence[str] | None, seconds: float = SHIP_SECONDS
    ) -> None:
        self.on_failure: Callable[[], None] = lambda: None
        self._journal, self._clock, self._command, self._seconds = journal, clock, command, seconds
        self._ended = threading.Event()
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="vigie-shipping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ship a last time, the journal being closed; returns when that is done, after 15 seconds at the latest."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_LAST)
        self._ship(_LAST, wait=True)

    def _run(self) -> None:
        # Twice in the time, so that a line that came just after a look does not wait for two.
        while not self._ended.wait(self._seconds / 2):
            try:
                self._journal.rotate(self._clock.now(), round(self._seconds / 2 * 1e6))
                self._ship(_PATIENCE, wait=False)
            except Exception:
                # A thread that has ended would let the journal grow without a word.
                self.on_failure()
                log.exception("predictions could not be shipped")

    def _ship(self, patience: float, *, wait: bool) -> None:
        folder = self._journal.directory
        if self._command is None or not folder.is_dir():
            return
        # One process of this server ships for all of them.
        with locked(folder / ".workers", wait=wait, create=True) as held:
            if held is None or not segments.closed(folder):
                return
            problem = self._run_command(patience)
        if problem:
            self.on_failure()
        if problem and problem != self._said:
            log.error("recorded predictions wait for the lake: %s", problem)
        self._said = problem

    def _run_command(self, patience: float) -> str:
        """Why nothing was shipped; empty where all went well."""
        assert self._command is not None
        process = subprocess.Popen(  # noqa: S603 - our own program
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
            _, errors = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()  # it can be killed anywhere
            process.communicate()
            return f"it took longer than {patience:.0f} seconds"
        return errors.decode("utf-8", "replace").strip() or "no reason was given" if process.returncode else ""


def shipping_for(project: Project, journal: PredictionJournal, seconds: float) -> JournalShipping:
    """The shipping of a server of *project* that records in *journal*."""
    command = [
        sys.executable, "-m", "vigie.cli", "journal", "ship",
        "--project", str(project.settings.root), "--journal", str(Path(journal.directory).resolve()),
        *(["--env", project.settings.environment] if project.settings.environment else []),
    ]  # fmt: skip
    return JournalShipping(journal, project.clock, command, seconds)


def may_ship(clock: Clock) -> bool:
    """Whether time passes: at a moment of the past nothing grows old."""
    return not isinstance(clock, FixedClock)
