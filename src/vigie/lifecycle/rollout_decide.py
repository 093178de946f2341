"""What whoever holds the lease does: look at the evidence, and write what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.lifecycle.rollout import evidence_of, standing_of

if TYPE_CHECKING:
    from vigie.clock import Clock
    from vigie.journal.ledger import Ledger, LedgerLine
    from vigie.lifecycle.ingest_watch import Pause
    from vigie.release import Standing, Verdict

EVERY_SECONDS = 0.4
"""How often the evidence is looked at."""
LEASE_SECONDS = 3.0
"""How long nobody decides after whoever did has died."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One look.

    Attributes:
        verdicts: What the evidence shows.
        line: What was written; ``None`` where everything goes on, or another was faster.
    """

    verdicts: tuple[Verdict, ...]
    line: LedgerLine | None


def decide(ledger: Ledger, score: str, now: int, standing: Standing | None = None) -> Decided | None:
    """Look once; ``None`` where no rollout is under way.

    Args:
        ledger: Where evidence and lines are.
        score: Name of the score.
        now: µs UTC.
        standing: What the ledger said last; ``None``: it is read.

    Raises:
        JournalError: The ledger cannot be read or written.
    """
    from vigie.release import judge, next_move

    standing = standing or standing_of(ledger, score)
    rollout = standing.rollout
    if rollout is None or not rollout.running:
        return None
    evidence = evidence_of(ledger, rollout)
    verdicts = judge(evidence, rollout.plan.rails)
    move = next_move(rollout, verdicts, evidence, now)
    line = ledger.append(score, standing.number, now, move.kind, move.body) if move is not None else None
    return Decided(verdicts, line)


def run(
    ledger: Ledger,
    score: str,
    clock: Clock,
    holder: str,
    pause: Pause,
    told: Callable[[LedgerLine], None],
) -> None:
    """Decide about a rollout until it has ended, or *pause* says to stop.

    Args:
        ledger: Where evidence and lines are.
        score: Name of the score.
        clock: Tells when a step has lasted.
        holder: Name of this process, for the lease.
        pause: Waits between looks.
        told: Told each line, whoever wrote it.

    Raises:
        JournalError: The ledger cannot be read or written.
    """
    from vigie.release import folded

    standing = standing_of(ledger, score)
    while standing.rollout is not None and standing.rollout.running and not pause.wait(EVERY_SECONDS):
        now = clock.now()
        if ledger.lease(f"rollout {score}", holder, now, now + int(LEASE_SECONDS * 1e6)):
            decide(ledger, score, now, standing)
        lines = ledger.lines(score, after=standing.number)
        for line in lines:
            told(line)
        standing = folded(lines, standing)
