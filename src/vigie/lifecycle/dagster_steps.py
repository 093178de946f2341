"""What each asset of the Dagster definitions does, without Dagster: the functions that the commands call, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import Clock, FixedClock, SystemClock, iso
from vigie.findings import Severity
from vigie.lifecycle.project import Project

if TYPE_CHECKING:
    from vigie.findings import Finding


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check says.

    Attributes:
        name: Of the check.
        passed: Whether all is well.
        error: Whether what failed is an error; otherwise a warning.
        words: What was seen.
        figures: Plain data.
    """

    name: str
    passed: bool
    error: bool = False
    words: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a step.

    Attributes:
        figures: Plain data to show.
        checks: What its checks say, each of those that were declared.
    """

    figures: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Checked] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Which project; opened anew for each step, so that a step sees what is there when it runs.

    Attributes:
        folder: Of the project.
        environment: Of ``vigie.toml``; ``None``: as ``VIGIE_ENV`` says.
    """

    folder: Path
    environment: str | None = None

    def opened(self, as_of: int | None = None) -> Project:
        """The project, now or at *as_of*, µs UTC."""
        clock: Clock = SystemClock() if as_of is None else FixedClock(as_of)
        return Project.open(self.folder, self.environment, clock)


def ingest(place: Place, source: str) -> Made:
    """What is new in one source goes into the lake. Its contract is a check, and so is that nothing was quarantined."""
    from vigie.lifecycle.ingest import ingest_sources

    project = place.opened()
    report = ingest_sources(project, [source])[0]
    errors = [one for one in report.findings if one.severity == Severity.ERROR]
    others = [one for one in report.findings if one.severity == Severity.WARNING]
    figures = {"rows": report.rows, "duplicates": report.duplicates, "released": report.released}
    return Made(
        {**figures, "versions": len(report.versions)},
        (
            Checked("contract", not errors, error=True, words=_said(errors)),
            Checked(
                "quarantine", not report.quarantined and not others, words=_said(others), figures={"quarantined": report.quarantined}
            ),
        ),
    )  # fmt: skip


def ship(place: Place) -> Made:
    """Recorded predictions go to the lake."""
    from vigie.lifecycle.ship import ship as carry_out

    done = carry_out(place.opened(), None)
    figures = {"rows": done.rows, "segments": done.segments, "removed": done.expired}
    damaged = Checked("segments", not done.damaged, error=True, words="; ".join(done.damaged.values()))
    return Made(figures, (damaged,))


def features(place: Place, score: str) -> Made:
    """The feature table of a score has all moments that are over; only what is missing or stale is made."""
    from vigie.lifecycle.backfill import backfill, plan_backfill

    project = place.opened()
    plan = plan_backfill(project, project.score(score))
    done = backfill(project, plan)
    return Made({"partitions": done.partitions, "rows": done.rows, "behind": len(plan.todo)})


@dataclass(frozen=True, slots=True)
class Renewed:
    """What came of a renewal.

    Attributes:
        training: Of a version that was trained; ``None`` where none was.
        gate: What the gate said of it; likewise.
        release: Which version answers, and what goes on.
    """

    training: Made | None
    gate: Made | None
    release: Made


def renew(place: Place, score: str) -> Renewed:
    """Train, check, gate, register and release where ``[retrain]`` says so, and the first model in any case."""
    from vigie.lifecycle.retrain import retrain
    from vigie.lifecycle.retrain_plan import champion_of
    from vigie.lifecycle.rollout import ledger_of

    project = place.opened()
    ledger = ledger_of(project)
    try:
        done = retrain(project, ledger, score, forced=champion_of(project, score) is None, by="dagster", wait=True)
    finally:
        ledger.close()
    champion = champion_of(place.opened(), score)
    renewal = done.renewal
    why = done.plan.words if done.plan is not None else ""
    standing = {"champion": 0 if champion is None else champion.version, "plan": why, "waits": done.waits}
    if renewal is None or not (done.began or done.plan is None) or renewal.stage == "started":
        return Renewed(None, None, Made(standing))
    blockers = Checked("checks", not renewal.blockers, error=True, words=", ".join(renewal.blockers))
    training = Made({"version": renewal.version, "as_of": iso(renewal.started), "bundle": renewal.bundle}, (blockers,))
    verdict = renewal.verdict
    passed = Checked("gate", bool(verdict.get("passes")), words=str(verdict.get("words", "")))
    gate = Made({"rows": verdict.get("rows", 0), "tries": verdict.get("tries", 1)}, (passed,))
    became = {"became": renewal.outcome or renewal.stage, "reason": renewal.reason, "rollout": renewal.rollout}
    return Renewed(training, gate, Made({**standing, **became}))


def score_base(place: Place, score: str, as_of: int | None = None) -> Made:
    """Everybody is scored with the champion; as of *as_of*, µs UTC, or now."""
    from vigie.lifecycle.score import score_base as carry_out

    project = place.opened(as_of)
    done = carry_out(project, project.score(score))
    figures = {
        "rows": done.rows,
        "acted_on": done.acted,
        "expected_value": done.expected_value,
        "as_of": iso(done.as_of),
    }
    return Made({**figures, "version": done.model.version, "run": done.run, "repeated": done.repeated})


def watch(place: Place, score: str) -> Made:
    """What watchers say, one check for each area; incidents follow, and who is to be told is told."""
    from vigie.lifecycle.alerts import send_alerts
    from vigie.lifecycle.incidents import standing_of
    from vigie.lifecycle.rollout import ledger_of
    from vigie.lifecycle.watching import watch_once
    from vigie.watch.signal import Area

    project = place.opened()
    ledger, now = ledger_of(project), project.clock.now()
    try:
        signals = watch_once(project, ledger, score, now)
        problems = send_alerts(project, ledger, now)
        going = standing_of(ledger, score).ongoing
    finally:
        ledger.close()
    critical = {one.cause.area for one in going if one.severity == "critical"}
    checks = []
    for area in Area:
        ringing = [one for one in signals if one.area is area and one.rings]
        words = "; ".join(f"{one.code} {one.subject}: {one.words}" for one in ringing)
        looked = sum(one.area is area for one in signals)
        checks.append(Checked(area.value, not ringing, area in critical, words, {"looked_at": looked}))
    figures = {"signals": len(signals), "incidents": [one.id for one in going], "not_told": list(problems)}
    return Made(figures, tuple(checks))


def _said(found: Sequence[Finding]) -> str:
    return "; ".join(f"{one.code} {one.where}: {one.explanation}" for one in found)
