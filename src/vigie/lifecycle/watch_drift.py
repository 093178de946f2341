"""Drift of the model in use, from the record of predictions.

Requests and batch runs are judged each by themselves: who asks is not everybody, and a base scored on Mondays would look like a
change of those who ask. They share the false alarms of a month.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vigie.definition import Feature
from vigie.errors import MissingExtraError, RegistryError, SettingsError, did_you_mean
from vigie.lifecycle.project import Project
from vigie.lifecycle.ship import ship
from vigie.lifecycle.watch_profiles import (
    Versions,
    Watched,
    day_profiles,
    outcome_profiles,
    season_profiles,
    update_profiles,
)
from vigie.lifecycle.watch_record import columns_of, recorded_rows
from vigie.watch.distances import DISTANCES
from vigie.watch.drift import drift, joint_signal
from vigie.watch.drift_policy import DriftPolicy
from vigie.watch.profile import reference_of
from vigie.watch.signal import Signal
from vigie.watch.windows import WEEK, day_of

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger

HISTORY = 42
"""Days that profiles are read of: the windows, the weeks before them, and a beginning."""
ROWS = 5_000
"""Customers of either sample of the joint test at most."""
log = logging.getLogger(__name__)
_SHARES = ("missing", "unseen", "decisions", "outcomes")


def drift_policy(project: Project) -> DriftPolicy:
    """From when on drift is told: ``[watch.drift]`` of ``vigie.toml``.

    Raises:
        SettingsError: A value cannot be meant.
    """
    told: Mapping[str, Any] = project.settings.watch.get("drift", {})
    given: dict[str, Any] = {}
    for key in ("feature", "score", "overall", *_SHARES, "false_alarms"):
        if key in told:
            given[key] = _above(key, told[key])
    if "joint" in told:
        given["joint"] = _above("joint", told["joint"])
        if not 0.5 < given["joint"] <= 1:
            raise _wrong("joint", told["joint"], "give an area under the curve above 0.5, such as 0.6")
    for key, least in (("window", 1), ("persist", 1), ("of", 1), ("least", 2)):
        if key in told:
            if isinstance(told[key], bool) or not isinstance(told[key], int) or told[key] < least:
                raise _wrong(key, told[key], f"give a whole number from {least} on")
            given[key] = told[key]
    policy = DriftPolicy(**given)
    if policy.persist > policy.of:
        raise _wrong("persist", policy.persist, f"give no more than of = {policy.of}")
    if policy.window + policy.of > HISTORY:
        raise _wrong("window", policy.window, f"window and of are {HISTORY} days together at most")
    if "distance" in told:
        if told["distance"] not in DISTANCES:
            raise _wrong("distance", told["distance"], did_you_mean(str(told["distance"]), DISTANCES))
        policy = replace(policy, distance=told["distance"])
    features = told.get("features", {})
    if not isinstance(features, Mapping):
        raise _wrong("features", features, "write a table of feature = limit")
    declared = [feature for score in project.scores.values() for feature in score.features]
    known = {str(feature.name) for feature in declared if isinstance(feature, Feature)}
    for name, limit in features.items():
        if name not in known and len(known) == len(declared):  # else columns are known from data alone
            raise _wrong("features", name, did_you_mean(name, known))
        _above(f"features.{name}", limit)
    return replace(policy, features={name: float(limit) for name, limit in features.items()})


def drift_signals(project: Project, ledger: Ledger, score: str, now: int) -> list[Signal]:
    """What is to be said of drift at *now*: a signal for everything that was looked at, whether it rings or not.

    First closed segments of the journal go to the lake, and what is new there is counted into profiles of days. Then the days
    that are over are judged.

    Args:
        project: Where record, lake and models are.
        ledger: Where profiles are kept.
        score: Name of the score.
        now: µs.

    Returns:
        None for a score that has no model in use, or whose model was made without a reference profile.

    Raises:
        SettingsError: ``[watch.drift]`` cannot be meant.
        DataError: The lake cannot be read or written.
        JournalError: The record or the ledger cannot be used.
    """
    policy = drift_policy(project)
    try:
        champion = str(project.registry.resolve(score, "champion").version)
    except RegistryError:
        return []
    versions = Versions(project, score)
    watched = versions.of(champion)
    ship(project, wait=False)
    update_profiles(project, ledger, score, now, versions)
    if watched is None:
        return []
    layout, today = watched.layout, day_of(now)
    reference = reference_of(layout, watched.bundle.profile)
    importance = importance_of(watched)
    first = today - HISTORY
    kinds = {
        kind: days
        for kind, batch in (("requests", False), ("batches", True))
        if (days := day_profiles(ledger, score, watched, first, today, batch=batch))
    }
    if not kinds:
        return []
    declared = project.score(score)
    horizon = math.ceil(declared.horizon.microseconds / 86_400_000_000) if declared.horizon else 0
    matured = today - horizon
    said: dict[tuple[str, str, str], Signal] = {}
    for kind, days in kinds.items():
        season = {}
        if kind == "requests":
            season = season_profiles(project, ledger, score, watched, today - policy.window - policy.of, today, now)
        found = drift(
            layout, reference, days, today, score=score, model=champion,
            policy=replace(policy, false_alarms=policy.false_alarms / len(kinds)), importance=importance, season=season,
            alone=kind == "batches",
        )  # fmt: skip
        for signal in found:
            before = said.get(signal.key)
            if before is None or (signal.rings, signal.size) > (before.rings, before.size):
                said[signal.key] = replace(signal, details={**signal.details, "of": kind})
    outcomes = outcome_profiles(project, ledger, score, watched, matured - HISTORY, matured, now)
    for signal in drift(
        layout,
        reference,
        {},
        today,
        score=score,
        model=champion,
        policy=policy,
        importance=importance,
        outcomes=outcomes,
        alone="requests" not in kinds,
    ):
        said[signal.key] = signal
    if "requests" in kinds:
        joint = _joint(project, ledger, score, watched, kinds["requests"], today, policy, now)
        if joint is not None:
            said[joint.key] = joint
    return [said[key] for key in sorted(said)]


def importance_of(watched: Watched) -> dict[str, float]:
    """Weight of each feature: how much the area under the curve fell when it was shuffled, by name; empty where not known."""
    told: Mapping[str, Mapping[str, float]] = watched.bundle.metrics.get("importance", {})
    return {name: float(one["drop"]) for name, one in told.items()}


def _joint(
    project: Project,
    ledger: Ledger,
    score: str,
    watched: Watched,
    days: Mapping[int, object],
    today: int,
    policy: DriftPolicy,
    now: int,
) -> Signal | None:
    """The joint test of the last whole week of seven, once a week; between two of them the last one holds.

    Live rows are compared with those of the first two weeks in which the version answered: so no rows of customers have to be
    kept in the bundle.
    """
    from vigie.features.values import Columns
    from vigie.watch.classifier import two_sample
    from vigie.watch.profile import hashed

    topic = f"joint {score} {watched.layout.key}"
    week = today - today % WEEK
    kept = ledger.facts(topic)
    begin = kept.get("began", {}).get("day")
    if begin is None:
        begin = min(days)
        ledger.put_facts(topic, now, {"began": {"day": begin}})
    key = f"week {week:08}"
    if week - WEEK < begin + 2 * WEEK:
        return None
    if key not in kept:
        live = recorded_rows(project, score, watched.version, week - WEEK, week, ROWS)
        then = recorded_rows(project, score, watched.version, begin, begin + 2 * WEEK, ROWS)
        columns: list[Columns] = [columns_of(watched.kinds, rows) for _, rows in (live, then)]
        halves = [(hashed(who) >> 32) % 2 == 0 for who, _ in (live, then)]
        try:
            found = two_sample(columns[0], columns[1], halves[0], halves[1])
        except MissingExtraError as error:
            log.info("rows of %s as a whole are not compared: %s", score, error.what)
            return None
        told = {} if found is None else {
            "auc": found.auc, "p": found.p, "live": found.live, "others": found.others, "columns": [list(one) for one in found.columns]
        }  # fmt: skip
        ledger.put_facts(topic, now, {key: told})
        kept[key] = told
    if not kept[key]:
        return None
    return joint_signal(kept[key], score, watched.version, week - WEEK, week, begin, policy)


def _above(key: str, said: object) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not said > 0:
        raise _wrong(key, said, "give a number above 0")
    return float(said)


def _wrong(key: str, said: object, remedy: str) -> SettingsError:
    return SettingsError(f"{key} = {said!r} cannot be meant", where="[watch.drift]", remedy=remedy)
