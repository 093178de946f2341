"""What became of a rollout, looked at by who renews: where no server follows it, nobody else would ever decide."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vigie.errors import VigieError
from vigie.lifecycle.renewal import ENDED, Renewal, Renewals, renewals_of, write
from vigie.watch.policy import spoken

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project
    from vigie.release import Rollout

log = logging.getLogger(__name__)

AT_ONCE = {
    "champion": ("promoted", "it passed the gate"),
    "wait": ("waiting", "it passed the gate, and a person releases it"),
}
"""What becomes of a version that no rollout decides about, and why."""


def followed(project: Project, ledger: Ledger, score: str, *, deciding: bool = True) -> Renewals:
    """What the ledger says, after the end of its rollout was written behind a renewal that waited for it.

    Args:
        project: Its clock says when; its registry follows.
        ledger: Of the project.
        score: Name of the score.
        deciding: Whether to decide about a rollout that is under way, too, as a server does.

    Raises:
        JournalError: The ledger cannot be used, or somebody else wrote first.
        RegistryError: The registry cannot be written.
    """
    from vigie.lifecycle.rollout import apply_alias, standing_of

    if deciding:
        _look(project, ledger, score)
    renewals = renewals_of(ledger, score)
    now = renewals.open
    if now is None or now.stage != "released":
        return renewals
    if now.how in AT_ONCE:  # killed before its end was written
        end(project, ledger, score, renewals, now, *AT_ONCE[now.how])
        return renewals_of(ledger, score)
    rollout = standing_of(ledger, score).rollout
    if rollout is not None and rollout.id == now.rollout and rollout.running:
        return renewals
    if rollout is not None and rollout.winner is not None and not rollout.applied:
        apply_alias(project, ledger, score)
    if rollout is None or rollout.id != now.rollout:
        outcome, reason = _ended_before(ledger, score, now)
    else:
        outcome, reason = rollout.status, rollout.reason
    end(project, ledger, score, renewals, now, "rolled back" if outcome == "reverted" else outcome, reason)
    return renewals_of(ledger, score)


def _look(project: Project, ledger: Ledger, score: str) -> None:
    """Do once what servers do several times a second: of two who decide, one writes.

    A rollout of a score that is scored in batches has no server, and neither has one whose servers are stopped.
    """
    from vigie.lifecycle.rollout import apply_alias, standing_of
    from vigie.lifecycle.rollout_decide import decide
    from vigie.lifecycle.rollout_outcomes import count_outcomes

    rollout = standing_of(ledger, score).rollout
    if rollout is None or not rollout.running:
        return
    if "value" in rollout.plan.rails.judged:
        # Servers do not know outcomes. Where these cannot be looked up now, the rollout is decided by what was known before.
        try:
            count_outcomes(project, ledger, score)
        except VigieError as error:
            log.warning("what the decisions of the rollout of %s brought cannot be looked up: %s", score, error)
    found = decide(ledger, score, project.clock.now())
    if found is not None and found.line is not None and found.line.kind == "promoted":
        apply_alias(project, ledger, score)


def _ended_before(ledger: Ledger, score: str, now: Renewal) -> tuple[str, str]:
    """How the rollout of a renewal ended that was followed by others since."""
    from vigie.release import folded

    last = ("inconclusive", "its rollout is not on record")
    lines = ledger.lines(score)
    for i in range(len(lines)):
        rollout = folded(lines[: i + 1]).rollout
        if rollout is not None and rollout.id == now.rollout and not rollout.running:
            last = (rollout.status, rollout.reason)
    return last


def end(
    project: Project, ledger: Ledger, score: str, renewals: Renewals, now: Renewal, outcome: str, reason: str
) -> None:
    """Write what became of a renewal.

    Raises:
        JournalError: Somebody else wrote first, or the ledger cannot be written.
    """
    body = {"key": now.key, "outcome": outcome, "reason": reason}
    write(ledger, score, renewals.number, project.clock.now(), ENDED, body)


def awaited(rollout: Rollout, now: int) -> str:
    """What one waits for while a rollout runs: its step, how long that has lasted, and how long it may."""
    step, most = rollout.now, int(rollout.now.max_seconds * 1e6)
    share = f", {step.share:.0%} of the customers" if step.share else ""
    return (
        f"the rollout of version {rollout.challenger} to end: step {rollout.step + 1} of {len(rollout.plan.steps)} "
        f"({step.kind}{share}) has lasted {spoken(max(now - rollout.since, 0))}, at most {spoken(most)}"
    )
