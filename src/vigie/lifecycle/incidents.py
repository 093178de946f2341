"""Incidents of a project: brought up to date by whoever watches, and taken on, put off or ended by people.

They are lines of the ledger in the stream ``"<score> incidents"``, each written behind the line its writer has seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from vigie.definition.window import Window
from vigie.errors import DefinitionError, JournalError, SettingsError, VigieError
from vigie.watch.incident import Incident, Move, Policy, Standing, folded, next_moves
from vigie.watch.signal import Area, Signal
from vigie.watch.suspects import BLIND, Deployment

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger, LedgerLine
    from vigie.lifecycle.project import Project

TRIES = 20
"""How often a write is tried where others write too."""
BESIDE = 3_600_000_000
"""µs by which a line may be later than a look that goes on beside its writer; who looks from before that looks at the past."""
_RELEASES = {
    "started": "a rollout of version {challenger} began",
    "advanced": "version {challenger} got more customers",
    "promoted": "version {challenger} was promoted",
    "rolled back": "version {challenger} was rolled back",
    "reverted": "version {champion} was put back",
}


def stream_of(score: str) -> str:
    """The ledger's stream of the incidents of a score."""
    return f"{score} incidents"


def policy_of(project: Project) -> Policy:
    """When an incident is over and how bad it is: ``[watch]`` of ``vigie.toml``.

    Raises:
        SettingsError: A value cannot be meant.
    """
    said = project.settings.watch
    usual = Policy()
    policy = Policy(
        quiet=_length(said["quiet"], "quiet") if "quiet" in said else usual.quiet,
        reopen=_length(said["reopen"], "reopen") if "reopen" in said else usual.reopen,
        warning_loss=_amount(said.get("warning_loss", usual.warning_loss), "warning_loss"),
        critical_loss=_amount(said.get("critical_loss", usual.critical_loss), "critical_loss"),
    )
    if policy.critical_loss < policy.warning_loss:
        raise SettingsError(
            f"critical_loss = {policy.critical_loss:g} is below warning_loss = {policy.warning_loss:g}",
            where="[watch]",
            remedy="give the greater of the two to critical_loss",
        )
    return policy


def standing_of(ledger: Ledger, score: str) -> Standing:
    """Every incident of a score.

    Raises:
        JournalError: The ledger cannot be read.
    """
    return folded(ledger.lines(stream_of(score)))


def follow(project: Project, ledger: Ledger, score: str, signals: Sequence[Signal], now: int) -> list[LedgerLine]:
    """Bring the incidents of *score* up to date with what watchers say.

    Args:
        project: Says what features are computed from, and when an incident is over.
        ledger: Where incidents are kept.
        score: Name of the score.
        signals: Everything that was looked at.
        now: µs UTC.

    Returns:
        The lines that were written; none where the ledger already tells of a later moment, as for who looks at the past.

    Raises:
        SettingsError: ``[watch]`` cannot be meant.
        JournalError: The ledger cannot be read or written.
    """
    from vigie.lifecycle.watching import WATCHERS

    reads = reads_of(project, score)
    released = deployments_of(ledger, score)
    importance = {
        signal.subject: float(signal.details["importance"])
        for signal in signals
        if signal.area is Area.DRIFT and _known(signal.details.get("importance"))
    }
    policy = policy_of(project)
    looked = {one.subject for one in signals if one.code == BLIND and not one.rings}
    blind = not looked.issuperset(name for name, *_ in WATCHERS)

    def moves(standing: Standing) -> Iterable[Move]:
        if any(one.changed > now + BESIDE for one in standing.incidents.values()):
            return []
        return next_moves(
            score, standing, signals, now, policy,
            reads=reads, deployments=released, importance=importance, blind=blind,
        )  # fmt: skip

    return _write(ledger, score, now, moves)


def act(ledger: Ledger, score: str, now: int, move: Callable[[Standing], Move]) -> Incident:
    """Do what a person wants of an incident.

    Args:
        ledger: Where incidents are kept.
        score: Whose.
        now: µs UTC.
        move: From what the ledger says to what should be written, such as :func:`~vigie.watch.incident_actions.acknowledge`.

    Returns:
        The incident afterwards.

    Raises:
        VigieError: There is no such incident, or it is over.
        JournalError: The ledger cannot be read or written.
    """
    (line,) = _write(ledger, score, now, lambda standing: [move(standing)])
    return standing_of(ledger, score).incidents[str(line.body["incident"])]


def find(project: Project, ledger: Ledger, name: str) -> tuple[str, Incident]:
    """The incident that is called *name*, and the name of its score.

    Raises:
        VigieError: There is none.
    """
    from vigie.errors import did_you_mean

    known: list[str] = []
    for score in project.scores:
        incidents = standing_of(ledger, score).incidents
        if name in incidents:
            return score, incidents[name]
        known += incidents
    raise VigieError(f"no incident is called {name!r}", remedy=did_you_mean(name, known))


def reads_of(project: Project, score: str) -> dict[str, frozenset[str]]:
    """The sources of each feature of a score, by the feature's name."""
    declared = project.score(score)
    try:
        declared = declared.bound(project.schema(declared))
        features = declared.bound_features
    except VigieError:  # not ingested yet: then nothing drifts either
        return {}
    from vigie.definition.source import sources_of

    return {one.name: frozenset(sources_of([one])) for one in features}


def deployments_of(ledger: Ledger, score: str) -> list[Deployment]:
    """What was released of a score, oldest first."""
    found: list[Deployment] = []
    versions = {"challenger": "?", "champion": "?"}
    for line in ledger.lines(score):
        versions |= {name: str(line.body[name]) for name in versions if name in line.body}
        if line.kind in _RELEASES:
            found.append(Deployment(line.at, _RELEASES[line.kind].format(**versions)))
    return found


def _write(ledger: Ledger, score: str, now: int, moves: Callable[[Standing], Iterable[Move]]) -> list[LedgerLine]:
    """What should be written, worked out again each time that somebody else was first."""
    stream = stream_of(score)
    for _ in range(TRIES):
        standing = standing_of(ledger, score)
        number, written = standing.number, []
        for move in moves(standing):
            line = ledger.append(stream, number, now, move.kind, move.body)
            if line is None:
                break
            written.append(line)
            number = line.number
        else:
            return written
    raise JournalError(
        f"others write incidents of {score} all the time", where=ledger.where, remedy="try again in a moment"
    )


def _known(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _length(said: object, name: str) -> int:
    try:
        return Window.parse(str(said)).microseconds
    except DefinitionError as error:
        raise SettingsError(f"{name} is {said!r}", where="[watch]", remedy="write 36h, 7d or 90m") from error


def _amount(said: object, name: str) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not said >= 0:
        raise SettingsError(
            f"{name} is {said!r}", where="[watch]", remedy="give an amount of currency a day, such as 100"
        )
    return float(said)
