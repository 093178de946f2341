"""Predictions meet their outcomes: what a score was worth, what it will be worth, and whether it still means what it meant.

Time goes by in cohorts: the predictions about the moments of a day. When a cohort is over its performance is estimated and the estimate is kept; when its
outcomes can be known it is worked out, the estimate is checked, and the estimator and the bets against a changed concept learn from it. What was worked out is kept
(facts ``"performance SCORE"`` and ``"estimates SCORE"``, by cohort), so that each cohort is looked at twice however long the history is, and once more a
day while late events may come. Whatever is estimated at the end of a cohort knows only what was known by then, also where a long past is caught up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import DAY
from vigie.lifecycle.decision_money import Money
from vigie.lifecycle.project import Project
from vigie.lifecycle.watch_deliveries import last_delivery, outcome_sources
from vigie.lifecycle.watch_performance_policy import PerformancePolicy, performance_policy
from vigie.watch.cohorts import Cohort, Length, cohort_of, cohort_of_key, first_in_block, group_of
from vigie.watch.realised import GROUPS, Tally, figures_of, tally

if TYPE_CHECKING:
    import polars as pl

    from vigie.definition import Score
    from vigie.economics import PayoffValues
    from vigie.features.values import Values
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.watch_scored import Scored
    from vigie.watch.concept import Bet
    from vigie.watch.estimate import Estimator

HISTORY = 400 * DAY
"""How far back a first look goes."""
KEPT = 800 * DAY
"""How long what was worked out is kept."""
AT_ONCE = 31
"""Cohorts that are read at once."""
TRIES = 3
"""How often it is begun anew where another process was quicker."""
CLOCK = "clock"
"""Key of the fact that says up to when all is learned. Whatever is learned is written over the one that was read, or not at all."""


def topic_of(score: str, length: Length = "day") -> str:
    """Topic of the facts about matured cohorts, by the first day of each. Days and weeks have topics of their own: their rows are the same."""
    return f"performance {score}{_BY[length]}"


def estimates_topic(score: str, length: Length = "day") -> str:
    """Topic of the estimates, as they were made when each cohort was over."""
    return f"estimates {score}{_BY[length]}"


def state_topic(score: str, length: Length = "day") -> str:
    """Topic of what was learned of each version, and of the moment up to which it was."""
    return f"performance state {score}{_BY[length]}"


_BY: Mapping[Length, str] = {"day": "", "week": " by week"}
LEARNED = ("groups", "bets", "silent", "checks", "said")
"""What was learned of a cohort, and stays where it is worked out again."""


# -- working out -----------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Version:
    """What is known of a model.

    Attributes:
        estimator: Of its figures.
        bets: On its groups.
    """

    estimator: Estimator
    bets: dict[str, Bet] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        return {"estimator": self.estimator.to_data(), "bets": {name: one.to_data() for name, one in self.bets.items()}}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Version:
        from vigie.watch.concept import Bet
        from vigie.watch.estimate import Estimator

        bets = {name: Bet.from_data(one) for name, one in data["bets"].items()}
        return cls(Estimator.from_data(data["estimator"]), bets)


def update_performance(
    project: Project, ledger: Ledger, score: str, now: int, policy: PerformancePolicy | None = None
) -> int:
    """Estimate the cohorts that are over and work out those whose outcomes are mature at *now*; how many cohorts that were.

    Done again it does nothing but look for late events, and of a moment before the last one nothing at all. Killed, the next one begins where the last one had
    kept what it knew. Of several that do so at the same time one keeps what it found; the others begin anew behind it.

    Args:
        project: Where predictions, lake and models are.
        ledger: Keeps what is worked out.
        score: Name of the score.
        now: µs.
        policy: When performance is told; left out: that of the project.

    Raises:
        DataError: The lake cannot be read.
        FeatureError: Outcomes cannot be looked up.
        JournalError: Predictions or the ledger cannot be read.
    """
    policy = policy or performance_policy(project)
    for _ in range(TRIES):
        work = Work(project, ledger, score, now, policy)
        if now < work.until:  # of the past everything is known that will be
            return 0
        done = work.run()
        if done is not None:
            return done + work.again()
    return 0


class Work:
    """One run of :func:`update_performance`."""

    def __init__(self, project: Project, ledger: Ledger, score: str, now: int, policy: PerformancePolicy) -> None:
        self.project, self.ledger, self.score, self.now, self.policy = project, ledger, score, now, policy
        declared = project.score(score)
        self.schema = project.schema(declared)
        self.bound: Score = declared.bound(self.schema)
        self.horizon = self.bound.horizon.microseconds if self.bound.horizon else 0
        self.money = Money(project, score)
        length = policy.cohort
        self.topic, self.estimates, self.state = (
            topic(score, length) for topic in (topic_of, estimates_topic, state_topic)
        )
        state = ledger.facts(self.state)
        self.clock: Mapping[str, Any] = state.get(CLOCK, {})
        self.until = int(self.clock.get("until", 0))
        self.writes: dict[str, dict[str, dict[str, Any]]] = {}
        self.versions = {
            key.removeprefix("version "): Version.from_data(one)
            for key, one in state.items()
            if key.startswith("version ")
        }
        self.changed: set[str] = set()
        self._frames: dict[str, dict[int, pl.DataFrame]] = {}
        self._read: dict[str, int] = {}
        self._seen: dict[str, int] | None = None
        self._tables: dict[str, int] | None = None
        self._columns: dict[str, list[str]] = {}
        self._there: frozenset[str] | None = None
        self._came: tuple[int, str] | None = None
        self.waiting: list[str] = list(self.clock.get("waiting", []))
        """Cohorts whose horizon is over and whose outcomes were not delivered yet."""

    def run(self) -> int | None:
        """Do all that is due; how many cohorts that were. ``None`` where another process was quicker."""
        due = self.due()
        done = 0
        for number, (when, kind, cohort) in enumerate(due, start=1):
            done += self.estimate(cohort) if kind == "over" else self.mature(cohort)
            # Up to the moment of the next one, which may be the same.
            if number % AT_ONCE == 0 and number < len(due) and due[number][0] > when:
                ahead = [one.key for _, kind, one in due[number:] if kind == "mature"]
                if not self.keep(when, [*ahead, *self.waiting]):
                    return None
        return done if self.keep(self.now, self.waiting) else None

    # -- what is to be done ------------------------------------------------------------------------------------------------

    def due(self) -> list[tuple[int, str, Cohort]]:
        """When what became possible since the last run, in the order of time."""
        first = self._first()
        if first is None:
            return []
        events: list[tuple[int, str, Cohort]] = []
        ripe = {key: cohort_of_key(key, self.policy.cohort) for key in self.waiting}
        cohort = cohort_of(max(first, self.now - HISTORY), self.policy.cohort)
        while cohort.end <= self.now:
            if self.until < cohort.end:
                events.append((cohort.end, "over", cohort))
            if self.until < cohort.mature_at(self.horizon) <= self.now:
                ripe[cohort.key] = cohort
            cohort = cohort_of(cohort.end, self.policy.cohort)
        waited, self.waiting, last = set(self.waiting), [], 0
        for key, one in sorted(ripe.items()):
            when, came = one.mature_at(self.horizon), self.delivered()[0]
            if came < when and self.now < when + self.policy.grace:
                self.waiting.append(key)
                continue
            if key in waited:
                when = min(max(when, came), when + self.policy.grace, self.now)
            # One after the other: bets are on the first cohort of a customer.
            last = max(last, when)
            events.append((last, "mature", one))
        # What was learned by a moment is known when a cohort ends at it.
        return sorted(events, key=lambda one: (one[0], one[1] == "over", one[2].begin))

    def delivered(self) -> tuple[int, str]:
        """Moment of the last delivery of the source of outcomes that is furthest behind, µs, and its name."""
        if self._came is None:
            found = [(last_delivery(self.project, name), name) for name in outcome_sources(self.bound)]
            self._came = min(found, default=(self.now, ""))
        return self._came

    def _first(self) -> int | None:
        """Moment from which on there can be cohorts to look at, µs."""
        if self.until:
            return self.until - self.horizon - 8 * DAY
        from vigie.lifecycle.watch_scored import earliest

        return earliest(self.project, self.score)

    def _frame(self, kind: str, cohort: Cohort, last: int) -> pl.DataFrame | None:
        """Predictions of a cohort; ``None`` where there are none. Cohorts are asked for in order, and read many at once, up to that of *last*, µs."""
        from vigie.lifecycle.watch_scored import frame_between

        if cohort.begin >= self._read.get(kind, 0):
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
        from vigie.lifecycle.watch_scored import held_share, scored_of, stays_of, weights_of
        from vigie.watch.estimate import expected_of

        frame = self._frame("over", cohort, self.now)
        if frame is None:
            return False
        fact: dict[str, Any] = {}
        stays, held = stays_of(frame), held_share(frame)
        for scored in scored_of(self._known(frame)[0], self.money):
            payoff = self._payoff(scored, {})
            weights, kept = weights_of(scored, stays, held)
            p, act, sums = scored.p[kept], scored.would_act[kept], payoff.take(kept)
            known = self._version(scored.version).estimator
            made = known.estimate(p, act, sums, moment=cohort.begin, weights=weights)
            said = expected_of(p, act, sums, weights)
            fact[scored.version] = {"rows": len(scored), "estimate": made.to_data(), "said": _told(said)}
        if fact:
            self.writes.setdefault(self.estimates, {})[cohort.key] = fact
        return bool(fact)

    # -- a cohort whose outcomes are mature ----------------------------------------------------------------------------------

    def mature(self, cohort: Cohort) -> bool:
        """Work it out, check what was estimated, and learn; whether there was anything to work out."""
        from vigie.watch.concept import ALL, Bet, bet
        from vigie.watch.estimate import Estimate

        frame = self._frame("mature", cohort, self.now - self.horizon)
        if frame is None:
            return False
        made = self._estimated(cohort)
        earlier = self._earlier(cohort)
        fact: dict[str, Any] = {}
        for scored, y, told, groups in self._worked(frame):
            version = self._version(scored.version)
            one = made.get(scored.version)
            if not told["blind"]:
                truth = Tally.from_data(told.get("untouched", told["tally"]))
                checks = version.estimator.learn(
                    cohort.begin, truth, figures_of(truth), Estimate.from_data(one["estimate"]) if one else None
                )
                told["checks"] = {check.figure: [check.realised, check.held] for check in checks}
            told["said"] = one["said"] if one else told["said"]
            fresh = first_in_block(scored.customers, cohort.begin, self.horizon, earlier)
            unknown = np.isnan(y[fresh])
            told["silent"] = [int((~unknown).sum()), int(unknown.sum())]
            fresh &= ~scored.acted if told["held"] else True
            for name, mask in {ALL: np.ones(len(scored), dtype=bool), **groups}.items():
                rows = mask & fresh
                version.bets[name] = bet(
                    version.bets.get(name, Bet()), y[rows], scored.p[rows], cohort.begin, self.policy.limits.tolerance
                )
                told["groups"][name] = _seen(y[rows], scored.p[rows])
            told["bets"] = {name: one.to_data() for name, one in version.bets.items()}
            self.changed.add(scored.version)
            fact[scored.version] = told
        self.writes.setdefault(self.topic, {})[cohort.key] = {
            "by": fact,
            "gone": self._known(frame)[1],
            "tables": self._sources(),
            "length": self.policy.cohort,
        }
        came, source = self.delivered()
        if came < cohort.mature_at(self.horizon):
            self.writes[self.topic][cohort.key]["late"] = source
        assert self._seen is not None
        self._seen |= dict.fromkeys(frame["customer"].to_list(), cohort.begin)
        return True

    def _estimated(self, cohort: Cohort) -> Mapping[str, Any]:
        """What was estimated of a cohort, by version."""
        topic = self.estimates
        written = self.writes.get(topic, {}).get(cohort.key)
        return written or self.ledger.facts(topic, cohort.key, f"{cohort.key}~").get(cohort.key, {})

    def _worked(
        self, frame: pl.DataFrame
    ) -> Iterator[tuple[Scored, np.ndarray, dict[str, Any], dict[str, np.ndarray]]]:
        """Rows by version with their outcomes, their tallies as plain data, and the groups that they fall in."""
        from vigie.lifecycle.watch_scored import challenges, held_share, scored_of, stays_of, weights_of
        from vigie.watch.concept import groups_of
        from vigie.watch.estimate import expected_of

        stays, held = stays_of(frame), held_share(frame)
        for scored in scored_of(self._known(frame)[0], self.money):
            y = self._became(scored)
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
                "checks": {},
                # Acted on, and nobody held out: what the scores foretold cannot be seen.
                "blind": bool(held) and challenges(scored),
                "held": held,
            }
            arms = np.unique(scored.arms)
            if len(arms) > 1:
                told["arms"] = {str(one): tallied(np.flatnonzero(scored.arms == one)) for one in arms}
            weights, kept = weights_of(scored, stays, held)
            act, sums = scored.would_act[kept], payoff.take(kept)
            told["said"] = _told(expected_of(scored.p[kept], act, sums, weights))
            if weights is not None:
                told["untouched"] = tally(
                    y[kept], scored.p[kept], act, sums, groups[kept], count=GROUPS, weights=weights
                ).to_data()
            yield scored, y, told, groups_of(columns, self.money.bundle(scored.version).profile)

    def _known(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """Rows of versions that the registry has, and how many there are of others: nobody knows any more what these asked for.

        Where the registry cannot be asked nothing is left out: the look fails, and the next one goes on from here.
        """
        from vigie.lifecycle.watch_scored import versions_there, without

        if self._there is None:
            self._there = versions_there(self.project, self.score)
        return without(frame, self._there)

    def _became(self, scored: Scored) -> np.ndarray:
        """Outcomes of rows."""
        from vigie.features.event_outcomes import outcomes_of_scores

        asked = self.bound, self.project.lake, self.schema, scored.customers, scored.moments
        return outcomes_of_scores(*asked, as_of=self.now)

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

    def _version(self, version: str) -> Version:
        from vigie.bundle.logistic import log_odds
        from vigie.watch.estimate import Estimator

        if version not in self.versions:
            test = self.money.bundle(version).metrics.get("test", {})
            share = (float(test.get("positives", 0)) + 1) / (float(test.get("n", 0)) + 2)
            self.versions[version] = Version(Estimator(self.horizon, float(log_odds(np.array(share)))))
            self.changed.add(version)
        return self.versions[version]

    # -- what is kept ----------------------------------------------------------------------------------------------------------

    def keep(self, until: int, waiting: Sequence[str] = ()) -> bool:
        """Keep what was worked out and learned by *until*, at once with the moment itself; whether nobody else did meanwhile."""
        clock: dict[str, Any] = {"until": max(until, self.until)}
        if waiting:
            clock["waiting"] = list(waiting)
        if clock == self.clock and not self.writes and not self.changed:
            return True
        topic = self.state
        state = {f"version {one}": self.versions[one].to_data() for one in sorted(self.changed)}
        facts = {**self.writes, topic: {**state, CLOCK: clock}}
        if not self.ledger.put_facts_over(topic, CLOCK, self.clock, self.now, facts):
            return False
        self.clock, self.until = clock, int(clock["until"])
        self.writes.clear()
        self.changed.clear()
        if until >= self.now:
            for one in (self.topic, self.estimates):
                self.ledger.drop_facts(one, cohort_of(self.now - KEPT).key)
        return True

    def again(self) -> int:
        """Work out again the cohorts to which late events may have come, each once a day at most; how many that were. What was learned of them stays."""
        length, grace, today = self.policy.cohort, self.policy.grace, self.now // DAY
        first = cohort_of(self.now - self.horizon - grace, length)
        known = self.ledger.facts(self.topic, cohort_of(self.now - self.horizon - 2 * grace, length).key)
        stale = {
            cohort_of_key(key, length): fact
            for key, fact in known.items()
            # What was not waited for any longer has its time from then on.
            if (key >= first.key or "late" in fact)
            and fact["tables"] != self._sources()
            and fact.get("again", 0) < today
        }
        done = 0
        self._read.pop("again", None)
        for cohort, fact in stale.items():
            frame = self._frame("again", cohort, max(stale).end)
            if frame is None:
                continue
            by = dict(fact["by"])
            for scored, _, told, _ in self._worked(frame):
                before = by.get(scored.version, {})
                by[scored.version] = {
                    **told,
                    **{one: before[one] for one in LEARNED if one in before},
                }
            said = {**fact, "by": by, "tables": self._sources(), "again": today}
            self.ledger.put_facts(self.topic, self.now, {cohort.key: said})
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
