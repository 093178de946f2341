"""What is known of a score now, as its retraining policy asks for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vigie.clock import parse_moment
from vigie.errors import VigieError
from vigie.lifecycle.renewal import Renewals
from vigie.watch.criteria import DISTANCES as DISTANCES
from vigie.watch.criteria import PLAIN
from vigie.watch.policy import Figure, Policy, Situation, policy_of, require_distance
from vigie.watch.signal import Area, Signal

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project
    from vigie.registry import ModelVersion

_FEATURE, _SCORE, _DECISIONS, _OUTCOMES = "VGW101", "VGW104", "VGW105", "VGW106"


def champion_of(project: Project, score: str) -> ModelVersion | None:
    """The version in use; ``None`` where there is none yet.

    Raises:
        RegistryError: The registry cannot be read.
    """
    if score not in project.registry.names():
        return None
    return next((one for one in project.registry.versions(score) if "champion" in one.aliases), None)


def trained_at(version: ModelVersion) -> int:
    """The moment whose knowledge a version learned from, µs UTC; of one that does not say, when it was registered."""
    from vigie.registry import AS_OF_TAG

    try:
        return parse_moment(version.tags[AS_OF_TAG])
    except (KeyError, ValueError):
        return version.created


def declared_policy(project: Project) -> Policy:
    """When ``[retrain]`` has a model trained anew.

    Raises:
        SettingsError: It or ``[watch.drift]`` cannot be meant, or a criterion asks for a distance that drift is not told in.
    """
    from vigie.lifecycle.watch_drift import drift_policy

    policy = policy_of(project.settings.retrain)
    require_distance(policy, drift_policy(project).distance)
    return policy


def _features_of(project: Project, score: str, champion: ModelVersion) -> frozenset[str] | None:
    """Features of a version that drift is told of; ``None`` where it cannot be opened, or has no profile."""
    from vigie.lifecycle.watch_profiles import Versions

    watched = Versions(project, score).of(str(champion.version))
    return frozenset(watched.layout.features) if watched is not None else None


def situation_of(
    project: Project,
    ledger: Ledger,
    score: str,
    policy: Policy,
    signals: Iterable[Signal],
    renewals: Renewals,
    now: int,
) -> Situation:
    """What is known now.

    Args:
        project: Where registry, lake and settings are.
        ledger: Where incidents and rollouts are.
        score: Name of the score.
        policy: Says which figures are worth working out.
        signals: Of :func:`vigie.lifecycle.watching.look`.
        renewals: Of the score.
        now: µs UTC.

    Raises:
        RegistryError: The registry cannot be read.
        JournalError: The ledger cannot be read.
    """
    from vigie.lifecycle import incidents
    from vigie.lifecycle.rollout import standing_of

    signals = tuple(signals)
    champion = champion_of(project, score)
    figures = figures_of(signals, _distance(project))
    asked = {part.figure for one in (*policy.when, *policy.unless) for part in one.parts}
    if champion is not None:
        figures["age"] = Figure(float(max(now - trained_at(champion), 0)))
    if "rows" in asked:
        figures["rows"] = _new_rows(project, score, champion, now)
    standing = incidents.standing_of(ledger, score)
    rollout = standing_of(ledger, score).rollout
    areas = {told.area for one in standing.ongoing for told in one.signals}
    return Situation(
        now=now,
        champion="" if champion is None else str(champion.version),
        figures=figures,
        incidents=frozenset(areas) if standing.number or signals else None,
        signals=frozenset(one.code for one in signals if one.rings) if signals else None,
        rollout=rollout is not None and rollout.running,
        last=renewals.last.started if renewals.last is not None else None,
        features=_features_of(project, score, champion) if champion is not None and policy.features else None,
    )


def figures_of(signals: Iterable[Signal], distance: str = "psi") -> dict[str, Figure]:
    """The figures that signals tell, by the names that criteria use.

    Args:
        signals: What was looked at.
        distance: What the effect of drift is told in, as criteria call it.
    """
    found: dict[str, Figure] = {}
    references: dict[str, float] = {}
    for one in signals:
        details = one.details
        if one.code == _FEATURE:
            found[f"{distance}({one.subject})"] = Figure(one.size)
        elif one.code == _SCORE:
            found[f"{distance}(score)"] = Figure(one.size)
        elif one.code in (_DECISIONS, _OUTCOMES) and "live" in details:
            name = "decision_rate" if one.code == _DECISIONS else "outcome_rate"
            references[name] = _number(details.get("reference"))
            # What performance says of it has an interval, and knows who was acted on.
            found.setdefault(name, Figure(_number(details["live"])))
        elif one.area is Area.PERFORMANCE:
            found |= {name: figure for name, figure in _performance(one).items() if not math.isnan(figure.value)}
        elif one.area is Area.ESTIMATE and one.subject in PLAIN:
            figure = _figure(details)
            if not math.isnan(figure.value):
                found[f"estimated({one.subject})"] = figure
    for name, reference in references.items():
        if name in found and math.isnan(found[name].reference):
            found[name] = replace(found[name], reference=reference)
    return found


def _performance(signal: Signal) -> dict[str, Figure]:
    """The figure that a signal is about, and those beside it."""
    details = signal.details
    told = {
        signal.subject: details,
        "outcome_rate": details.get("outcome_rate"),
        "calibration_slope": details.get("slope"),
    }
    told["value_lost"] = details.get("lost_a_day")
    return {name: _figure(one) for name, one in told.items() if name in PLAIN}


def _figure(told: Any) -> Figure:
    """A figure as watchers keep it: by name, or value, lower and upper end in a row."""
    if isinstance(told, Mapping):
        return Figure(*(_number(told.get(name)) for name in ("value", "low", "high", "reference")))
    if isinstance(told, list | tuple):
        return Figure(*(_number(one) for one in told[:3]))
    return Figure(math.nan)


def _number(said: Any) -> float:
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else math.nan


def _distance(project: Project) -> str:
    from vigie.lifecycle.watch_drift import drift_policy

    return DISTANCES.get(drift_policy(project).distance, "psi")


def _new_rows(project: Project, score: str, champion: ModelVersion | None, now: int) -> Figure:
    """Rows with an outcome that became known after the champion was trained, beside those that it could learn from.

    The training set is built for it: a criterion about rows costs as long as that takes.
    """
    from vigie.lifecycle.train_options import train_options
    from vigie.lifecycle.training_rows import training_set_of

    try:
        rows = training_set_of(project, project.score(score), train_options(project), as_of=now)
    except VigieError:
        return Figure(math.nan)
    horizon = rows.score.horizon.microseconds if rows.score.horizon is not None else 0
    since = trained_at(champion) if champion is not None else -(1 << 62)
    new = int((rows.moments + horizon > since).sum())
    return Figure(float(new), reference=float(len(rows) - new) if champion is not None else math.nan)
