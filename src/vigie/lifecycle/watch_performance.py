"""Predictions meet their outcomes: what a score was worth, what it will be worth, and whether it still means what it meant.

Time goes by in cohorts: the predictions about the moments of a day. When a cohort is over its performance is estimated and the estimate is kept; when its
outcomes can be known it is worked out, the estimate is checked, and the estimator and the bets against a changed concept learn from it. What was worked out is kept
(facts ``"performance SCORE"`` and ``"estimates SCORE"``, by cohort), so that each cohort is looked at twice however long the history is, and once more a
day while late events may come. Whatever is estimated at the end of a cohort knows only what was known by then, also where a long past is caught up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import DAY
from vigie.definition import At
from vigie.errors import DefinitionError, RegistryError, SettingsError
from vigie.lifecycle.decision_money import Money
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import holdout_of
from vigie.watch.cohorts import Cohort, Length, cohort_of, cohort_of_key, first_in_block, group_of, untouched
from vigie.watch.realised import GROUPS, Tally, figures_of, tally
from vigie.watch.signal import Signal

if TYPE_CHECKING:
    import polars as pl

    from vigie.definition import Score
    from vigie.economics import PayoffValues
    from vigie.features.values import Values
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.watch_scored import Scored
    from vigie.watch.concept import Bet, Seen
    from vigie.watch.estimate import Estimate, Estimator
    from vigie.watch.realised_signals import Limits

HISTORY = 400 * DAY
"""How far back a first look goes."""
KEPT = 800 * DAY
"""How long what was worked out is kept."""
AT_ONCE = 31
"""Cohorts that are read at once."""
WHERE = "[watch.performance]"


@dataclass(frozen=True, slots=True)
class PerformancePolicy:
    """``[watch.performance]`` of ``vigie.toml``.

    Attributes:
        cohort: What belongs together.
        window: Time whose cohorts are told of together, µs.
        grace: How long after its outcomes are mature a cohort is worked out again where new data came, µs.
        limits: From when on something rings.
    """

    cohort: Length
    window: int
    grace: int
    limits: Limits


def performance_policy(project: Project) -> PerformancePolicy:
    """When performance is told.

    Raises:
        SettingsError: A value cannot be meant.
    """
    from vigie.watch.realised_signals import Limits

    told: Mapping[str, Any] = project.settings.watch.get("performance", {})
    cohort = told.get("cohort", "day")
    if cohort not in ("day", "week"):
        raise SettingsError(f"cohort = {cohort!r}", where=WHERE, remedy="write day or week")
    given = {
        key: _positive(key, told[key])
        for key in ("auc", "f1", "log_loss", "value", "tolerance", "unknown")
        if key in told
    }
    a_month = _positive("false_alarms", told.get("false_alarms", 0.1))
    length = 7.0 if cohort == "week" else 1.0
    return PerformancePolicy(
        cohort,
        _time("window", told.get("window", "28d")),
        _time("grace", told.get("grace", "7d")),
        Limits(**given, run=30.0 / a_month / length),
    )


def _positive(key: str, said: object) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not said > 0:
        raise SettingsError(f"{key} = {said!r} is not a number above 0", where=WHERE, remedy="give one, such as 0.05")
    return float(said)


def _time(key: str, said: object) -> int:
    from vigie.definition.window import Window

    try:
        return Window.parse(str(said)).microseconds
    except DefinitionError as error:
        raise SettingsError(f"{key} = {said!r}", where=WHERE, remedy="write a time, such as 28d") from error


def performance_signals(project: Project, ledger: Ledger, score: str, now: int) -> list[Signal]:
    """Bring what is known of performance up to *now* and say what it shows.

    Args:
        project: Where predictions, lake and models are.
        ledger: Keeps what was worked out.
        score: Name of the score.
        now: µs; nothing later is looked at.

    Returns:
        Signals of the champion, or of the version that answered last where that has no cohorts yet. None of a score whose moments are those of events:
        an outcome then belongs to an event, which a prediction does not name; nor where nothing was predicted.

    Raises:
        SettingsError: ``[watch.performance]`` cannot be meant.
        DataError: The lake cannot be read.
        FeatureError: Outcomes cannot be looked up.
        JournalError: Predictions or the ledger cannot be read.
    """
    policy = performance_policy(project)
    if isinstance(project.score(score).moments, At):
        return []
    update_performance(project, ledger, score, now, policy)
    return _signals(project, ledger, score, now, policy)


def topic_of(score: str) -> str:
    """Topic of the facts about matured cohorts, by the first day of each."""
    return f"performance {score}"


def estimates_topic(score: str) -> str:
    """Topic of the estimates, as they were made when each cohort was over."""
    return f"estimates {score}"


def _state_topic(score: str) -> str:
    return f"performance state {score}"


# -- working out -----------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Version:
    """What is known of a model."""

    estimator: Estimator
    bets: dict[str, Bet] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        return {"estimator": self.estimator.to_data(), "bets": {name: one.to_data() for name, one in self.bets.items()}}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> _Version:
        from vigie.watch.concept import Bet
        from vigie.watch.estimate import Estimator

        bets = {name: Bet.from_data(one) for name, one in data["bets"].items()}
        return cls(Estimator.from_data(data["estimator"]), bets)


def update_performance(
    project: Project, ledger: Ledger, score: str, now: int, policy: PerformancePolicy | None = None
) -> int:
    """Estimate the cohorts that are over and work out those whose outcomes are mature at *now*; how many cohorts that were.

    Done again it does nothing but look for late events. Killed, the next one begins where the last one had kept what it knew.

    Args:
        project: Where predictions, lake and models are.
        ledger: Keeps what is worked out.
        score: Name of the score, whose moments are not those of events.
        now: µs.
        policy: When performance is told; left out: that of the project.

    Raises:
        DataError: The lake cannot be read.
        FeatureError: Outcomes cannot be looked up.
        JournalError: Predictions or the ledger cannot be read.
    """
    policy = policy or performance_policy(project)
    work = _Work(project, ledger, score, now, policy)
    due = work.due()
    done = 0
    for number, (when, kind, cohort) in enumerate(due, start=1):
        done += work.estimate(cohort) if kind == "over" else work.mature(cohort)
        # Up to the moment of the next one, which may be the same.
        if number % AT_ONCE == 0 and number < len(due) and due[number][0] > when:
            work.keep(when)
    work.keep(now)
    return done + work.again()


class _Work:
    """One run of :func:`update_performance`."""

    def __init__(self, project: Project, ledger: Ledger, score: str, now: int, policy: PerformancePolicy) -> None:
        self.project, self.ledger, self.score, self.now, self.policy = project, ledger, score, now, policy
        declared = project.score(score)
        self.schema = project.schema(declared)
        self.bound: Score = declared.bound(self.schema)
        self.horizon = self.bound.horizon.microseconds if self.bound.horizon else 0
        self.money = Money(project, score)
        self.held = holdout_of(project)
        state = ledger.facts(_state_topic(score))
        self.until = int(state.get("clock", {}).get("until", 0))
        self.versions = {
            key.removeprefix("version "): _Version.from_data(one)
            for key, one in state.items()
            if key.startswith("version ")
        }
        self.changed: set[str] = set()
        self._frames: dict[str, dict[int, pl.DataFrame]] = {}
        self._read: dict[str, int] = {}
        self._seen: dict[str, int] | None = None
        self._tables: dict[str, int] | None = None
        self._columns: dict[str, list[str]] = {}

    # -- what is to be done ------------------------------------------------------------------------------------------------

    def due(self) -> list[tuple[int, str, Cohort]]:
        """When what became possible since the last run, in the order of time."""
        first = self._first()
        if first is None:
            return []
        events: list[tuple[int, str, Cohort]] = []
        cohort = cohort_of(max(first, self.now - HISTORY), self.policy.cohort)
        while cohort.end <= self.now:
            for when, kind in ((cohort.mature_at(self.horizon), "mature"), (cohort.end, "over")):
                if self.until < when <= self.now:
                    events.append((when, kind, cohort))
            cohort = cohort_of(cohort.end, self.policy.cohort)
        # What was learned by a moment is known when a cohort ends at it.
        return sorted(events, key=lambda one: (one[0], one[1] == "over", one[2].begin))

    def _first(self) -> int | None:
        """Moment from which on there can be cohorts to look at, µs."""
        if self.until:
            return self.until - self.horizon - 8 * DAY
        from vigie.lifecycle.watch_scored import earliest

        return earliest(self.project, self.score)

    def _frame(self, kind: str, cohort: Cohort) -> pl.DataFrame | None:
        """Predictions of a cohort; ``None`` where there are none. Cohorts are asked for in order, and read many at once."""
        from vigie.lifecycle.watch_scored import frame_between

        if cohort.begin >= self._read.get(kind, 0):
            last = self.now - (self.horizon if kind == "mature" else 0)
            length = cohort.end - cohort.begin
            end = min(cohort.begin + AT_ONCE * length, max(cohort.end, cohort_of(last, self.policy.cohort).begin))
            rows = frame_between(self.project, self.score, cohort.begin, end, length=self.policy.cohort)
            self._frames[kind] = {
                int(one["cohort"][0]): one for one in rows.partition_by("cohort", maintain_order=True) if len(one)
            }
            self._read[kind] = end
        return self._frames[kind].get(cohort.begin)

    # -- a cohort that is over -----------------------------------------------------------------------------------------------

    def estimate(self, cohort: Cohort) -> bool:
        """Estimate its performance and keep the estimate; whether there was anything to estimate."""
        from vigie.lifecycle.watch_scored import scored_of
        from vigie.watch.estimate import expected_of

        frame = self._frame("over", cohort)
        if frame is None:
            return False
        fact: dict[str, Any] = {}
        for scored in scored_of(frame, self.money):
            payoff = self._payoff(scored, {})
            weights, kept = self._weights(scored)
            p, act, sums = scored.p[kept], scored.would_act[kept], payoff.take(kept)
            known = self._version(scored.version).estimator
            made = known.estimate(p, act, sums, moment=cohort.begin, weights=weights)
            said = expected_of(p, act, sums, weights)
            fact[scored.version] = {"rows": len(scored), "estimate": made.to_data(), "said": _told(said)}
        if fact:
            self.ledger.put_facts(estimates_topic(self.score), self.now, {cohort.key: fact})
        return bool(fact)

    def _weights(self, scored: Scored) -> tuple[np.ndarray | None, np.ndarray]:
        """How many rows each row stands for, and which rows count."""
        if not self.held:
            return None, np.arange(len(scored))
        weights = untouched(scored.would_act, scored.acted, self.held)
        kept = np.flatnonzero(weights > 0)
        return weights[kept], kept

    # -- a cohort whose outcomes are mature ----------------------------------------------------------------------------------

    def mature(self, cohort: Cohort) -> bool:
        """Work it out, check what was estimated, and learn; whether there was anything to work out."""
        from vigie.watch.concept import ALL, Bet, bet
        from vigie.watch.estimate import Estimate

        frame = self._frame("mature", cohort)
        if frame is None:
            return False
        made = self.ledger.facts(estimates_topic(self.score), cohort.key, f"{cohort.key}~").get(cohort.key, {})
        earlier = self._earlier(cohort)
        fact: dict[str, Any] = {}
        for scored, y, told, groups in self._worked(frame):
            version = self._version(scored.version)
            truth = Tally.from_data(told.get("untouched", told["tally"]))
            one = made.get(scored.version)
            checks = version.estimator.learn(
                cohort.begin, truth, figures_of(truth), Estimate.from_data(one["estimate"]) if one else None
            )
            told["checks"] = {check.figure: [check.realised, check.held] for check in checks}
            told["said"] = one["said"] if one else told["said"]
            fresh = first_in_block(scored.customers, cohort.begin, self.horizon, earlier)
            fresh &= ~scored.acted if self.held else True
            for name, mask in {ALL: np.ones(len(scored), dtype=bool), **groups}.items():
                rows = mask & fresh
                version.bets[name] = bet(
                    version.bets.get(name, Bet()), y[rows], scored.p[rows], cohort.begin, self.policy.limits.tolerance
                )
                told["groups"][name] = _seen(y[rows], scored.p[rows])
            self.changed.add(scored.version)
            fact[scored.version] = told
        self.ledger.put_facts(
            topic_of(self.score),
            self.now,
            {cohort.key: {"by": fact, "tables": self._sources(), "length": self.policy.cohort}},
        )
        assert self._seen is not None
        self._seen |= dict.fromkeys(frame["customer"].to_list(), cohort.begin)
        return True

    def _worked(
        self, frame: pl.DataFrame
    ) -> Iterator[tuple[Scored, np.ndarray, dict[str, Any], dict[str, np.ndarray]]]:
        """Rows by version with their outcomes, their tallies as plain data, and the groups that they fall in."""
        from vigie.features.training_set import outcomes_at
        from vigie.lifecycle.watch_scored import scored_of
        from vigie.watch.concept import groups_of
        from vigie.watch.estimate import expected_of

        for scored in scored_of(frame, self.money):
            y = outcomes_at(
                self.bound, self.project.lake, self.schema, scored.customers, scored.moments, as_of=self.now
            )
            columns: dict[str, Values] = {}
            payoff = self._payoff(scored, columns)
            groups = group_of(scored.customers)

            def tallied(rows: np.ndarray, scored: Scored = scored, y: np.ndarray = y, payoff: PayoffValues = payoff,
                        groups: np.ndarray = groups) -> dict[str, Any]:  # fmt: skip
                return tally(
                    y[rows], scored.p[rows], scored.acted[rows], payoff.take(rows), groups[rows], count=GROUPS
                ).to_data()

            everybody = np.arange(len(scored))
            told: dict[str, Any] = {
                "rows": len(scored),
                "tally": tallied(everybody),
                "segments": {
                    str(one): tallied(np.flatnonzero(scored.segments == one)) for one in np.unique(scored.segments)
                },
                "groups": {},
            }
            arms = np.unique(scored.arms)
            if len(arms) > 1:
                told["arms"] = {str(one): tallied(np.flatnonzero(scored.arms == one)) for one in arms}
            weights, kept = self._weights(scored)
            act, sums = scored.would_act[kept], payoff.take(kept)
            told["said"] = _told(expected_of(scored.p[kept], act, sums, weights))
            if weights is not None:
                told["untouched"] = tally(
                    y[kept], scored.p[kept], act, sums, groups[kept], count=GROUPS, weights=weights
                ).to_data()
            yield scored, y, told, groups_of(columns, self.money.bundle(scored.version).profile)

    def _payoff(self, scored: Scored, columns: dict[str, Values]) -> PayoffValues:
        """Cost matrices of rows; *columns* gets the features that make groups."""
        from vigie.lifecycle.watch_scored import columns_then
        from vigie.watch.concept import group_features

        bundle, leaves = self.money.bundle(scored.version), self.money.leaves(scored.version)
        if scored.version not in self._columns:
            self._columns[scored.version] = group_features(bundle.metrics.get("importance", {}), bundle.profile)
        names = self._columns[scored.version]
        found = columns_then(self.project, scored, self.money, list(dict.fromkeys([*leaves, *names])), self.score)
        columns.update({name: found[name] for name in names if name in found})
        payoff = self.money.sums(scored.version, found, len(scored))
        return type(payoff)(*(np.broadcast_to(one, (len(scored),)) for one in payoff.sums()))

    def _earlier(self, cohort: Cohort) -> list[tuple[str, int]]:
        """Customers of the cohorts before, back to one horizon, with the beginning of their last one."""
        from vigie.lifecycle.watch_scored import frame_between

        if self._seen is None:
            rows = frame_between(
                self.project, self.score, cohort.begin - self.horizon, cohort.begin, ("customer",), self.policy.cohort
            )
            self._seen = dict(zip(rows["customer"].to_list(), rows["cohort"].to_list(), strict=True))
        return list(self._seen.items())

    def _version(self, version: str) -> _Version:
        from vigie.bundle.logistic import log_odds
        from vigie.watch.estimate import Estimator

        if version not in self.versions:
            test = self.money.bundle(version).metrics.get("test", {})
            share = (float(test.get("positives", 0)) + 1) / (float(test.get("n", 0)) + 2)
            self.versions[version] = _Version(Estimator(self.horizon, float(log_odds(np.array(share)))))
            self.changed.add(version)
        return self.versions[version]

    # -- what is kept ----------------------------------------------------------------------------------------------------------

    def keep(self, until: int) -> None:
        """Keep what was learned by *until*, at once with the moment itself."""
        facts: dict[str, dict[str, Any]] = {
            f"version {one}": self.versions[one].to_data() for one in sorted(self.changed)
        }
        self.ledger.put_facts(_state_topic(self.score), self.now, {**facts, "clock": {"until": until}})
        self.changed.clear()
        if until >= self.now:
            for topic in (topic_of(self.score), estimates_topic(self.score)):
                self.ledger.drop_facts(topic, cohort_of(self.now - KEPT).key)

    def again(self) -> int:
        """Work out again the cohorts to which late events may have come; how many that were. What was learned of them stays."""
        first = cohort_of(self.now - self.horizon - self.policy.grace, self.policy.cohort)
        known = self.ledger.facts(topic_of(self.score), first.key)
        done = 0
        for key, fact in known.items():
            if fact["tables"] == self._sources():
                continue
            cohort = cohort_of_key(key, self.policy.cohort)
            self._read.pop("again", None)
            frame = self._frame("again", cohort)
            if frame is None:
                continue
            by = dict(fact["by"])
            for scored, _, told, _ in self._worked(frame):
                before = by.get(scored.version, {})
                by[scored.version] = {
                    **told,
                    **{one: before[one] for one in ("groups", "checks", "said") if one in before},
                }
            self.ledger.put_facts(topic_of(self.score), self.now, {key: {**fact, "by": by, "tables": self._sources()}})
            done += 1
        return done

    def _sources(self) -> dict[str, int]:
        """Versions of the tables that outcomes may be read from."""
        if self._tables is None:
            self._tables = {name: self.project.lake.version(name) for name in sorted(self.bound.sources)}
        return self._tables


def _seen(y: np.ndarray, p: np.ndarray) -> list[float]:
    from vigie.watch.concept import seen

    one = seen(y, p)
    return [one.rows, one.positives, round(one.said, 6), round(one.information, 6)]


def _told(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if value != value else float(value) for name, value in figures.items()}


# -- saying it -------------------------------------------------------------------------------------------------------------


def _signals(project: Project, ledger: Ledger, score: str, now: int, policy: PerformancePolicy) -> list[Signal]:
    from vigie.watch.concept import Seen, verdicts
    from vigie.watch.estimate import FIGURES
    from vigie.watch.realised_signals import Performance, signals_of

    work = _Work(project, ledger, score, now, policy)
    horizon = work.horizon
    last = cohort_of(now - horizon, policy.cohort).begin
    known = ledger.facts(topic_of(score), cohort_of(last - policy.window, policy.cohort).key, cohort_of(last).key)
    made = ledger.facts(estimates_topic(score), cohort_of(now - horizon - DAY, policy.cohort).key)
    version = _version_of(project, score, known, made)
    if version is None:
        return []
    mine = {key: fact["by"][version] for key, fact in known.items() if version in fact["by"]}
    lately = {key: fact[version] for key, fact in made.items() if version in fact}
    whole: Tally | None = None
    said: dict[str, float] = {}
    weight: dict[str, float] = {}
    window: dict[str, Seen] = {}
    for one in mine.values():
        part = Tally.from_data(one.get("untouched", one["tally"]))
        whole = part if whole is None else whole + part
        for name, value in one["said"].items():
            if value is not None:
                said[name] = said.get(name, 0.0) + one["rows"] * value
                weight[name] = weight.get(name, 0.0) + one["rows"]
        for name, figures in one["groups"].items():
            window[name] = window.get(name, Seen()) + Seen(*figures)
    estimates = [_estimate(one["estimate"]) for one in lately.values()]
    recent = [(key, one["rows"]) for key, one in lately.items()][-28:] or [
        (key, one["rows"]) for key, one in mine.items()
    ]
    state = work.versions.get(version)
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
            customers=_a_day(recent, policy.cohort),
            currency=bundle.decision.currency,
            unbiased=bool(work.held),
            waiting=sum(int(one["rows"]) for one in lately.values()),
            estimates=estimates,
            promised=float("nan") if promised is None else float(promised),
            coverage={} if state is None else {name: state.estimator.coverage(name, now) for name in FIGURES},
            concept=[]
            if state is None or not state.bets
            else verdicts(state.bets, window, run=policy.limits.run, tolerance=policy.limits.tolerance),
        ),
        policy.limits,
    )


def _estimate(data: Mapping[str, Any]) -> Estimate:
    from vigie.watch.estimate import Estimate

    return Estimate.from_data(data)


def _a_day(recent: list[tuple[str, int]], length: Length) -> float:
    """Customers decided on a day, on average over the cohorts from the first to the last."""
    if not recent:
        return 0.0
    first, last = cohort_of_key(recent[0][0], length), cohort_of_key(recent[-1][0], length)
    return sum(rows for _, rows in recent) / max((last.end - first.begin) / DAY, 1.0)


def _version_of(project: Project, score: str, known: Mapping[str, Any], made: Mapping[str, Any]) -> str | None:
    """The champion where it has cohorts, or the version that answered most in the last one."""
    there = {version for fact in known.values() for version in fact["by"]} | {v for fact in made.values() for v in fact}
    try:
        champion = str(project.registry.resolve(score, "champion").version)
    except RegistryError:
        champion = ""
    if champion in there or not there:
        return champion if champion in there else None
    last = made[max(made)] if made else known[max(known)]["by"]
    return str(max(last, key=lambda version: int(last[version]["rows"])))
