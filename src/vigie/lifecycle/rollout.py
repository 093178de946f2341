"""Release a version of a score: plan it, begin it, see where it stands, and end it by hand.

What a rollout does is decided by whoever follows the ledger (:mod:`vigie.lifecycle.rollout_decide`); here is what people do.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.errors import JournalError, RegistryError, SettingsError
from vigie.lifecycle.project import Project
from vigie.settings import secret

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger, LedgerLine
    from vigie.release import Apart, Evidence, Plan, Rollout, Seen, Standing, Verdict

CHAMPION, CHALLENGER = "champion", "challenger"
"""Aliases in the registry."""
APPLYING = 120_000_000
"""µs for which nobody else sets an alias after whoever did has died."""


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """A rollout that could begin.

    Attributes:
        score: Name of the score.
        champion: Version that answers now.
        challenger: Version that is to.
        plan: Steps and tolerances.
        seen: How soon harm would be seen in each step that answers customers, by its share.
    """

    score: str
    champion: str
    challenger: str
    plan: Plan
    seen: tuple[tuple[float, tuple[Seen, ...]], ...]


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """Where a score stands.

    Attributes:
        score: Its name.
        standing: What the ledger says.
        evidence: What was counted in the last rollout so far.
        verdicts: What it shows.
        seen: How soon harm would be seen at the share of now; none where there is no share.
    """

    score: str
    standing: Standing
    evidence: Evidence
    verdicts: tuple[Verdict, ...]
    seen: tuple[Seen, ...]


def ledger_of(project: Project) -> Ledger:
    """The ledger of a project, opened.

    Raises:
        SettingsError: ``[project] ledger`` is wrong.
        MissingExtraError: The database's driver is not installed.
        JournalError: The database cannot be reached.
    """
    from vigie.journal.ledger_open import open_ledger

    settings = project.settings
    url = secret(settings.ledger, settings.root, "[project] ledger") if settings.ledger else ""
    return open_ledger(url, default=settings.state / "ledger.db", root=settings.root)


def seen_file(project: Project, rollout: str) -> Path:
    """Where the processes of this machine remember which customers were counted in a rollout."""
    return project.settings.state / "rollouts" / f"{rollout}.seen"


def holdout_of(project: Project) -> float:
    """Share of the customers who are never acted on.

    Raises:
        SettingsError: It is no share.
    """
    said = project.settings.rollout.get("holdout", 0.0)
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < 1:
        raise SettingsError(
            f"holdout = {said!r} is not from 0 to below 1", where="[rollout]", remedy="give a share, such as 0.02"
        )
    return float(said)


def alias_of_new(project: Project, score: str) -> str:
    """Alias of a version that was just trained: champion, or challenger where ``[rollout] on_train`` says to wait for a rollout.

    Raises:
        RegistryError: The registry cannot be read.
    """
    waits = bool(project.settings.rollout.get("on_train", False)) and score in project.registry.names()
    if waits and any(CHAMPION in one.aliases for one in project.registry.versions(score)):
        return CHALLENGER
    return CHAMPION


def plan_rollout(
    project: Project,
    score: str,
    *,
    version: int | None = None,
    strategy: str = "canary",
    without: Sequence[str] = (),
    gate_saw: Apart | None = None,
) -> RolloutPlan:
    """A rollout of a version, not yet begun.

    Args:
        project: Where everything is.
        score: Name of the score.
        version: Of the challenger; ``None``: the one that waits under the alias ``challenger``, or the newest.
        strategy: ``"canary"``, ``"blue-green"`` or ``"ab"``.
        without: Guardrails that are not judged.
        gate_saw: How differently a gate saw both score and decide: the tolerances are added to it. ``None``: no gate has
            looked, as where a person begins it.

    Raises:
        RegistryError: The score has no champion, or no version beside it.
        SettingsError: ``[rollout]`` or an argument cannot be meant.
    """
    from vigie.release import seen_after

    registry = project.registry
    champion = registry.resolve(score, CHAMPION)
    if version is not None:
        challenger = registry.resolve(score, str(version))
    else:
        versions = [one for one in registry.versions(score) if one.version != champion.version]
        waiting = [one for one in versions if CHALLENGER in one.aliases]
        newer = [one for one in versions if one.version > champion.version]
        if not waiting and not newer:
            raise RegistryError(
                f"{score} has no version newer than its champion, {champion.version}",
                remedy="train one, or name an older one with --version",
            )
        challenger = (waiting or newer)[-1]
    if challenger.version == champion.version:
        raise RegistryError(
            f"version {champion.version} of {score} is the champion already", remedy="name another with --version"
        )
    plan = way_of(project, score, strategy, without=without, gate_saw=gate_saw)
    shares = dict.fromkeys(step.share for step in plan.steps if step.share)
    seen = tuple((share, seen_after(plan.rails, share)) for share in shares)
    return RolloutPlan(score, str(champion.version), str(challenger.version), plan, seen)


def way_of(
    project: Project, score: str, strategy: str, *, without: Sequence[str] = (), gate_saw: Apart | None = None
) -> Plan:
    """Steps and tolerances of a rollout of whatever version. Arguments are those of :func:`plan_rollout`.

    Raises:
        SettingsError: ``[rollout]`` or an argument cannot be meant.
    """
    from vigie.release import Guardrails, plan_of

    said = dict(project.settings.rollout)
    if strategy == "ab" and not {"value_low", "value_high"} & set(said):
        said |= _range_of_value(project, score)
    rails = Guardrails.of(said).without(*without).beside(gate_saw)
    plan = plan_of(strategy, project.settings.rollout, rails)
    horizon = project.score(score).horizon
    last = plan.steps[-1]
    if "value" in plan.rails.judged and horizon is not None:
        needed = horizon.microseconds / 1e6 + last.min_seconds
        if last.max_seconds < needed:
            raise SettingsError(
                f"value is judged before a promotion, and no outcome of {score} is known in time: max_seconds = {last.max_seconds:g}, "
                f"outcomes take {horizon} and bake_seconds = {last.min_seconds:g}",
                where="[rollout]",
                remedy=f"give max_seconds = {needed:.0f} or more; or leave out value_low and value_high, and strategy ab",
            )
    return plan


def _range_of_value(project: Project, score: str) -> dict[str, float]:
    """The least and the greatest sum of a cost matrix that is the same for every customer; none where it is not."""
    from vigie.bundle.payoff_values import payoff_values
    from vigie.features.rowwise import leaves

    payoff = project.score(score).decision.payoff()
    if leaves(payoff.expressions()):
        return {}
    sums = [float(one) for one in payoff_values(payoff, {}, 1).sums()]
    return {"value_low": min(sums), "value_high": max(sums)}


def start_rollout(project: Project, ledger: Ledger, planned: RolloutPlan, by: str = "") -> Rollout:
    """Begin; servers that follow the ledger take it up within a second.

    Args:
        project: Its clock dates the line.
        ledger: Of :func:`ledger_of`.
        planned: Of :func:`plan_rollout`.
        by: Who wants it, for the history.

    Raises:
        RegistryError: A rollout of the score is under way.
        JournalError: The ledger cannot be written, or somebody else wrote first.
    """
    from vigie.release.rollout import started

    standing = standing_of(ledger, planned.score)
    if standing.rollout is not None and standing.rollout.running:
        raise RegistryError(
            f"a rollout of {planned.score} is under way, of version {standing.rollout.challenger}",
            remedy="end it first: `vigie rollout promote` or `vigie rollout rollback`",
        )
    # Random: nobody can know before who will get the challenger.
    move = started(uuid.uuid4().hex, planned.champion, planned.challenger, planned.plan, by)
    write(ledger, planned.score, standing, move.kind, move.body, project.clock.now())
    return running(standing_of(ledger, planned.score), planned.score)


def status_of(ledger: Ledger, score: str) -> RolloutStatus:
    """Where a score stands, with the evidence of this moment.

    Raises:
        JournalError: The ledger cannot be read.
    """
    from vigie.release import Evidence, judge, seen_after
    from vigie.release.cells import ERRORS, UNITS

    standing = standing_of(ledger, score)
    rollout = standing.rollout
    if rollout is None:
        return RolloutStatus(score, standing, Evidence(), (), ())
    evidence = evidence_of(ledger, rollout)
    champion = evidence.of(CHAMPION)
    share = rollout.share
    rate = float(champion[ERRORS] / champion[UNITS]) if champion[UNITS] >= 100 else None
    seen = seen_after(rollout.plan.rails, share, champion, rate) if share else ()
    return RolloutStatus(score, standing, evidence, judge(evidence, rollout.plan.rails), seen)


def history_of(ledger: Ledger, score: str) -> list[LedgerLine]:
    """Every line of a score, in order.

    Raises:
        JournalError: The ledger cannot be read, or a line of it was changed or taken out.
    """
    from vigie.journal.ledger import broken_at

    lines = ledger.lines(score)
    broken = broken_at(lines)
    if broken is not None:
        raise JournalError(
            f"line {broken} of {score} is not as it was written",
            where=ledger.where,
            remedy="the ledger was changed by something else; restore it from a backup",
        )
    return lines


def promote(project: Project, ledger: Ledger, score: str, reason: str, by: str = "") -> Rollout:
    """End the rollout of a score with its challenger as champion, whatever the evidence.

    Raises:
        RegistryError: None is under way.
        JournalError: The ledger cannot be written, or somebody else wrote first.
    """
    from vigie.release.rollout import PROMOTED

    return _ended(project, ledger, score, PROMOTED, reason or "by hand", by)


def roll_back(project: Project, ledger: Ledger, score: str, reason: str, by: str = "") -> Rollout:
    """End the rollout of a score with its champion; where the last one ended with a promotion, take that back.

    Raises:
        RegistryError: There is nothing to roll back, or another version became champion since by other means.
        JournalError: The ledger cannot be written, or somebody else wrote first.
    """
    from vigie.release.rollout import REVERTED, ROLLED_BACK

    last = standing_of(ledger, score).rollout
    promoted = last is not None and last.status == "promoted"
    if last is not None and promoted:
        _require_champion(project, score, last)
    return _ended(project, ledger, score, REVERTED if promoted else ROLLED_BACK, reason or "by hand", by)


def _require_champion(project: Project, score: str, last: Rollout) -> None:
    """A promotion is taken back while it is what customers get: the champion before it may be long outdated.

    Raises:
        RegistryError: Another version is the champion now.
    """
    now = str(project.registry.resolve(score, CHAMPION).version)
    # The registry may not know of the promotion yet.
    if now == last.challenger or (now == last.champion and not last.applied):
        return
    raise RegistryError(
        f"version {now} of {score} is the champion, by other means than the last rollout, which put version {last.challenger} in the "
        f"place of version {last.champion}: there is no promotion to take back",
        remedy=f"name the version that is to answer: `vigie models {score} --promote N`",
    )


def apply_alias(project: Project, ledger: Ledger, score: str) -> str | None:
    """Let the registry's champion follow the ledger; its version, or ``None`` where it does, or somebody else is at it.

    Raises:
        RegistryError: The registry cannot be written.
        JournalError: The ledger cannot be read or written.
    """
    from vigie.release.rollout import APPLIED

    # Setting an alias takes seconds. Of two who do it, the later could undo what a person set between.
    lease, holder, now = f"apply {score}", uuid.uuid4().hex, project.clock.now()
    if not ledger.lease(lease, holder, now, now + APPLYING):
        return None
    try:
        standing = standing_of(ledger, score)
        rollout = standing.rollout
        if rollout is None or rollout.applied or rollout.winner is None:
            return None
        project.registry.set_alias(score, CHAMPION, int(rollout.winner))
        body = {"rollout": rollout.id, "champion": rollout.winner}
        ledger.append(score, standing.number, project.clock.now(), APPLIED, body)
        return rollout.winner
    finally:
        ledger.lease(lease, holder, now, 0)


def standing_of(ledger: Ledger, score: str) -> Standing:
    """What the ledger says of a score."""
    from vigie.release import folded

    return folded(ledger.lines(score))


def evidence_of(ledger: Ledger, rollout: Rollout) -> Evidence:
    """What all workers have counted in a rollout."""
    from vigie.release import pooled

    return pooled(list(ledger.counts(rollout.id).values()), rollout.plan.shares)


def running(standing: Standing, score: str) -> Rollout:
    """The rollout that is under way.

    Raises:
        RegistryError: None is.
    """
    if standing.rollout is None or not standing.rollout.running:
        raise RegistryError(f"no rollout of {score} is under way", remedy="begin one: `vigie rollout start`")
    return standing.rollout


def write(ledger: Ledger, score: str, standing: Standing, kind: str, body: Mapping[str, Any], now: int) -> LedgerLine:
    """Write behind what was read.

    Raises:
        JournalError: Somebody else wrote first.
    """
    line = ledger.append(score, standing.number, now, kind, body)
    if line is None:
        raise JournalError(
            f"something else happened to {score} meanwhile",
            where=ledger.where,
            remedy="see `vigie rollout status` and say it again",
        )
    return line


def _ended(project: Project, ledger: Ledger, score: str, kind: str, reason: str, by: str) -> Rollout:
    from vigie.release import judge
    from vigie.release.rollout import REVERTED, facts_of

    standing = standing_of(ledger, score)
    if kind == REVERTED:
        rollout = standing.rollout
        assert rollout is not None
    else:
        rollout = running(standing, score)
    evidence = evidence_of(ledger, rollout)
    facts = facts_of(rollout, judge(evidence, rollout.plan.rails), evidence)
    write(ledger, score, standing, kind, {**facts, "reason": reason, "by": by}, project.clock.now())
    ended = standing_of(ledger, score).rollout
    assert ended is not None
    return ended
