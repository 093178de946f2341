"""One policy lived through, day by day, with what was known on each day.

A step of a day: the new model takes over where its time has come; outcomes that can be known now are learned of; those whose
moment has come are scored and decided about; what is seen is judged; the policy says whether to train; what was trained has to
pass the gate, on the rows of its test that share nothing with what the model in use learned from.

History stays what it was. Nobody of the past was really acted on by a rehearsed decision: its value is what the cost matrix
says of the outcome that came.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from vigie.bundle.logistic import log_odds
from vigie.clock import DAY, iso
from vigie.errors import TrainingError
from vigie.lifecycle.rehearse_alarms import WATCHED, Ringing, span_of
from vigie.lifecycle.rehearse_gate import Window, gated
from vigie.lifecycle.rehearse_ground import Ground
from vigie.lifecycle.rehearse_models import Model, Models
from vigie.lifecycle.rehearse_policy import Rule
from vigie.lifecycle.rehearse_records import CohortRun, Event, PolicyRun
from vigie.lifecycle.retrain_plan import DISTANCES
from vigie.lifecycle.retrain_plan import figures_of as figures_told
from vigie.training.gate import GateOptions
from vigie.watch.cohorts import first_in_block, group_of
from vigie.watch.concept import ALL, Bet, Seen, bet, group_features, groups_of, seen, verdicts
from vigie.watch.drift import Memo, drift
from vigie.watch.drift_policy import OUTCOMES, DriftPolicy
from vigie.watch.estimate import FIGURES, Check, Estimate, Estimator, expected_of
from vigie.watch.policy import Figure, Situation, plan
from vigie.watch.profile import Profile
from vigie.watch.realised import GROUPS, Tally, figures_of, tally
from vigie.watch.realised_signals import Limits, Performance, signals_of
from vigie.watch.signal import Signal
from vigie.watch.windows import day_of

WINDOW = 28 * DAY
"""Cohorts whose realised figures are told of together."""
KEPT = 45
"""Days whose profiles are looked at."""
Progress = Callable[[str, float], None]


@dataclass(eq=False)
class _Use:
    """A model while it answers, and what was seen of it.

    Attributes:
        model: Itself.
        estimator: Its estimates.
        estimates: Of cohorts, with what the scores themselves promised.
        truth: Tallies of cohorts whose outcomes are known, with what was promised and seen of groups.
    """

    model: Model
    estimator: Estimator
    days: dict[int, Profile] = field(default_factory=dict)
    outcomes: dict[int, Profile] = field(default_factory=dict)
    memo: Memo = field(default_factory=dict)
    bets: dict[str, Bet] = field(default_factory=dict)
    estimates: dict[int, tuple[Estimate, dict[str, float]]] = field(default_factory=dict)
    truth: dict[int, tuple[Tally, dict[str, Seen]]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model, horizon: int) -> _Use:
        test = model.test
        share = (test.get("positives", 0.0) + 1) / (test.get("n", 0.0) + 2)
        return cls(model, Estimator(horizon, float(log_odds(np.array(share)))))


@dataclass(frozen=True, eq=False, kw_only=True)
class Conduct:
    """How a rehearsal is run, the same for all policies.

    Attributes:
        bake: Time from passing the gate to answering, in which a release is tried on few, µs.
        gate: How strict the gate is; ``None``: there is none, and what was trained is released.
        drift: From when on drift is told.
        limits: From when on performance is told.
    """

    bake: int = 7 * DAY
    gate: GateOptions | None = field(default_factory=GateOptions)
    drift: DriftPolicy = field(default_factory=DriftPolicy)
    limits: Limits = field(default_factory=Limits)


def rehearsed(
    ground: Ground, models: Models, rule: Rule, conduct: Conduct | None = None, progress: Progress | None = None
) -> PolicyRun:
    """Live through the time of *ground* under one policy.

    Nothing that became known after a day has a part in what is done or said on it: events up to a day, decisions and
    alarms are the same whatever the data hold of later ones.

    Args:
        ground: Rows.
        models: Trains and keeps models.
        rule: The policy.
        conduct: How releases are made and alarms told.
        progress: Told about the work.

    Raises:
        TrainingError: The first model cannot be trained.
    """
    life = _Life(ground, models, rule, conduct or Conduct())
    now = ground.begin
    while now <= ground.end:
        life.step(now)
        if progress is not None:
            progress(f"{rule.name}: {iso(now)[:10]}", (now - ground.begin) / max(ground.end - ground.begin, 1))
        now += ground.step
    return life.run()


class _Life:
    def __init__(self, ground: Ground, models: Models, rule: Rule, conduct: Conduct) -> None:
        self.ground, self.models, self.rule, self.conduct = ground, models, rule, conduct
        self.planned = rule.planned(ground.begin, ground.end)
        self.uses: dict[int, _Use] = {}
        self.act = np.zeros(len(ground.rows), dtype=bool)
        self.decided = np.zeros(len(ground.rows), dtype=bool)
        self.waiting: list[int] = []
        self.cohorts: list[CohortRun] = []
        self.answered: dict[int, int] = {}
        self.events: list[Event] = []
        self.ringing = Ringing()
        self.checks: list[Check] = []
        self.next = 0
        self.profiled = day_of(ground.begin) - 1
        self.coming: tuple[int, int] | None = None
        self.last: int | None = None
        self.windows: list[Window] = []
        self.trainings = self.released = 0
        self.seen_last: dict[str, int] = {}
        self.told: tuple[tuple[int, int, int] | None, list[Signal]] = None, []
        self.use = self._take_over(models.at(ground.begin))
        self._tell(ground.begin, "released", "the first model")

    def _take_over(self, model: Model) -> _Use:
        return self.uses.setdefault(model.trained, _Use.of(model, self.ground.horizon))

    def _tell(self, now: int, kind: str, words: str, model: Model | None = None) -> None:
        self.events.append(Event(now, kind, (model or self.use.model).name, words))

    def run(self) -> PolicyRun:
        return PolicyRun(
            self.rule.name, self.act, self.decided, tuple(self.cohorts), tuple(self.events), self.ringing.all(),
            tuple(self.checks), self.trainings, self.released,
        )  # fmt: skip

    # -- a day -----------------------------------------------------------------------------------------------------------

    def step(self, now: int) -> None:
        if self.ground.by_event:  # those of the days behind were answered before anything changed
            self._score(now)
        if self.coming is not None and self.coming[1] <= now:
            self._release(now)
        self._mature(now)
        if not self.ground.by_event:
            self._score(now)
        self._profile(now)
        signals = self._signals(now)
        self._alarms(now, signals)
        self._renew(now, signals)

    def _release(self, now: int) -> None:
        assert self.coming is not None
        for one in self.ringing.release(now):
            self._tell(now, "over", f"{one.area}: another model answers")
        self.use = self._take_over(self.models.at(self.coming[0]))
        self.coming = None
        self.released += 1
        self._tell(now, "released", "answers everybody from now on")

    def _score(self, now: int) -> None:
        cohorts = self.ground.cohorts
        while self.next < len(cohorts) and self.ground.over(int(cohorts[self.next])) <= now:
            cohort = int(cohorts[self.next])
            found = self.use.model.scored(cohort)
            self.act[found.rows], self.decided[found.rows] = found.act, True
            made = self.use.estimator.estimate(found.p, found.act, found.payoffs, moment=cohort)
            said = expected_of(found.p, found.act, found.payoffs)
            self.use.estimates[cohort] = (made, said)
            self.answered[cohort] = self.use.model.trained
            self.waiting.append(cohort)
            self.cohorts.append(CohortRun(cohort, self.use.model.trained, len(found.rows), int(found.act.sum()), made))
            self.next += 1

    def _mature(self, now: int) -> None:
        ripe = [one for one in self.waiting if self.ground.over(one) + self.ground.horizon <= now]
        if not ripe:
            return
        labels = self.ground.labels(now)
        for cohort in ripe:
            self.waiting.remove(cohort)
            self._learn(cohort, labels)

    def _learn(self, cohort: int, labels: np.ndarray) -> None:
        use = self.uses[self.answered[cohort]]
        found = use.model.scored(cohort)
        y, keys = labels[found.rows], self.ground.rows.customers[found.rows].tolist()
        truth = tally(y, found.p, found.act, found.payoffs, group_of(keys), count=GROUPS)
        self.checks += use.estimator.learn(cohort, truth, figures_of(truth), use.estimates[cohort][0])
        fresh = first_in_block(keys, cohort, self.ground.horizon, list(self.seen_last.items()))
        self.seen_last |= dict.fromkeys(keys, cohort)
        told: dict[str, Seen] = {}
        for name, mask in self._groups(use.model, found.rows).items():
            rows = mask & fresh
            use.bets[name] = bet(
                use.bets.get(name, Bet()), y[rows], found.p[rows], cohort, self.conduct.limits.tolerance
            )
            told[name] = seen(y[rows], found.p[rows])
        use.truth[cohort] = (truth, told)
        day = day_of(cohort)
        use.outcomes[day] = use.model.layout.count({}, keys, outcome=y)

    def _groups(self, model: Model, rows: np.ndarray) -> dict[str, np.ndarray]:
        names = group_features(model.bundle.metrics.get("importance", {}), model.bundle.profile)
        features = self.ground.rows.features
        columns = {name: features[name].take(rows) for name in names if name in features}
        return {ALL: np.ones(len(rows), dtype=bool), **groups_of(columns, model.bundle.profile)}

    def _profile(self, now: int) -> None:
        """Profiles of the days that have begun; a day is looked at when it is over."""
        last = day_of(now)
        first = last if not self.ground.by_event else last - 1  # events of a day are known when it is over
        for day in range(self.profiled + 1, first + 1):
            found = self.use.model.profile(day)
            if found is not None:
                self.use.days[day] = found
        self.profiled = max(self.profiled, first)
        for days in (self.use.days, self.use.outcomes):
            for day in [one for one in days if one < last - KEPT - self.ground.horizon // DAY]:
                del days[day]

    # -- what is seen ------------------------------------------------------------------------------------------------------

    def _signals(self, now: int) -> list[Signal]:
        use, score, model = self.use, self.ground.score.name, self.use.model
        found = drift(
            model.layout, model.reference, use.days, day_of(now), score=score, model=model.name, policy=self.conduct.drift,
            importance=model.importance, outcomes=use.outcomes, memo=use.memo,
        )  # fmt: skip
        return [*found, *self._performance(now)]

    def _performance(self, now: int) -> list[Signal]:
        use, ground = self.use, self.ground
        # Between two cohorts there is nothing new to say.
        state = use.model.trained, len(use.truth), len(use.estimates)
        if state == self.told[0]:
            return self.told[1]
        known = sorted(use.truth)
        lately = [one for one in use.estimates if one not in use.truth]
        if not known and not lately:
            return []
        within = [one for one in known if one > known[-1] - WINDOW]
        whole: Tally | None = None
        said: dict[str, float] = {}
        weight: dict[str, float] = {}
        for one in within:
            part = use.truth[one][0]
            whole = part if whole is None else whole + part
            rows = part.total("rows")
            for name, value in use.estimates[one][1].items():
                if not math.isnan(value):
                    said[name], weight[name] = said.get(name, 0.0) + rows * value, weight.get(name, 0.0) + rows
        last = lately[-1] if lately else known[-1]
        signals = signals_of(
            Performance(
                score=ground.score.name, model=use.model.name, now=now,
                begin=within[0] if within else last, end=ground.over(within[-1]) + DAY if within else last + DAY,
                realised=figures_of(whole) if whole is not None else None,
                said={name: total / weight[name] for name, total in said.items() if weight[name]},
                test=use.model.test, customers=self._a_day(), currency=ground.score.decision.currency, unbiased=True,
                waiting=sum(use.estimates[one][0].rows for one in lately),
                estimates=[use.estimates[one][0] for one in lately],
                promised=use.estimates[last][1].get("value", math.nan),
                coverage={name: use.estimator.coverage(name, now) for name in FIGURES},
                concept=verdicts(
                    use.bets, [(one, use.truth[one][1]) for one in within],
                    run=self.conduct.limits.run, tolerance=self.conduct.limits.tolerance,
                )
                if use.bets
                else [],
            ),
            self.conduct.limits,
        )  # fmt: skip
        self.told = state, signals
        return signals

    def _a_day(self) -> float:
        """Customers decided on a day."""
        done = self.cohorts[-12:]
        if len(done) < 2:
            return float(done[0].rows) if done else 0.0
        days = (done[-1].begin - done[0].begin) / DAY
        return sum(one.rows for one in done[1:]) / max(days, 1.0)

    def _alarms(self, now: int, signals: list[Signal]) -> None:
        use = self.use
        first = min(use.truth, default=now)
        spans = {
            (one.code, one.subject): span_of(
                one, self.ground, use.outcomes if one.code == OUTCOMES else use.days, first
            )
            for one in signals
            if one.rings and one.area in WATCHED
        }
        began, over = self.ringing.look(now, use.model.trained, signals, spans)
        for one in began:
            self._tell(now, "alarm", f"{one.area}: {one.words}")
        for one in over:
            self._tell(now, "over", f"{one.area}: it is silent again")

    # -- what is done ------------------------------------------------------------------------------------------------------

    def _renew(self, now: int, signals: list[Signal]) -> None:
        due, why = False, ""
        if self.rule.period:
            passed = [one for one in self.planned if one <= now]
            self.planned = self.planned[len(passed) :]
            due, why = bool(passed) and self.coming is None, f"the {self.rule.period} begins"
        elif self.rule.policy.when:
            found = plan(self.rule.policy, self._situation(now, signals))
            due, why = found.due, "; ".join(found.why)
        if not due:
            return
        self.last = now
        try:
            model = self.models.at(now)
        except TrainingError as error:
            self._tell(now, "failed", f"no model could be learned ({why}): {error.what}")
            return
        self.trainings += 1
        self._tell(now, "trained", why, model)
        if self.conduct.gate is not None:
            verdict, window = gated(self.ground, self.models, model, self.use.model, self.windows, self.conduct.gate)
            self.windows.append(window)
            if not verdict.passes:
                self._tell(now, "refused", verdict.words, model)
                return
        self.coming = (now, now + self.conduct.bake)
        if self.conduct.bake <= 0:
            self._release(now)

    def _situation(self, now: int, signals: list[Signal]) -> Situation:
        figures = figures_told(signals, DISTANCES.get(self.conduct.drift.distance, "psi"))
        model, ground = self.use.model, self.ground
        figures["age"] = Figure(float(now - model.trained))
        then, rows = ground.rows.moments + ground.horizon <= model.trained, ground.rows.moments + ground.horizon <= now
        figures["rows"] = Figure(float(rows.sum() - then.sum()), reference=float(then.sum()))
        return Situation(
            now=now,
            champion=model.name,
            figures=figures,
            incidents=frozenset(one.area for one in signals if one.rings),
            signals=frozenset(one.code for one in signals if one.rings),
            rollout=self.coming is not None,
            last=self.last,
        )
