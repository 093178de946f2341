"""Incidents as a state machine without state: what their lines in the ledger say, and what should be written next.

Nothing here waits, writes or asks the time. Whoever watches calls :func:`next_moves` and puts the moves into the ledger
behind the line that was seen; where another watcher was first, it reads what that one wrote and asks again. So two who see
the same open one incident.

A line is written when something happens: an incident opens, changes (other signals, another cause or severity), falls
quiet, rings again, is acknowledged, snoozed, resolved or opened again. Between those a watch writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vigie.clock import DAY
from vigie.journal.ledger import LedgerLine
from vigie.watch.signal import Area, Signal
from vigie.watch.suspects import BLIND, SLACK, Deployment, Group, Suspect, grouped, suspects

OPENED, CHANGED, QUIET, RINGING, ACKNOWLEDGED, SNOOZED, RESOLVED, REOPENED = (
    "opened",
    "changed",
    "quiet",
    "ringing",
    "acknowledged",
    "snoozed",
    "resolved",
    "reopened",
)
"""Kinds of lines."""

Severity = Literal["info", "warning", "critical"]
Status = Literal["open", "acknowledged", "snoozed", "resolved"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least to the worst."""

Key = tuple[str, str, str]
_OPERATION = frozenset({Area.STEPS, Area.DATA, Area.FEATURES, Area.API, Area.INFERENCE})


@dataclass(frozen=True, slots=True)
class Policy:
    """When an incident is over, and how bad it is.

    Attributes:
        quiet: How long nothing of it rings before it is resolved, µs.
        reopen: How long after its end it goes on where the same rings again, µs.
        forgotten: How long a signal that nobody gives any more counts as ringing, µs.
        warning_loss: Currency lost a day from which it is a warning.
        critical_loss: Likewise critical.
    """

    quiet: int = 36 * DAY // 24
    reopen: int = 7 * DAY
    forgotten: int = 14 * DAY
    warning_loss: float = 100.0
    critical_loss: float = 1_000.0


@dataclass(frozen=True, slots=True)
class Told:
    """A signal as the ledger has it.

    Attributes:
        score: Of the score; empty for what concerns all of them.
        code: See :class:`~vigie.watch.Signal`, likewise the others.
        subject: What it is about.
        area: Likewise.
        size: Likewise.
        limit: Likewise.
        since: Likewise.
        loss: Likewise.
        words: Likewise.
        model: Likewise.
        segments: The customers who are affected, where it says so.
    """

    score: str
    code: str
    subject: str
    area: str
    size: float
    limit: float
    since: int
    loss: float
    words: str
    model: str = ""
    segments: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """As of the signal."""
        return self.score, self.code, self.subject


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as the ledger has it.

    Attributes:
        id: ``"SCORE-NUMBER"``.
        score: Whose.
        cause: What the other signals follow from.
        signals: What rang when it changed last, the cause first.
        suspects: What may have caused it, the most likely first.
        severity: How bad it is.
        loss: Currency lost a day, estimated; NaN where nobody can tell.
        since: When it began, µs UTC: before it was seen.
        opened: When it was opened, µs UTC.
        changed: When its last line was written, µs UTC.
        line: Number of the line that opened it, opened it again or made it worse: what is to be told.
        acknowledged: When somebody took it on first, µs UTC; ``None``: nobody has.
        by: Who.
        snoozed: Until when nobody wants to hear of it, µs UTC; 0 for not at all.
        quiet: Since when nothing of it rings, µs UTC; ``None`` while something does.
        resolved: When it ended, µs UTC; ``None`` while it goes on.
        reason: Why it ended.
        ended_by: Who ended it; empty where it ended by itself.
        reopened: How often it was opened again.
        known: Keys of everything that ever rang in it.
    """

    id: str
    score: str
    cause: Told
    signals: tuple[Told, ...]
    suspects: tuple[Suspect, ...]
    severity: Severity
    loss: float
    since: int
    opened: int
    changed: int
    line: int
    acknowledged: int | None = None
    by: str = ""
    snoozed: int = 0
    quiet: int | None = None
    resolved: int | None = None
    reason: str = ""
    ended_by: str = ""
    reopened: int = 0
    known: frozenset[Key] = frozenset()

    def status(self, now: int) -> Status:
        """Where it stands."""
        if self.resolved is not None:
            return "resolved"
        if now < self.snoozed:
            return "snoozed"
        return "open" if self.acknowledged is None else "acknowledged"

    @property
    def ongoing(self) -> bool:
        """Whether it is not resolved."""
        return self.resolved is None

    @property
    def muted(self) -> bool:
        """Whether somebody ended it and its cause has not been silent since: that the same goes on ringing is known."""
        return self.resolved is not None and bool(self.ended_by) and self.quiet is None

    @property
    def affected(self) -> tuple[str, ...]:
        """The segments of customers that are affected; none where all are, or nobody can tell."""
        return tuple(dict.fromkeys(one for signal in self.signals for one in signal.segments))


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of the incidents of one score.

    Attributes:
        number: Of the last line; 0 for none.
        incidents: By id, in the order in which they were opened.
    """

    number: int = 0
    incidents: Mapping[str, Incident] = field(default_factory=dict)

    @property
    def ongoing(self) -> list[Incident]:
        """Those that are not resolved."""
        return [one for one in self.incidents.values() if one.ongoing]


@dataclass(frozen=True, slots=True)
class Move:
    """What should be written next.

    Attributes:
        kind: Of the line.
        body: Its figures.
    """

    kind: str
    body: Mapping[str, Any]


def folded(lines: Iterable[LedgerLine], begun: Standing | None = None) -> Standing:
    """What *lines* say, on top of what earlier ones said.

    Args:
        lines: Of the incidents of one score, in order.
        begun: What the lines before them say.
    """
    standing = begun or Standing()
    number, incidents = standing.number, dict(standing.incidents)
    for line in lines:
        number = line.number
        name = str(line.body["incident"])
        found = _after(incidents.get(name), line)
        if found is not None:
            incidents[name] = found
    return Standing(number, incidents)


def next_moves(
    score: str,
    standing: Standing,
    signals: Sequence[Signal],
    now: int,
    policy: Policy,
    *,
    reads: Mapping[str, Iterable[str]] | None = None,
    deployments: Sequence[Deployment] = (),
    importance: Mapping[str, float] | None = None,
    blind: bool = False,
) -> list[Move]:
    """What should be written of the incidents of *score*, given what watchers say now; in order.

    Args:
        score: Its name.
        standing: What the ledger says.
        signals: Everything that was looked at.
        now: µs UTC.
        policy: When an incident is over, and how bad it is.
        reads: Sources that each feature is computed from.
        deployments: What was released lately.
        importance: Of features.
        blind: Whether somebody who usually looks did not, or could not: then what is not given may ring all the same.
    """
    sources = {name: frozenset(of) for name, of in (reads or {}).items()}
    groups = grouped([one for one in signals if one.rings], sources)
    same = [_same(standing, group, now, policy) for group in groups]
    kept = _kept(groups, same)
    taken = {one.id for one in kept.values()}
    moves: list[Move] = []
    merged: set[str] = set()
    opened = len(standing.incidents)
    for n, group in enumerate(groups):
        facts = _facts(group, policy, suspects(group, deployments, importance or {}))
        if n not in kept:
            opened += 1
            moves.append(Move(OPENED, {"incident": f"{score}-{opened}", **facts}))
            continue
        moves += _of_known(kept[n], facts)
        for other in same[n]:
            if other.id not in taken and other.id not in merged:
                merged.add(other.id)
                moves.append(Move(RESOLVED, {"incident": other.id, "by": "", "reason": f"one with {kept[n].id}"}))
    given = {(one.score, one.code) for one in signals} | {(one.score, one.code, one.subject) for one in signals}
    for incident in standing.incidents.values():
        if incident.id in taken or incident.id in merged:
            continue
        if incident.ongoing:
            moves += _of_silent(incident, given, now, policy, blind)
        elif incident.muted and incident.cause.key in given:
            moves.append(Move(QUIET, {"incident": incident.id}))  # from now on it may be opened again
    return moves


# -- what lines say ------------------------------------------------------------------------------------------------


def _after(incident: Incident | None, line: LedgerLine) -> Incident | None:
    body, at = line.body, line.at
    if line.kind == OPENED:
        facts = _read(body)
        return Incident(
            id=str(body["incident"]), score=str(body["incident"]).rpartition("-")[0], opened=at, changed=at,
            line=line.number, known=frozenset(one.key for one in facts["signals"]), **facts,
        )  # fmt: skip
    if incident is None:
        return None
    match line.kind:
        case "changed" | "reopened":
            facts = _read(body)
            worse = SEVERITIES.index(facts["severity"]) > SEVERITIES.index(incident.severity)
            again = line.kind == REOPENED
            # What rings now may have begun later, as all does of a new version: the incident has not.
            facts["since"] = min(facts["since"], incident.since)
            found = replace(
                incident, **facts, changed=at, quiet=None,
                line=line.number if worse or again else incident.line,
                # Whoever took it on did so for what it was then.
                snoozed=0 if worse or again else incident.snoozed,
                known=incident.known | {one.key for one in facts["signals"]},
            )  # fmt: skip
            if again:
                found = replace(
                    found,
                    resolved=None,
                    reason="",
                    ended_by="",
                    acknowledged=None,
                    by="",
                    reopened=incident.reopened + 1,
                )
            return found
        case "quiet":
            return replace(incident, quiet=at, changed=at)
        case "ringing":
            return replace(incident, quiet=None, changed=at)
        case "acknowledged":
            first = at if incident.acknowledged is None else incident.acknowledged
            return replace(incident, acknowledged=first, by=str(body.get("by", "")), changed=at)
        case "snoozed":
            return replace(incident, snoozed=int(body["until"]), changed=at)
        case "resolved":
            return replace(
                incident, resolved=at, reason=str(body.get("reason", "")), ended_by=str(body.get("by", "")), changed=at
            )
    return incident


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    told = tuple(_told(one) for one in body["signals"])
    return {
        "cause": told[0],
        "signals": told,
        "suspects": tuple(Suspect(**one) for one in body["suspects"]),
        "severity": body["severity"],
        "loss": _number(body["loss"]),
        "since": int(body["since"]),
    }


def _told(one: Mapping[str, Any]) -> Told:
    numbers = {name: _number(one[name]) for name in ("size", "limit", "loss")}
    return Told(**{**one, **numbers, "segments": tuple(one.get("segments", ()))})


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


# -- what should be written ----------------------------------------------------------------------------------------


def _same(standing: Standing, group: Group, now: int, policy: Policy) -> list[Incident]:
    """The incidents that a group belongs to, the oldest that goes on first."""
    keys, cause = {one.key for one in group.signals}, group.cause
    found = []
    for incident in standing.incidents.values():
        shared = bool(keys & incident.known)
        # A drift that moves on from one feature to another is still that drift.
        alike = incident.cause.area == cause.area.value and cause.area not in (Area.STEPS, Area.DATA, Area.FEATURES)
        # What began after an incident did is no cause of it, though it makes some of the same ring.
        other = (
            cause.area.value != incident.cause.area
            and cause.key not in incident.known
            and cause.since > incident.since + SLACK
        )
        if incident.ongoing:
            if alike or (shared and not other):
                found.append(incident)
        elif incident.cause.key in keys and incident.resolved is not None and now - incident.resolved < policy.reopen:
            found.append(incident)
    going = [one for one in found if one.ongoing]
    return going or found[-1:]


def _kept(groups: Sequence[Group], same: Sequence[Sequence[Incident]]) -> dict[int, Incident]:
    """The incident that each group goes on as, the oldest, by the group's position; groups without one begin another.

    What has the very cause of another group is that one's: else a group would take it away, and the other one would begin
    anew at every look.
    """
    causes = [group.cause.key for group in groups]
    kept: dict[int, Incident] = {}
    taken: set[str] = set()
    for n in range(len(groups)):
        others = {*causes[:n], *causes[n + 1 :]} - {causes[n]}
        free = [one for one in same[n] if one.id not in taken and one.cause.key not in others]
        if free:
            kept[n] = free[0]
            taken.add(free[0].id)
    return kept


def _of_known(incident: Incident, facts: Mapping[str, Any]) -> list[Move]:
    body = {"incident": incident.id, **facts}
    worse = SEVERITIES.index(facts["severity"]) > SEVERITIES.index(incident.severity)
    if not incident.ongoing:
        return [] if incident.muted and not worse else [Move(REOPENED, body)]
    told = tuple(_told(one) for one in facts["signals"])
    before = {one.key for one in incident.signals}
    # A cause is believed until another one explains it, and nothing is written for figures alone.
    news = {one.key for one in told} - before or told[0].key != incident.cause.key
    if news or worse:
        return [Move(CHANGED, body)]
    return [Move(RINGING, {"incident": incident.id})] if incident.quiet is not None else []


def _of_silent(incident: Incident, given: set[Any], now: int, policy: Policy, blind: bool) -> list[Move]:
    """Nothing of it rings. Where nobody looked, that says nothing."""
    unseen = [
        one for one in incident.signals
        if one.key not in given and (one.code == BLIND or (one.score, one.code) not in given)
    ]  # fmt: skip
    if unseen and (blind or now - incident.changed < policy.forgotten):
        return []
    if all(one.area == Area.STEPS.value for one in incident.signals):  # a run was done: that is no matter of chance
        return [Move(RESOLVED, {"incident": incident.id, "by": "", "reason": "it works again"})]
    if incident.quiet is None:
        return [Move(QUIET, {"incident": incident.id})]
    if now - incident.quiet >= policy.quiet:
        return [Move(RESOLVED, {"incident": incident.id, "by": "", "reason": "nothing of it rings any more"})]
    return []


def _facts(group: Group, policy: Policy, found: Sequence[Suspect]) -> dict[str, Any]:
    losses = [one.loss for one in group.signals if math.isfinite(one.loss)]
    loss = float(max(losses)) if losses else math.nan
    return {
        "severity": _severity(group, loss, policy),
        "loss": None if math.isnan(loss) else loss,
        "since": min(one.since for one in group.signals),
        "signals": [_shown(one) for one in group.signals],
        "suspects": [
            {"kind": one.kind, "what": one.what, "weight": round(float(one.weight), 6), "why": one.why} for one in found
        ],
    }


def _shown(signal: Signal) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return float(value) if math.isfinite(value) else None

    said = signal.details.get("segments", ())
    return {
        "score": signal.score, "code": signal.code, "subject": signal.subject, "area": signal.area.value,
        "size": number(signal.size), "limit": number(signal.limit), "since": int(signal.since),
        "loss": number(signal.loss), "words": signal.words, "model": signal.model,
        "segments": [str(one) for one in said] if isinstance(said, list | tuple) else [],
    }  # fmt: skip


def _severity(group: Group, loss: float, policy: Policy) -> Severity:
    """By what is lost, where that is known; what the service or the data do wrong is never less bad than its kind says."""
    if not math.isnan(loss):
        by_loss = 2 if loss >= policy.critical_loss else 1 if loss >= policy.warning_loss else 0
    else:
        by_loss = -1
    by_kind = -1
    for signal in group.signals:
        said = signal.details.get("severity")
        if said in SEVERITIES and (signal.area in _OPERATION or by_loss < 0):
            by_kind = max(by_kind, SEVERITIES.index(said))
    if max(by_loss, by_kind) < 0:
        return "warning"
    return SEVERITIES[max(by_loss, by_kind)]
