"""What is known of a score that is watched, put together for a page: all of it from the ledger, nothing is worked out anew but drift.

Profiles of days, figures of cohorts and estimates are facts of the ledger; incidents, releases and renewals are its lines. Drift
of each day is judged again from the profiles by the function that rang then, and so says what it said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import DAY
from vigie.errors import VigieError
from vigie.lifecycle.incidents import deployments_of, stream_of
from vigie.lifecycle.watch_profiles import BATCH, Versions, Watched, topic_of
from vigie.watch.cohorts import cohort_of, cohort_of_key
from vigie.watch.drift_policy import DECISIONS, FEATURE, MISSING, OVERALL, SCORE, UNSEEN, DriftPolicy
from vigie.watch.incident import folded
from vigie.watch.profile import Layout, Profile, merged, reference_of
from vigie.watch.realised import UNKNOWN, Figure
from vigie.watch.signal import Signal
from vigie.watch.windows import YEAR, day_named, day_of, name_of, start_of

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger, LedgerLine
    from vigie.lifecycle.project import Project
    from vigie.lifecycle.renewal import Renewals
    from vigie.watch.incident import Incident
    from vigie.watch.policy import RetrainPlan
    from vigie.watch.suspects import Deployment

DAYS = 60
"""How far back a page looks."""
_BEFORE = 45
"""Days before the first one whose profiles its windows need."""


@dataclass(frozen=True, slots=True)
class Day:
    """What was answered on a day.

    Attributes:
        begin: First moment, µs UTC.
        rows: Predictions.
        score: Their mean, told from the bins of the score: right to half the width of one; NaN where it is not known.
        acted: Share of the decisions that are to act; NaN where there are none.
        version: That answered most.
    """

    begin: int
    rows: int
    score: float
    acted: float
    version: str


@dataclass(frozen=True, slots=True)
class Drifted:
    """How far something had drifted at the end of a day.

    Attributes:
        begin: First moment of the day, µs UTC.
        code: See :mod:`vigie.watch.drift_policy`.
        subject: The feature; empty for the score, decisions and all features.
        ratio: Effect over limit.
        rings: Whether it rang.
    """

    begin: int
    code: str
    subject: str
    ratio: float
    rings: bool


@dataclass(frozen=True, slots=True)
class Came:
    """What a cohort was estimated to bring, and what it brought.

    Attributes:
        begin: First moment, µs UTC.
        end: First moment after it.
        rows: Customers.
        auc: As it came.
        expected_auc: As it was estimated.
        value: Currency per customer, as it came.
        expected_value: As it was estimated.
        lost: Currency lost a day: what scores promised of these customers less what came.
        expected_lost: The same from the estimate, where outcomes are not known yet.
    """

    begin: int
    end: int
    rows: int
    auc: Figure = UNKNOWN
    expected_auc: Figure = UNKNOWN
    value: Figure = UNKNOWN
    expected_value: Figure = UNKNOWN
    lost: Figure = UNKNOWN
    expected_lost: Figure = UNKNOWN


@dataclass(frozen=True, eq=False, slots=True)
class Story:
    """What is known of a score.

    Attributes:
        score: Its name.
        version: That answers; empty for none.
        currency: ISO 4217 code of its decision.
        now: µs UTC.
        begin: From when on the page tells, µs UTC.
        signals: Of the look at *now*.
        incidents: All, in the order in which they were opened.
        lines: Of the incidents, in order.
        playbooks: What to do, Markdown, by incident that goes on.
        days: What was answered, by day, in order.
        batches: Whether those are batch runs; else they are requests.
        drifted: At the end of each day.
        importance: Of features.
        came: Cohorts, in order.
        releases: What was released, in order.
        renewals: Of the score.
        plan: Whether it is to be trained anew, and why or why not; ``None`` where that cannot be told.
        unjudged: Why it cannot be told.
    """

    score: str
    version: str
    currency: str
    now: int
    begin: int
    signals: Sequence[Signal]
    incidents: Sequence[Incident]
    lines: Sequence[LedgerLine]
    playbooks: Mapping[str, str]
    days: Sequence[Day]
    batches: bool
    drifted: Sequence[Drifted]
    importance: Mapping[str, float]
    came: Sequence[Came]
    releases: Sequence[Deployment]
    renewals: Renewals
    plan: RetrainPlan | None
    unjudged: str = ""

    @property
    def ongoing(self) -> list[Incident]:
        """Incidents that are not over, the worst first."""
        from vigie.watch.incident import SEVERITIES

        found = [one for one in self.incidents if one.ongoing]
        return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), -_or_nothing(one.loss), one.since))

    @property
    def loss(self) -> float:
        """Currency lost a day by the incidents that are not over; NaN where none of them can tell."""
        known = [one.loss for one in self.ongoing if not math.isnan(one.loss)]
        return sum(known) if known else math.nan


def story(
    project: Project, ledger: Ledger, score: str, signals: Sequence[Signal], now: int, *, days: int = DAYS
) -> Story:
    """Put together what is known of a score at *now*.

    Args:
        project: Whose clock says *now*, for the plan of retraining.
        ledger: Where everything was written down.
        score: Name of the score.
        signals: What :func:`vigie.lifecycle.watching.watch_once` said.
        now: µs UTC.
        days: How many days the page looks back.

    Raises:
        JournalError: The ledger cannot be read.
        SettingsError: ``[watch]`` cannot be meant.
    """
    from vigie.lifecycle.playbooks import playbook
    from vigie.lifecycle.renewal import folded as renewed
    from vigie.lifecycle.renewal import stream_of as renewal_stream
    from vigie.lifecycle.retrain import plan_retraining
    from vigie.lifecycle.retrain_plan import champion_of

    # Also of a past moment: what was written down later is not told.
    lines = [one for one in ledger.lines(stream_of(score)) if one.at <= now]
    incidents = list(folded(lines).incidents.values())
    begin = start_of(day_of(now) - days)
    versions = Versions(project, score)
    plan, unjudged, champion = None, "", None
    try:
        champion = champion_of(project, score)
        plan = plan_retraining(project, ledger, score, signals=list(signals))
    except VigieError as error:
        unjudged = error.what
    version = "" if champion is None else str(champion.version)
    watched = versions.of(version) if version else None
    answered, batches, drifted = _days(project, ledger, score, versions, begin, now)
    return Story(
        score=score,
        version=version,
        currency=_currency(project, score, watched),
        now=now,
        begin=begin,
        signals=signals,
        incidents=incidents,
        lines=lines,
        playbooks={one.id: playbook(project, one) for one in incidents if one.ongoing},
        days=answered,
        batches=batches,
        drifted=drifted,
        importance={} if watched is None else _importance(watched),
        came=_came(project, ledger, score, begin, now),
        releases=[one for one in deployments_of(ledger, score) if one.at <= now],
        renewals=renewed(one for one in ledger.lines(renewal_stream(score)) if one.at <= now),
        plan=plan,
        unjudged=unjudged,
    )


# -- what was answered, and how far that had drifted -----------------------------------------------------------------------


def _days(
    project: Project, ledger: Ledger, score: str, versions: Versions, begin: int, now: int
) -> tuple[list[Day], bool, list[Drifted]]:
    """Days that are over, whether they are batch runs, and drift of requests and of batches."""
    from vigie.lifecycle.watch_drift import drift_policy

    first, today = day_of(begin), day_of(now)
    facts = ledger.facts(topic_of(score), name_of(first - _BEFORE), name_of(today))
    by: dict[bool, dict[str, dict[int, Profile]]] = {False: {}, True: {}}
    for name, fact in facts.items():
        for key, data in fact["profiles"].items():
            version, arm = key.split(" ", 1)
            watched = versions.of(version)
            if watched is None or data["layout"] != watched.layout.key:
                continue
            known = by[arm == BATCH].setdefault(version, {})
            profile, day = Profile.from_data(data), day_named(name)
            known[day] = merged([known[day], profile]) if day in known else profile
    kinds = [batch for batch in (False, True) if by[batch]]
    if not kinds:
        return [], False, []
    shown = kinds[0]
    policy = drift_policy(project)
    policy = replace(policy, false_alarms=policy.false_alarms / len(kinds))
    drifted: dict[tuple[int, str, str], Drifted] = {}
    for batch in kinds:
        most = _most(by[batch], first)
        for version, days in by[batch].items():
            mine = [day for day, of in most.items() if of == version]
            watched = versions.of(version)
            if not mine or watched is None:
                continue
            season = {} if batch else _season(ledger, score, watched, first, today)
            for one in _drifted(watched, days, mine, policy, season, score, alone=batch):
                key = one.begin, one.code, one.subject
                before = drifted.get(key)
                if before is None or (one.rings, one.ratio) > (before.rings, before.ratio):
                    drifted[key] = one
    answered = [
        _day(day, by[shown][version][day], versions.of(version), version)
        for day, version in sorted(_most(by[shown], first).items())
    ]
    return answered, shown, [drifted[key] for key in sorted(drifted)]


def _most(by: Mapping[str, Mapping[int, Profile]], first: int) -> dict[int, str]:
    """The version that answered most on each day from *first* on."""
    rows: dict[int, dict[str, int]] = {}
    for version, days in by.items():
        for day, profile in days.items():
            if day >= first:
                rows.setdefault(day, {})[version] = profile.rows
    return {day: max(sorted(told), key=lambda one: told[one]) for day, told in rows.items()}


def _season(ledger: Ledger, score: str, watched: Watched, first: int, today: int) -> dict[int, Profile]:
    """Profiles of the year before, where a watcher kept them."""
    kept = ledger.facts(f"season {score} {watched.layout.key}", name_of(first - _BEFORE - YEAR), name_of(today - YEAR))
    return {day_named(name): Profile.from_data(fact) for name, fact in kept.items()}


def _drifted(
    watched: Watched,
    days: Mapping[int, Profile],
    mine: Sequence[int],
    policy: DriftPolicy,
    season: Mapping[int, Profile],
    score: str,
    *,
    alone: bool,
) -> list[Drifted]:
    from vigie.watch.drift import Memo, drift

    reference, importance = reference_of(watched.layout, watched.bundle.profile), _importance(watched)
    memo: Memo = {}
    found = []
    for day in sorted(mine):
        until = {one: profile for one, profile in days.items() if one <= day}
        said = drift(
            watched.layout, reference, until, day + 1, score=score, model=watched.version, policy=policy,
            importance=importance, season=season, memo=memo, alone=alone,
        )  # fmt: skip
        found += [
            Drifted(start_of(day), one.code, one.subject, one.size / one.limit, one.rings)
            for one in said
            if one.code in (FEATURE, MISSING, UNSEEN, SCORE, DECISIONS, OVERALL)
        ]
    return found


def _importance(watched: Watched) -> dict[str, float]:
    from vigie.lifecycle.watch_drift import importance_of

    return importance_of(watched)


def _day(day: int, profile: Profile, watched: Watched | None, version: str) -> Day:
    return Day(
        begin=start_of(day),
        rows=profile.rows,
        score=math.nan if watched is None else mean_score(watched.layout, profile),
        acted=profile.acted / profile.decided if profile.decided else math.nan,
        version=version,
    )


def mean_score(layout: Layout, profile: Profile) -> float:
    """Mean score of the rows of a profile, 0 … 1, each taken for the middle of its bin; NaN for none.

    Args:
        layout: Its cells.
        profile: Counts in them.
    """
    edges = np.concatenate([[0.0], np.clip(layout.score_edges, 0.0, 1.0), [1.0]])
    counts = profile.score.astype(np.float64)
    total = float(counts.sum())
    return float(counts @ ((edges[:-1] + edges[1:]) / 2)) / total if total else math.nan


# -- what was estimated, and what came -------------------------------------------------------------------------------------


def _came(project: Project, ledger: Ledger, score: str, begin: int, now: int) -> list[Came]:
    from vigie.lifecycle.watch_cohorts import estimates_topic
    from vigie.lifecycle.watch_cohorts import topic_of as performance_topic
    from vigie.lifecycle.watch_performance_policy import performance_policy
    from vigie.watch.estimate import Estimate
    from vigie.watch.realised import Tally, figures_of
    from vigie.watch.value import estimated_loss, lost_a_day

    length, bound = performance_policy(project).cohort, project.score(score).horizon
    horizon = bound.microseconds if bound is not None else 0
    first, last = cohort_of(begin, length).key, cohort_of(now, length).key
    known = ledger.facts(performance_topic(score, length), first, last)
    made = ledger.facts(estimates_topic(score, length), first, last)
    found = []
    for key in sorted({*known, *made}):
        cohort = cohort_of_key(key, length)
        mature = cohort.mature_at(horizon) <= now
        told, said = known.get(key, {}).get("by", {}) if mature else {}, made.get(key, {})
        version = _greatest(told or said)
        if version is None:
            continue
        one, estimate = told.get(version), said.get(version)
        rows = int((told or said)[version]["rows"])
        a_day = rows / ((cohort.end - cohort.begin) / DAY)
        came = Came(cohort.begin, cohort.end, rows)
        if estimate is not None:
            whole = Estimate.from_data(estimate["estimate"])
            promised = estimate["said"].get("value")
            came = replace(
                came,
                expected_auc=whole.figures.get("auc", UNKNOWN),
                expected_value=whole.figures.get("value", UNKNOWN),
                expected_lost=UNKNOWN if promised is None or one else estimated_loss(promised, whole, a_day),
            )
        if one is not None:
            realised = figures_of(Tally.from_data(one.get("untouched", one["tally"])))
            came = replace(came, auc=realised["auc"], value=realised["value"], lost=lost_a_day(realised, a_day))
        found.append(came)
    return found


def _greatest(by: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The version with most customers."""
    return max(sorted(by), key=lambda version: int(by[version]["rows"])) if by else None


def _currency(project: Project, score: str, watched: Watched | None) -> str:
    if watched is not None:
        return str(watched.bundle.decision.currency)
    return str(project.score(score).decision.currency)


def _or_nothing(loss: float) -> float:
    return 0.0 if math.isnan(loss) else loss
