"""What a score was worth, what it will be worth, and whether it still means what it meant: signals from what is kept of cohorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import DAY
from vigie.errors import RegistryError
from vigie.lifecycle.project import Project
from vigie.lifecycle.watch_cohorts import Work, update_performance
from vigie.lifecycle.watch_deliveries import outcome_sources
from vigie.lifecycle.watch_performance_policy import PerformancePolicy, performance_policy
from vigie.lifecycle.watch_scored import versions_there
from vigie.watch.cohorts import cohort_of, cohort_of_key
from vigie.watch.realised import Tally, figures_of
from vigie.watch.signal import Signal

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.watch.concept import Bet, Seen
    from vigie.watch.estimate import Estimate


RATE = 92 * DAY
"""How far back it is looked how many customers are decided on."""


def performance_signals(project: Project, ledger: Ledger, score: str, now: int) -> list[Signal]:
    """Bring what is known of performance up to *now* and say what it shows.

    Args:
        project: Where predictions, lake and models are.
        ledger: Keeps what was worked out.
        score: Name of the score.
        now: µs; nothing later is looked at.

    Returns:
        Signals of the champion, or of the version that answered last where that has no cohorts yet. None where nothing was predicted. Of a score whose
        moments are those of events, the outcome is that of the customer's latest event at or before the prediction.

    Raises:
        SettingsError: ``[watch.performance]`` cannot be meant.
        DataError: The lake cannot be read.
        FeatureError: Outcomes cannot be looked up.
        JournalError: Predictions or the ledger cannot be read.
    """
    policy = performance_policy(project)
    update_performance(project, ledger, score, now, policy)
    return _signals(project, ledger, score, now, policy)


def _signals(project: Project, ledger: Ledger, score: str, now: int, policy: PerformancePolicy) -> list[Signal]:
    from vigie.watch.concept import Seen, verdicts
    from vigie.watch.estimate import FIGURES
    from vigie.watch.realised_signals import Performance, signals_of

    work = Work(project, ledger, score, now, policy)
    horizon = work.horizon
    last = cohort_of(now - horizon, policy.cohort).begin
    known = ledger.facts(work.topic, cohort_of(last - policy.window, policy.cohort).key, cohort_of(last).key)
    # Of cohorts that are over at that moment, also where later ones are known.
    today, ahead = cohort_of(now, policy.cohort).key, cohort_of(now - horizon - DAY, policy.cohort).key
    made = ledger.facts(work.estimates, min(ahead, cohort_of(now - RATE, policy.cohort).key), today)
    version = _version_of(project, score, known, {key: fact for key, fact in made.items() if key >= ahead})
    if version is None:
        return []
    mine = {key: fact["by"][version] for key, fact in known.items() if version in fact["by"]}
    lately = {key: fact[version] for key, fact in made.items() if key >= ahead and version in fact}
    whole: Tally | None = None
    said: dict[str, float] = {}
    weight: dict[str, float] = {}
    cohorts: list[tuple[int, dict[str, Seen]]] = []
    for key, one in mine.items():
        if one.get("blind"):
            continue
        part = Tally.from_data(one.get("untouched", one["tally"]))
        whole = part if whole is None else whole + part
        for name, value in one["said"].items():
            if value is not None:
                said[name] = said.get(name, 0.0) + one["rows"] * value
                weight[name] = weight.get(name, 0.0) + one["rows"]
        groups = {name: Seen(*figures) for name, figures in one["groups"].items()}
        cohorts.append((cohort_of_key(key, policy.cohort).begin, groups))
    estimates = [_estimate(one["estimate"]) for one in lately.values()]
    length = cohort_of(now, policy.cohort).end - cohort_of(now, policy.cohort).begin
    begins = {cohort_of_key(key, policy.cohort).begin: one for key, one in made.items()}
    runs = {begin: int(one[version]["rows"]) for begin, one in begins.items() if version in one}
    state = work.versions.get(version)
    bets = _bets(mine, {} if state is None else state.bets)
    bundle = work.money.bundle(version)
    begin = cohort_of_key(min(mine), policy.cohort).begin if mine else last - policy.window
    end = cohort_of_key(max(mine), policy.cohort).end if mine else last
    promised = lately[max(lately)]["said"].get("value") if lately else None
    return signals_of(
        Performance(
            score=score,
            model=version,
            now=now,
            begin=begin,
            end=end,
            realised=figures_of(whole) if whole is not None else None,
            said={name: total / weight[name] for name, total in said.items()},
            test={name: float(value) for name, value in bundle.metrics.get("test", {}).items() if value is not None},
            customers=customers_a_day(runs, [*begins], length, now),
            currency=bundle.decision.currency,
            unbiased=bool(cohorts) and all("untouched" in one for one in mine.values() if not one.get("blind")),
            sources=outcome_sources(work.bound),
            silent=_silent(mine),
            gone=_gone(known),
            late=_late(work, known, made),
            waiting=sum(int(one["rows"]) for one in lately.values()),
            estimates=estimates,
            promised=float("nan") if promised is None else float(promised),
            coverage={} if state is None else {name: state.estimator.coverage(name, now - length) for name in FIGURES},
            concept=[]
            if not bets
            else verdicts(bets, cohorts, run=policy.limits.run, tolerance=policy.limits.tolerance),
        ),
        policy.limits,
    )


def _bets(mine: Mapping[str, Any], last: Mapping[str, Bet]) -> Mapping[str, Bet]:
    """The bets as they stood after the last of some cohorts; *last* are those of now, where that cohort does not say."""
    from vigie.watch.concept import Bet

    said = mine[max(mine)].get("bets") if mine else None
    return last if said is None else {name: Bet.from_data(one) for name, one in said.items()}


def _estimate(data: Mapping[str, Any]) -> Estimate:
    from vigie.watch.estimate import Estimate

    return Estimate.from_data(data)


def _silent(mine: Mapping[str, Any]) -> tuple[float, float] | None:
    """Rows whose outcome is known, and those whose outcome is not, each customer once a horizon."""
    parts = [one["silent"] for one in mine.values() if "silent" in one and not one.get("blind")]
    return (float(sum(a for a, _ in parts)), float(sum(b for _, b in parts))) if parts else None


def _late(work: Work, known: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """By source: cohorts that wait for its next delivery, and those that were worked out without."""
    found: dict[str, tuple[int, int]] = {}
    for fact in known.values():
        if "late" in fact:
            waits, without = found.get(fact["late"], (0, 0))
            found[fact["late"]] = waits, without + 1
    waiting = [key for key in work.waiting if key in made] if work.now >= work.until else []
    if waiting:
        source = work.delivered()[1]
        found[source] = len(waiting), found.get(source, (0, 0))[1]
    return found


def _gone(known: Mapping[str, Any]) -> dict[str, int]:
    """Rows of versions that the registry no longer has, by version."""
    found: dict[str, int] = {}
    for fact in known.values():
        for version, rows in fact.get("gone", {}).items():
            found[version] = found.get(version, 0) + int(rows)
    return found


def customers_a_day(runs: Mapping[int, int], cohorts: Sequence[int], length: int, now: int) -> float:
    """Customers decided on a day: those of the last cohorts, over the time that these stand for.

    A base that is scored once a month has one cohort a month, which stands for all of it.

    Args:
        runs: Customers of one version by the beginning of their cohort, µs.
        cohorts: Beginnings of the cohorts of all versions, µs: how long it usually is from one to the next.
        length: Of a cohort, µs.
        now: µs. The first of all stands for the time since.

    Returns:
        0 where there are none.
    """
    if not runs:
        return 0.0
    recent, every = sorted(runs)[-28:], sorted(cohorts)[-28:]
    gaps = np.diff(every)
    gap = max(length, int(np.median(gaps)) if len(gaps) else now - recent[-1] - length)
    return sum(runs[one] for one in recent) / ((recent[-1] - recent[0] + gap) / DAY)


def _version_of(project: Project, score: str, known: Mapping[str, Any], made: Mapping[str, Any]) -> str | None:
    """The champion where it has cohorts, or of those that the registry still has the one that answered most in the last cohort of any."""
    there = {version for fact in known.values() for version in fact["by"]} | {v for fact in made.values() for v in fact}
    if not there:
        return None
    there &= versions_there(project, score)
    try:
        champion = str(project.registry.resolve(score, "champion").version)
    except RegistryError:
        champion = ""
    if champion in there or not there:
        return champion if champion in there else None
    cohorts = [*(fact["by"] for _, fact in sorted(known.items())), *(fact for _, fact in sorted(made.items()))]
    last = next(found for by in reversed(cohorts) if (found := {v: one for v, one in by.items() if v in there}))
    return str(max(last, key=lambda version: int(last[version]["rows"])))
