"""Retraining policies lived through on the user's own past, and what each would have been worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.bundle import payoff_values
from vigie.clock import DAY, iso, stopwatch
from vigie.definition import Score
from vigie.errors import InputError, TrainingError
from vigie.lifecycle.project import Project
from vigie.lifecycle.rehearse_alarms import allowed, by_chance, confirmed, found_after, ruled, verdict_of
from vigie.lifecycle.rehearse_ground import Ground, ground_of
from vigie.lifecycle.rehearse_models import Models
from vigie.lifecycle.rehearse_policy import NEVER, Rule, rules_of
from vigie.lifecycle.rehearse_records import Alarm, Chance, Event, PolicyRun, Stretch
from vigie.lifecycle.rehearse_run import Conduct, rehearsed
from vigie.lifecycle.train import part, tell
from vigie.training.bootstrap import Resampling
from vigie.training.evidence import Estimate
from vigie.training.metrics import auc, realised
from vigie.training.processes import Lost, each, one_thread

if TYPE_CHECKING:
    from vigie.training import TrainOptions

Progress = Callable[[str, float], None]
FOUR = ("never", "monthly", "on-drift", "on-loss")
"""Policies that are rehearsed where none is named."""


@dataclass(frozen=True, eq=False, slots=True)
class Point:
    """A policy after the cohorts up to a moment.

    Attributes:
        moment: Of the last cohort, µs.
        rows: Customers of that cohort whose outcome is known.
        acted: Of them, those acted on.
        value: What its decisions brought, currency.
        auc: Of the scores of that cohort; NaN where not defined.
        estimated: AUC as it was estimated when the cohort was scored, with its interval.
        total: What all decisions brought until then, currency.
        more: The same less what those of ``never`` brought, with its interval.
    """

    moment: int
    rows: int
    acted: int
    value: float
    auc: float
    estimated: tuple[float, float, float]
    total: float
    more: Estimate


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """What a policy was worth.

    Attributes:
        name: Of the policy.
        value: What its decisions brought, currency.
        more: The same less what those of ``never`` brought, with an interval that resamples customers.
        each: The same for one decision.
        trainings: Models trained after the first.
        released: Of them, those that came to answer; the others did not pass the gate.
        alarms: In order.
        delays: For each change that is known: days from it to the first look that told of it; NaN: none did in time.
        chances: For each of them, how often a day of no change would have been "found" as soon.
        already: For each of them, codes and subjects of what rang already when it came: it cannot tell of it.
        points: By cohort.
        events: What would have happened, in order.
        coverage: By figure: estimates that could be checked, and the share of them whose interval of 95 % held the truth.
    """

    name: str
    value: float
    more: Estimate
    each: Estimate
    trainings: int
    released: int
    alarms: tuple[Alarm, ...]
    delays: tuple[float, ...]
    chances: tuple[Chance, ...]
    already: tuple[tuple[str, ...], ...]
    points: tuple[Point, ...]
    events: tuple[Event, ...]
    coverage: Mapping[str, tuple[int, float]]

    def count(self, verdict: str) -> int:
        """Alarms that were *verdict* (:attr:`Alarm.verdict`)."""
        return sum(one.verdict == verdict for one in self.alarms)


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """What a rehearsal found out.

    Attributes:
        score: Name of the score.
        begin: First moment, µs.
        end: Last moment, µs.
        step: Time between two looks, µs.
        bake: Time from passing the gate to answering, µs.
        gated: Whether there was a gate.
        today: What is known today, µs.
        horizon: Of the outcome, µs.
        currency: Of values.
        decisions: Decisions whose outcome is known.
        waiting: Decisions whose outcome is not known yet; they have no part in any figure.
        customers: Distinct customers.
        models: Candidates of every training.
        changes: Moments at which something changed, as the user says, µs.
        outcomes: ``never`` first, then as they were named.
        seconds: It took.
    """

    score: str
    begin: int
    end: int
    step: int
    bake: int
    gated: bool
    today: int
    horizon: int
    currency: str
    decisions: int
    waiting: int
    customers: int
    models: tuple[str, ...]
    changes: tuple[int, ...]
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def best(self) -> Outcome:
        """The policy whose decisions brought most; ``never`` where several did."""
        return max(self.outcomes, key=lambda one: (one.value, one.name == NEVER))

    @property
    def paid(self) -> bool:
        """Whether the best policy brought more than ``never`` beyond chance."""
        return self.best.more.low > 0

    @property
    def words(self) -> str:
        """The answer in a sentence."""
        best = self.best
        if best.name == NEVER:
            return "No policy brought more than keeping the first model."
        told = f"{best.name} brought {best.more.value:+,.0f} {self.currency} beside never training again"
        if self.paid:
            return f"{told}, at least {best.more.low:+,.0f} (95 %)."
        return f"{told}, which may be chance ({best.more.low:+,.0f} to {best.more.high:+,.0f})."

    def to_data(self) -> dict[str, Any]:
        """Plain data; what is not known is null. Times are ISO 8601."""
        from vigie.lifecycle.rehearse_data import data_of

        return data_of(self)


def rehearse(
    project: Project,
    score: Score,
    *,
    begin: int,
    end: int,
    policies: Sequence[str] = FOUR,
    step: int = DAY,
    conduct: Conduct | None = None,
    options: TrainOptions,
    workers: int = 1,
    changes: Sequence[int] = (),
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Rehearsal:
    """Live through the past once for each policy, and compare what their decisions were worth.

    All features are computed once; models are trained once for a moment, whichever policies ask for them, and kept: a
    rehearsal that was killed goes on with those. Nothing of the project is changed.

    Args:
        project: Where the data are; its clock says what is known today.
        score: As the project file has it.
        begin: When the first model is trained, µs.
        end: Last moment that is scored, µs.
        policies: Names (:data:`vigie.lifecycle.rehearse_policy.NAMES`); ``never`` is rehearsed in any case.
        step: Time between two looks, µs; whole days.
        conduct: How releases are made and alarms told; ``None``: as the project does (:func:`conduct_of`).
        options: Of every training (:func:`vigie.lifecycle.rehearse_models.rehearsal_options`).
        workers: Processes.
        changes: Moments at which something changed, where they are known, µs: alarms are then told true from false.
        folder: Where models are kept; ``None``: in the state folder of the project.
        progress: Told about the work.

    Raises:
        SettingsError: A policy is not known.
        InputError: The period does not fit the data.
        DefinitionError: The score cannot be rehearsed.
        ContractError: A source was not ingested yet.
        TrainingError: The first model cannot be learned.
    """
    started = stopwatch()
    conduct = conduct or conduct_of(project)
    rules = rules_of(policies, project.settings.retrain)
    outside = [one for one in changes if not begin <= one <= end]
    if outside:
        raise InputError(
            f"a change on {iso(outside[0])[:10]} lies outside of the rehearsal", field="--change", remedy="name a day within the period"
        )  # fmt: skip
    ground = ground_of(project, score, options, begin=begin, end=end, step=step, progress=part(progress, 0.0, 0.15))
    folder = folder or project.settings.state / "rehearsals" / score.name
    piece = _Piece(ground, options, folder, conduct)
    _train_ahead(piece, rules, workers, part(progress, 0.15, 0.5))
    runs: dict[str, PolicyRun] = {}
    work = [replace(piece, rule=rule) for rule in rules]
    for place, (done, run) in enumerate(_spread(_lived, work, workers)):
        assert done.rule is not None
        runs[done.rule.name] = run
        tell(progress, f"lived through: {done.rule.name}", 0.5 + 0.4 * (place + 1) / len(rules))
    tell(progress, "comparing", 0.92)
    outcomes = _compared(ground, [runs[rule.name] for rule in rules], tuple(sorted(changes)), piece)
    labels = ground.labels(ground.today)
    decided = runs[rules[0].name].decided
    known = decided & ~np.isnan(labels)
    return Rehearsal(
        score=score.name, begin=begin, end=end, step=step, bake=conduct.bake, gated=conduct.gate is not None, today=ground.today, horizon=ground.horizon,
        currency=score.decision.currency, decisions=int(known.sum()), waiting=int((decided & ~known).sum()),
        customers=len(np.unique(ground.codes[known])), models=options.models or (), changes=tuple(sorted(changes)),
        outcomes=tuple(outcomes), seconds=stopwatch() - started,
    )  # fmt: skip


def conduct_of(project: Project, *, bake: int = 7 * DAY, gate: bool = True) -> Conduct:
    """How the project releases and watches: the gate of ``[retrain]``, the limits of ``[watch]``.

    Args:
        project: Whose settings.
        bake: Time from passing the gate to answering, µs.
        gate: Whether there is a gate at all.

    Raises:
        SettingsError: A value cannot be meant.
    """
    from vigie.lifecycle.gate import gate_options
    from vigie.lifecycle.watch_drift import drift_policy
    from vigie.lifecycle.watch_performance_policy import performance_policy

    return Conduct(
        bake=bake,
        gate=gate_options(project.settings.retrain) if gate else None,
        drift=drift_policy(project),
        limits=performance_policy(project).limits,
    )


def write_rehearsal(
    project: Project, found: Rehearsal, output: Path | None = None, *, language: str | None = None
) -> Path:
    """Write the report, and all figures as JSON beside it; the path of the report.

    Args:
        project: Whose reports.
        found: The rehearsal.
        output: The HTML file; ``None``: in the reports of the score.
        language: ``"en"`` or ``"fr"``; ``None``: as in ``vigie.toml``.

    Raises:
        SettingsError: The language is not known.
        InputError: The file cannot be written.
    """
    import json

    from vigie.lifecycle.rehearse_page import rehearsal_page

    spoken = language or str(project.settings.report.get("language") or "en")
    text = rehearsal_page(found, language=spoken)
    name = f"rehearsal-{iso(found.begin)[:10]}-{iso(found.end)[:10]}.html"
    file = output or project.reports_folder / found.score / name
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        file.with_suffix(".json").write_text(json.dumps(found.to_data(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise InputError(
            f"the report cannot be written: {error.strerror}", field="--output", remedy="choose another folder"
        ) from error
    return file


@dataclass(frozen=True, eq=False)
class _Piece:
    """A piece of work for a process: a policy to live through, or a model to train."""

    ground: Ground
    options: TrainOptions
    folder: Path
    conduct: Conduct
    rule: Rule | None = None
    moment: int = 0

    def models(self) -> Models:
        return Models(self.ground, self.options, self.folder)


def _train_ahead(piece: _Piece, rules: Sequence[Rule], workers: int, progress: Progress | None) -> None:
    """Train what will be asked for in any case: the first model, and those of the calendar.

    Raises:
        TrainingError: The first model cannot be learned.
    """
    moments = {piece.ground.begin}
    steps = piece.ground.step
    for rule in rules:
        for one in rule.planned(piece.ground.begin, piece.ground.end):
            # A look comes once a step: the calendar's moment is met at the first one that is not before it.
            moments.add(piece.ground.begin + -(-(one - piece.ground.begin) // steps) * steps)
    wanted = [one for one in sorted(moments) if one <= piece.ground.end]
    # What is profiled is not learned from: it need not go to the processes.
    bare = replace(piece, ground=replace(piece.ground, daily=piece.ground.rows))
    for place, (_, error) in enumerate(_spread(_trained, [replace(bare, moment=one) for one in wanted], workers)):
        if error is not None and error[0] == piece.ground.begin:
            raise TrainingError(
                f"no model could be learned of what was known on {iso(piece.ground.begin)[:10]}: {error[1]}",
                where=f"score '{piece.ground.score.name}'", remedy="begin later",
            )  # fmt: skip
        tell(progress, f"training {place + 1} of {len(wanted)}", (place + 1) / len(wanted))


def _spread(function: Callable[[_Piece], Any], pieces: list[_Piece], workers: int) -> Iterator[tuple[_Piece, Any]]:
    for piece, found in each(function, pieces, workers=min(workers, len(pieces))):
        if isinstance(found, Lost):
            raise TrainingError(
                "a process died twice of the same work",
                where="rehearsal",
                remedy="give it fewer --workers, or more memory",
            )
        yield piece, found


def _trained(piece: _Piece) -> tuple[int, str] | None:
    """Train one model; what was wrong, where it cannot be: then whoever asks for it is told so again."""
    try:
        with one_thread():  # matrices are narrow: more threads wait for each other, and for those of the other process
            piece.models().made(piece.moment)
    except TrainingError as error:
        return piece.moment, error.what
    return None


def _lived(piece: _Piece) -> PolicyRun:
    assert piece.rule is not None
    models = piece.models()
    with one_thread():
        run = rehearsed(piece.ground, models, piece.rule, piece.conduct)
        alarms = tuple(replace(one, confirmed=confirmed(one, piece.ground, models)) for one in run.alarms)
    return replace(run, alarms=alarms)


# -- comparing -------------------------------------------------------------------------------------------------------------


def _compared(ground: Ground, runs: list[PolicyRun], changes: tuple[int, ...], piece: _Piece) -> list[Outcome]:
    """Every policy beside the first one, on the same decisions."""
    labels = ground.labels(ground.today)
    known = np.flatnonzero(runs[0].decided & ~np.isnan(labels))
    y, cohort = labels[known], ground.cohort[known]
    columns = {name: one.take(known) for name, one in {**ground.rows.extras, **ground.rows.features}.items()}
    payoff = payoff_values(ground.score.decision.payoff(), columns, len(known))
    moments = np.unique(cohort)
    place = np.searchsorted(moments, cohort)
    models, within = piece.models(), allowed(ground)
    resampling = Resampling(ground.codes[known], piece.options.seed) if len(known) else None
    first = realised(payoff, runs[0].act[known], y)
    found = []
    for run in runs:
        money = realised(payoff, run.act[known], y)
        by_cohort = np.bincount(place, money, len(moments))
        more = _more(money - first, place, len(moments), resampling)
        answered = {one.begin: one for one in run.cohorts}
        points = []
        for i, moment in enumerate(moments.tolist()):
            here = np.flatnonzero(place == i)
            scored = models.at(answered[moment].model).scored(moment)
            p = scored.p[np.searchsorted(scored.rows, known[here])]
            said = answered[moment].estimate.figures.get("auc")
            told = (math.nan,) * 3 if said is None else (said.value, said.low, said.high)
            points.append(
                Point(
                    moment, len(here), int(run.act[known[here]].sum()), float(by_cohort[i]), auc(y[here], p), told,
                    float(by_cohort[: i + 1].sum()), more[i],
                )
            )  # fmt: skip
        last = more[-1] if more else Estimate(0.0, 0.0, 0.0)
        count = max(len(known), 1)
        things = [thing for one in run.alarms for thing in one.things]
        delays = tuple(found_after(things, one, models, within) for one in changes)
        alarms = run.alarms
        if changes:
            alarms = tuple(replace(one, verdict=verdict_of(one, changes, models, within)) for one in alarms)
        found.append(
            Outcome(
                name=run.name, value=float(money.sum()), more=last,
                each=Estimate(last.value / count, last.low / count, last.high / count),
                trainings=run.trainings, released=run.released, alarms=alarms, delays=delays,
                chances=tuple(by_chance(things, one, changes, ground, models) for one in delays),
                already=tuple(_already(things, one, models, within) for one in changes),
                points=tuple(points), events=run.events, coverage=_coverage(run),
            )
        )  # fmt: skip
    return found


def _already(things: Sequence[Stretch], change: int, models: Models, within: int) -> tuple[str, ...]:
    rang = {
        f"{one.code} {one.subject}".rstrip() for one in things if ruled(one, change, models, within)[0] == "already"
    }
    return tuple(sorted(rang))


def _more(difference: np.ndarray, place: np.ndarray, count: int, resampling: Resampling | None) -> list[Estimate]:
    """The sum of differences up to each cohort, with intervals that resample customers.

    Sums are taken by customer and cohort first: what is held is a number for each of those that are resampled, and not for each row.
    """
    if resampling is None:
        return []
    if not np.any(difference):
        return [Estimate(0.0, 0.0, 0.0)] * count
    cells = resampling.clusters * count + place
    by_cohort = np.bincount(cells, difference, resampling.count * count).reshape(resampling.count, count)
    return resampling.estimates_of(np.cumsum(by_cohort, axis=1), [_column(i) for i in range(count)])


def _column(i: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda sums: np.asarray(sums[:, i])


def _coverage(run: PolicyRun) -> dict[str, tuple[int, float]]:
    by: dict[str, list[bool]] = {}
    for check in run.checks:
        by.setdefault(check.figure, []).append(check.held)
    return {name: (len(held), float(np.mean(held))) for name, held in sorted(by.items())}
