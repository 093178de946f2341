"""Trains: split, cross-validate every candidate, choose the winner, test it once, make its bundle.

The order is what keeps the test honest. Encoders, models, calibrations, thresholds and the choice of the winner see
training rows only; the test rows are scored once at the end. The bundle holds the winner as fitted on the training rows
before the test, so that it is the very model the test figures are about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie import clock
from vigie.bundle import payoff_values
from vigie.definition import At
from vigie.economics import PayoffValues
from vigie.errors import TrainingError
from vigie.features.rowwise import evaluate
from vigie.features.values import Values
from vigie.findings import Finding
from vigie.training.candidates import Candidate, FitOptions, Rows, chosen_candidates
from vigie.training.capacity import Capacity
from vigie.training.checks import rows as row_checks
from vigie.training.checks.codes import finding
from vigie.training.checks.leakage import leakage
from vigie.training.choose import choose_winner
from vigie.training.cross_validate import cross_validate
from vigie.training.diagnose import fit_in_words, judge
from vigie.training.folds import make_folds
from vigie.training.importance import permutation_importance
from vigie.training.make_bundle import make_bundle
from vigie.training.metrics import mean_metrics, measure, realised
from vigie.training.options import TrainOptions
from vigie.training.result import CandidateResult, TrainingResult
from vigie.training.split import Split, split_rows
from vigie.training.strategies import compare_strategies
from vigie.training.tried import Tried

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

Progress = Callable[[str, float], None]
"""Called with what is being done and the share, 0 … 1, of the work that is behind."""

FINAL_ROWS = 3
"""The final fit of a slow candidate may use so many times the rows of a cross-validation fit."""
FEWEST_ROWS = 50


@dataclass(frozen=True, eq=False)
class _Task:
    """The whole training set with what every step needs of it."""

    rows: Rows
    payoff: PayoffValues
    capacity: Capacity
    split: Split


def train(
    training_set: TrainingSet, options: TrainOptions | None = None, progress: Progress | None = None
) -> TrainingResult:
    """Trains every candidate and makes the bundle of the best.

    Args:
        training_set: Rows with known outcomes.
        options: Choices; left out: the defaults.
        progress: Told about the work.

    Raises:
        TrainingError: Too few rows, one class only, an unknown candidate.
        MissingExtraError: A learning library is not installed.
    """
    started = clock.stopwatch()
    options = options or TrainOptions()
    tell = progress or _silent
    score = training_set.score
    candidates = chosen_candidates(options.models, has_rule=score.rule is not None)
    task = _task(training_set, options)
    tell("checking the features", 0.0)
    findings = _check_rows(training_set, task)
    tried = _try_all(candidates, task, training_set, options, tell)
    names = {found.candidate.name: found.candidate for found in tried}
    winner, choice = choose_winner(names, {found.candidate.name: found.cv for found in tried})
    tell("testing", 0.92)
    results = tuple(_result(found, task) for found in tried)
    best, champion = next((f, r) for f, r in zip(tried, results, strict=True) if f.candidate.name == winner)
    test = task.split.test
    test_rows, test_payoff, test_capacity = task.rows.take(test), task.payoff.take(test), task.capacity.take(test)
    act = test_capacity.act(test_payoff.gain(champion.probability_test), champion.min_gain, np.arange(len(test)))
    rule_result = next((r for r in results if r.name == "rule"), None)
    strategies = compare_strategies(
        champion.probability_test,
        act,
        test_rows.labels,
        test_payoff,
        test_capacity,
        rule=test_rows.rule.data.astype(np.float64) if test_rows.rule is not None else None,
        rule_probability=rule_result.probability_test if rule_result is not None else None,
        seed=options.seed,
    )
    findings += judge(results, champion, strategies)
    importance = permutation_importance(
        best.fitted, test_rows, seed=options.seed, rule=score.rule.name if score.rule is not None else "rule"
    )
    tell("writing the bundle", 0.97)
    bundle = make_bundle(training_set, best.fitted, best.cv, champion, task.split, options, task.rows, importance)
    result = TrainingResult(
        training_set=training_set,
        split=task.split.description,
        candidates=results,
        winner=winner,
        choice=choice,
        strategies=strategies,
        train_index=task.split.train,
        test_index=test,
        test_labels=test_rows.labels,
        test_payoff=test_payoff,
        test_moments=training_set.moments[test],
        importance=importance,
        findings=tuple(sorted(findings, key=lambda found: (-found.severity, found.code))),
        bundle=bundle,
        currency=score.decision.currency,
        options=options,
        seconds=clock.stopwatch() - started,
    )
    tell("done", 1.0)
    return result


def _silent(stage: str, share: float) -> None:  # noqa: ARG001 - a Progress that tells nobody
    return None


def _task(training_set: TrainingSet, options: TrainOptions) -> _Task:
    score, labels, n = training_set.score, training_set.labels, len(training_set.labels)
    where = f"training set of '{score.name}'"
    if n < FEWEST_ROWS:
        raise TrainingError(
            f"{n} rows with a known outcome ({training_set.immature} are younger than the horizon, "
            f"{training_set.unknown} have no outcome); {FEWEST_ROWS} are the least",
            where=where,
            remedy="load more history, shorten the horizon, or widen the population",
        )
    if labels.min() == labels.max():
        raise TrainingError(
            f"the outcome is {'true' if labels[0] else 'false'} on all {n:,} rows",
            where=where,
            remedy="check the outcome's definition against the data",
        )
    if not training_set.features:
        raise TrainingError("no features", where=where)
    leaves = {**training_set.extras, **training_set.features}
    rule: Values | None = evaluate(score.rule, leaves, n) if score.rule is not None else None
    split = split_of(training_set, options)
    # With moments at events every customer is decided alone: there is nobody to be ranked against.
    limit = None if isinstance(score.moments, At) else score.decision.capacity
    return _Task(
        rows=Rows(training_set.features, labels, rule),
        payoff=payoff_values(score.decision.payoff(), leaves, n),
        capacity=Capacity.of(limit, training_set.moments),
        split=split,
    )


def split_of(training_set: TrainingSet, options: TrainOptions) -> Split:
    """Which rows of *training_set* learn and which test.

    Raises:
        TrainingError: There are too few rows of one class for both parts.
    """
    score = training_set.score
    return split_rows(
        training_set.labels,
        training_set.moments,
        training_set.customers,
        has_time=score.has_time,
        horizon=score.horizon.microseconds if score.horizon is not None else 0,
        share=options.split,
        seed=options.seed,
    )


def _check_rows(training_set: TrainingSet, task: _Task) -> list[Finding]:
    score, split, rows = training_set.score, task.split, task.rows
    train = rows.take(split.train)
    found = list(split.findings)
    found += leakage(train.columns, score.bound_features, train.labels, seed=0)
    found += row_checks.few_rows(train.labels, rows.labels[split.test])
    found += row_checks.constant(train.columns)
    found += row_checks.identifiers(train.columns)
    found += row_checks.duplicates(rows.columns, split.train, split.test)
    found += row_checks.moved(rows.columns, split.train, split.test, in_time=split.description.kind == "out_of_time")
    found += row_checks.unknown_outcomes(len(rows), training_set.immature, training_set.unknown)
    unknown = int(np.isnan(np.broadcast_to(task.payoff.gain(np.full(len(rows), 0.5)), len(rows))).sum())
    if unknown:
        found.append(
            finding(
                "VGE003",
                "decision",
                f"for {unknown:,} of {len(rows):,} rows a sum of money is missing; nobody of them is acted on and they "
                "count as 0",
            )
        )
    if isinstance(score.moments, At) and score.decision.capacity is not None:
        found.append(finding("VGE001", "decision", f"capacity={score.decision.capacity:,} with moments at events"))
    return found


def _try_all(
    candidates: tuple[Candidate, ...], task: _Task, training_set: TrainingSet, options: TrainOptions, tell: Progress
) -> list[Tried]:
    train = task.split.train
    rows, payoff, capacity = task.rows.take(train), task.payoff.take(train), task.capacity.take(train)
    horizon = training_set.score.horizon
    folds = make_folds(
        rows.labels,
        training_set.moments[train],
        training_set.customers[train],
        in_time=task.split.description.kind == "out_of_time",
        horizon=horizon.microseconds if horizon is not None else 0,
        folds=options.folds_for(len(train)),
        seed=options.seed,
    )
    work = sum(_weight(candidate) * (len(folds) + 1) for candidate in candidates)
    behind = 0
    tried = []
    for candidate in candidates:

        def step(candidate: Candidate = candidate) -> None:
            nonlocal behind
            behind += _weight(candidate)
            tell(f"training {candidate.title}", 0.02 + 0.9 * behind / work)

        tell(f"training {candidate.title}", 0.02 + 0.9 * behind / work)
        fit = FitOptions(options.seed, options.threads, options.row_budget)
        cv = cross_validate(candidate, rows, payoff, folds, capacity, fit, step)
        before = clock.stopwatch()
        fitted = candidate.fit(rows, FitOptions(options.seed, options.threads, options.row_budget * FINAL_ROWS))
        seconds = clock.stopwatch() - before
        step()
        tried.append(Tried(candidate, cv, fitted, seconds))
    return tried


def _weight(candidate: Candidate) -> int:
    return 6 if candidate.slow else 2 if candidate.learns else 1


def _result(tried: Tried, task: _Task) -> CandidateResult:
    candidate, cv = tried.candidate, tried.cv
    measured, probability = {}, {}
    for part, index in (("train", task.split.train), ("test", task.split.test)):
        rows, payoff, capacity = task.rows.take(index), task.payoff.take(index), task.capacity.take(index)
        p = cv.calibration.apply(tried.fitted.probability(rows))
        act = capacity.act(payoff.gain(p), cv.threshold.min_gain, np.arange(len(index)))
        measured[part] = measure(rows.labels, p, act, realised(payoff, act, rows.labels))
        probability[part] = p
    mean = mean_metrics(cv.metrics)
    return CandidateResult(
        name=candidate.name,
        title=candidate.title,
        complexity=candidate.complexity,
        params=dict(tried.fitted.params),
        cv=cv.metrics,
        cv_mean=mean,
        test=measured["test"],
        train=measured["train"],
        fit_seconds=tried.seconds,
        diagnosis=fit_in_words(measured["train"], cv.metrics, mean, measured["test"], learns=candidate.learns),
        probability_test=probability["test"],
        calibration=cv.calibration.kind,
        min_gain=cv.threshold.min_gain,
        note=tried.fitted.note,
    )
