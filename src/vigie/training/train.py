"""Trains: split, cross-validate every candidate, choose the winner, test it once, make its bundle.

The order is what keeps the test honest. Encoders, models, calibrations, thresholds and the choice of the winner see
training rows only; the test rows are scored once at the end. The bundle holds the winner as fitted on the training rows
before the test, so that it is the very model the test figures are about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vigie import clock
from vigie.training.candidates import Candidate, FitOptions, chosen_candidates
from vigie.training.checks.after import check_result
from vigie.training.checks.before import check_rows
from vigie.training.choose import choose_winner
from vigie.training.cross_validate import cross_validate
from vigie.training.diagnose import fit_in_words
from vigie.training.evidence import Evidence
from vigie.training.importance import permutation_importance
from vigie.training.make_bundle import make_bundle
from vigie.training.metrics import mean_metrics, measure, realised
from vigie.training.options import TrainOptions
from vigie.training.result import CandidateResult, TrainingResult
from vigie.training.split import Split
from vigie.training.strategies import compare_strategies
from vigie.training.task import Task
from vigie.training.tried import Tried

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

Progress = Callable[[str, float], None]
"""Called with what is being done and the share, 0 … 1, of the work that is behind."""

FINAL_ROWS = 3
"""The final fit of a slow candidate may use so many times the rows of a cross-validation fit."""


def train(
    training_set: TrainingSet,
    options: TrainOptions | None = None,
    progress: Progress | None = None,
    *,
    split: Split | None = None,
) -> TrainingResult:
    """Trains every candidate and makes the bundle of the best.

    Args:
        training_set: Rows with known outcomes.
        options: Choices; left out: the defaults.
        progress: Told about the work.
        split: Which rows learn and which test; left out: as *options* say.

    Raises:
        TrainingError: Too few rows, one class only, an unknown candidate.
        MissingExtraError: A learning library is not installed.
    """
    started = clock.stopwatch()
    options = options or TrainOptions()
    tell = progress or _silent
    score = training_set.score
    candidates = chosen_candidates(options.models, has_rule=score.rule is not None)
    task = Task.of(training_set, options, split)
    tell("checking the features", 0.0)
    findings = check_rows(training_set, task.rows, task.payoff, task.split)
    tried = _try_all(candidates, task, options, tell)
    names = {found.candidate.name: found.candidate for found in tried}
    winner, choice = choose_winner(names, {found.candidate.name: found.cv for found in tried}, task.train.customers)
    tell("testing", 0.92)
    results = tuple(_result(found, task) for found in tried)
    best, champion = next((f, r) for f, r in zip(tried, results, strict=True) if f.candidate.name == winner)
    test = task.test
    act = test.act(champion.probability_test, champion.min_gain)
    rule_result = next((r for r in results if r.name == "rule"), None)
    strategies = compare_strategies(
        champion.probability_test,
        act,
        test.rows.labels,
        test.payoff,
        test.capacity,
        rule=test.rows.rule.data.astype(np.float64) if test.rows.rule is not None else None,
        rule_probability=rule_result.probability_test if rule_result is not None else None,
        seed=options.seed,
    )
    findings += check_result(
        results, champion, strategies, Evidence(), kind=type(score.decision).__name__.lower(), payoff=test.payoff
    )
    importance = permutation_importance(
        best.fitted, test.rows, seed=options.seed, rule=score.rule.name if score.rule is not None else "rule"
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
        test_index=test.index,
        test_labels=test.rows.labels,
        test_payoff=test.payoff,
        test_moments=training_set.moments[test.index],
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


def _try_all(candidates: tuple[Candidate, ...], task: Task, options: TrainOptions, tell: Progress) -> list[Tried]:
    rows, folds = task.train.rows, task.folds
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
        cv = cross_validate(candidate, rows, task.train.payoff, folds, task.train.capacity, fit, step)
        before = clock.stopwatch()
        fitted = candidate.fit(rows, FitOptions(options.seed, options.threads, options.row_budget * FINAL_ROWS))
        seconds = clock.stopwatch() - before
        step()
        tried.append(Tried(candidate, cv, fitted, seconds))
    return tried


def _weight(candidate: Candidate) -> int:
    return 6 if candidate.slow else 2 if candidate.learns else 1


def _result(tried: Tried, task: Task) -> CandidateResult:
    candidate, cv = tried.candidate, tried.cv
    measured, probability = {}, {}
    for name, part in (("train", task.train), ("test", task.test)):
        p = cv.calibration.apply(tried.fitted.probability(part.rows))
        act, y = part.act(p, cv.threshold.min_gain), part.rows.labels
        measured[name] = measure(y, p, act, realised(part.payoff, act, y))
        probability[name] = p
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
