"""A rollout as a state machine without state: what its lines in the ledger say, and what should come next.

Nothing here waits, writes or asks the time. Whoever may decide calls :func:`next_move` and tries to put it into the ledger
behind the line it has seen; of several, one succeeds, and the others read what it wrote.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol

from vigie.errors import RegistryError
from vigie.release.apart import Apart
from vigie.release.cells import Evidence
from vigie.release.guardrails import Guardrails, Verdict
from vigie.release.plan import Plan, Step

STARTED, ADVANCED, PROMOTED, ROLLED_BACK, INCONCLUSIVE, REVERTED, APPLIED = (
    "started",
    "advanced",
    "promoted",
    "rolled back",
    "inconclusive",
    "reverted",
    "applied",
)
"""Kinds of lines. ``reverted``: a promotion was taken back; ``applied``: the registry's alias follows the ledger."""

Status = Literal["running", "promoted", "rolled back", "inconclusive", "reverted"]


class Line(Protocol):
    """A line of the ledger."""

    @property
    def number(self) -> int:
        """Counted from 1 for each score."""
        ...

    @property
    def at(self) -> int:
        """Microseconds UTC."""
        ...

    @property
    def kind(self) -> str:
        """What happened."""
        ...

    @property
    def body(self) -> Mapping[str, Any]:
        """With which figures."""
        ...


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout as the ledger has it.

    Attributes:
        id: Salt of the assignment, and its name in the records.
        champion: Version in the registry.
        challenger: Likewise.
        plan: Steps and tolerances.
        status: Where it stands.
        step: Number of the step in the plan.
        since: When the step began, µs UTC.
        started: When the rollout began, µs UTC.
        reason: Why it ended; empty while it runs.
        applied: Whether the registry knows the champion that it ended with.
    """

    id: str
    champion: str
    challenger: str
    plan: Plan
    status: Status
    step: int
    since: int
    started: int
    reason: str = ""
    applied: bool = False

    @property
    def running(self) -> bool:
        """Whether the challenger is scoring now."""
        return self.status == "running"

    @property
    def now(self) -> Step:
        """The step it is in."""
        return self.plan.steps[self.step]

    @property
    def share(self) -> float:
        """Of the customers who get the challenger now."""
        return self.now.share if self.running else 0.0

    @property
    def winner(self) -> str | None:
        """Version that a rollout made champion, or put back; ``None`` where it changed nothing."""
        return {"promoted": self.challenger, "reverted": self.champion}.get(self.status)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of one score.

    Attributes:
        number: Of its last line; 0 for none.
        rollout: The last one; ``None`` for none.
    """

    number: int = 0
    rollout: Rollout | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What should be written next.

    Attributes:
        kind: Of the line.
        body: Its figures.
    """

    kind: str
    body: Mapping[str, Any]


def folded(lines: Iterable[Line], begun: Standing | None = None) -> Standing:
    """What *lines* say, on top of what earlier ones said.

    Args:
        lines: Of one score, in order.
        begun: What the lines before them say.
    """
    standing = begun or Standing()
    for line in lines:
        standing = Standing(line.number, _after(standing.rollout, line))
    return standing


def _after(rollout: Rollout | None, line: Line) -> Rollout | None:
    body = line.body
    if line.kind == STARTED:
        plan = plan_from(body["plan"])
        return Rollout(body["rollout"], body["champion"], body["challenger"], plan, "running", 0, line.at, line.at)
    if rollout is None:
        return None
    match line.kind:
        case "advanced":
            return replace(rollout, step=int(body["step"]), since=line.at)
        case "promoted" | "rolled back" | "inconclusive" | "reverted":
            return replace(
                rollout,
                status=line.kind,
                since=line.at,
                reason=str(body.get("reason", "")),
                applied=False,
            )
        case "applied":
            return replace(rollout, applied=True)
    return rollout


def started(identifier: str, champion: str, challenger: str, plan: Plan, by: str = "") -> Move:
    """The first line of a rollout.

    Args:
        identifier: New, and not to be guessed before: customers are divided by it.
        champion: Version that answers now.
        challenger: Version that is to.
        plan: Steps and tolerances.
        by: Who wanted it.

    Raises:
        RegistryError: Both are the same version.
    """
    if champion == challenger:
        raise RegistryError(f"version {challenger} is the champion already", remedy="name another with --version")
    body = {"rollout": identifier, "champion": champion, "challenger": challenger, "plan": asdict(plan), "by": by}
    return Move(STARTED, body)


def plan_from(stored: Mapping[str, Any]) -> Plan:
    """The plan in the body of a first line."""
    steps = tuple(Step(**step) for step in stored["steps"])
    rails = {**stored["rails"], "seen": Apart.from_data(stored["rails"].get("seen"))}
    return Plan(stored["strategy"], steps, Guardrails(**rails))


def next_move(rollout: Rollout, verdicts: Iterable[Verdict], evidence: Evidence, now: int) -> Move | None:
    """What the evidence asks for; ``None``: to go on as it is.

    Harm ends a rollout at once. A step is left when it has lasted and seen enough; a bake is left for a promotion when every
    guardrail is passed, too. Where that does not come about in time, nothing was shown, and the champion stays.

    Args:
        rollout: As the ledger has it; it runs.
        verdicts: Of :func:`~vigie.release.guardrails.judge`.
        evidence: What they were made of.
        now: µs UTC.
    """
    found = tuple(verdicts)
    step, seconds = rollout.now, (now - rollout.since) / 1e6
    seen = evidence.challenged.get(rollout.step, 0)
    facts = facts_of(rollout, found, evidence)
    harmful = [one for one in found if one.state == "harmful"]
    if harmful:
        return Move(ROLLED_BACK, {**facts, "reason": "; ".join(in_words(one) for one in harmful)})
    enough = seen >= step.min_units and seconds >= step.min_seconds
    missing = [one.guardrail for one in found if one.state != "passed"]
    if step.kind != "bake":
        if enough:
            return Move(ADVANCED, {**facts, "step": rollout.step + 1})
    elif enough and not missing:
        return Move(PROMOTED, {**facts, "reason": "every guardrail was passed"})
    if seconds >= step.max_seconds:
        reason = f"{seen} customers had the challenger, {step.min_units} are needed" if not enough else ""
        reason = reason or f"not shown in time: {', '.join(missing)}"
        return Move(INCONCLUSIVE, {**facts, "reason": reason})
    return None


def facts_of(rollout: Rollout, verdicts: Iterable[Verdict], evidence: Evidence) -> dict[str, Any]:
    """The figures behind a move, as they are kept: everything it was decided from."""
    return {
        "rollout": rollout.id,
        "at_step": rollout.step,
        "units": {str(step): units for step, units in evidence.units.items()},
        "challenged": {str(step): units for step, units in evidence.challenged.items()},
        "dropped": evidence.dropped,
        "verdicts": [
            {key: None if isinstance(one, float) and math.isnan(one) else one for key, one in asdict(verdict).items()}
            for verdict in verdicts
        ],
    }


def in_words(verdict: Verdict) -> str:
    """A verdict in one line, for the ledger and for people."""
    figures = [
        f"{name} {one:.4g}"
        for name, one in (("champion", verdict.champion), ("challenger", verdict.challenger))
        if not math.isnan(one)
    ]
    return (
        f"{verdict.guardrail}: {verdict.what}: {', '.join(figures) or 'nothing counted'}; allowed is {verdict.allowed}"
    )
