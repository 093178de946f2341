"""Steps of the schedule that were given up: their tries were used up, and no later run was done."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vigie.clock import iso
from vigie.lifecycle.steps import pieces_of
from vigie.lifecycle.steps_runs import given_up, recent_runs
from vigie.settings_keys import STEPS
from vigie.watch.anomaly_codes import CODES
from vigie.watch.signal import Signal

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project
    from vigie.lifecycle.steps import Piece

CODE = "VGW421"
_CRITICAL = ("ingest", "score")
"""Steps without which customers are acted on by what is no longer so."""


def step_signals(project: Project, ledger: Ledger, score: str, now: int) -> list[Signal]:
    """A signal for each step that a scheduler of this project ever ran; it rings where the step was given up.

    Args:
        project: Says what is scheduled. A step that is no longer does not ring.
        ledger: Has the runs.
        score: Name of the score: its own runs, and those for all scores, are looked at.
        now: Moment to look at, µs UTC: runs that began later are not seen.

    Raises:
        JournalError: The ledger cannot be read.
    """
    return list(_signals(project, ledger, score, now))


def _signals(project: Project, ledger: Ledger, score: str, now: int) -> Iterator[Signal]:
    for step in STEPS:
        for piece in pieces_of(project, step):
            if piece.score in ("", score):
                yield from _of(ledger, piece, step in project.settings.schedule, now)


def _of(ledger: Ledger, piece: Piece, scheduled: bool, now: int) -> Iterator[Signal]:
    runs = [run for run in recent_runs(ledger, piece, now) if run.began <= now]
    if not runs:
        return
    failed, kind = given_up(runs) if scheduled else [], CODES[CODE]
    words = f"{piece.name}: no run is given up"
    if failed:
        last = failed[-1]
        times = "" if len(failed) == 1 else f", as {len(failed) - 1} before it"
        words = (
            f"{piece.name}: the run of {iso(last.slot)[:16]} was given up after {last.tries} tries{times}: {last.said}"
        )
    yield Signal(
        score=piece.score, model="", area=kind.area, code=CODE, subject=piece.name, size=float(len(failed)), limit=1.0,
        evidence=math.nan, rings=bool(failed), since=failed[0].began if failed else runs[-1].began, until=now, words=words,
        details={"severity": kind.severity if piece.step in _CRITICAL else "warning", "step": piece.step},
    )  # fmt: skip
