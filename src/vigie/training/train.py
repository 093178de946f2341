"""Trains: split, search, choose the winner, test it once, gather the evidence, make its bundle.

The order is what keeps the test honest. Encoders, models, parameters, calibrations, thresholds, features, segments and the
choice of the winner see training rows only; the test rows are scored once at the end. The bundle holds the winner as fitted
on the training rows before the test, so that it is the very model the test figures are about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vigie import clock
from vigie.bundle import by_input
from vigie.definition.score import replace_score
from vigie.report.numerals import duration, money
from vigie.training.candidates import FitOptions, chosen_candidates
from vigie.training.checks.after import check_result
from vigie.training.checks.before import check_rows
from vigie.training.choose import choose_winner
from vigie.training.evidence import Evidence, Selection
from vigie.training.fairness import fairness_findings
from vigie.training.gather import Run, gather
from vigie.training.importance import permutation_importance
from vigie.training.make_bundle import make_bundle
from vigie.training.measured import as_tested
from vigie.training.options import TrainOptions
from vigie.training.result import TrainingResult
from vigie.training.search import FINAL_ROWS, SearchNews, StudyPlace, search
from vigie.training.segments import Segments, fit_segments
from vigie.training.select_features import select_features
from vigie.training.split import Split
from vigie.training.stack import stack
from vigie.training.strategies import acts_by_strategy, compare_strategies
from vigie.training.task import Task
from vigie.training.tried import Tried

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

Progress = Callable[[str, float], None]
"""Called with what is being done and the share, 0 … 1, of the work that is behind."""


def train(
    training_set: TrainingSet,
    options: TrainOptions | None = None,
    progress: Progress | None = None,
    *,
    split: Split | None = None,
    place: StudyPlace | None = None,
    evidence: bool = True,
) -> TrainingResult:
    """Trains every candidate and makes the bundle of the best.

    Args:
        training_set: Rows with known outcomes.
        options: Choices; left out: the defaults.
        progress: Told about the work.
        split: Which rows learn and which test; left out: as *options* say.
        place: Where the search is kept, so that it can be resumed and joined; left out: nowhere.
        evidence: Whether intervals, curves, explanations and fairness are worked out too. None of them changes the model.

    Raises:
        TrainingError: Too few rows, one class only, an unknown candidate.
        MissingExtraError: A learning library is not installed.
        StoreError: The database of the search cannot be reached.
    """
    started = clock.stopwatch()
    options = options or TrainOptions()
    tell = progress or _silent
    score = training_set.score
    candidates = chosen_candidates(options.models, has_rule=score.rule is not None)
    task = Task.of(training_set, options, split)
    tell("checking the features", 0.0)
    findings = check_rows(training_set, task.rows, task.payoff, task.split)
    part = task.train

    def told(doing: str, share: float, news: SearchNews | None) -> None:
        tell(_with_news(doing, news, score.decision.currency), 0.02 + 0.68 * share)

    tried, summary = search(
        candidates, part.rows, part.payoff, task.folds, part.capacity, options, place, told, part.customers
    )
    tell("combining the best", 0.72)
    stacked = stack(tried, part.rows, part.payoff, task.folds, part.capacity, options) if options.stack else None
    if stacked is not None:
        tried.append(stacked)
    winner, choice = _choose(tried, task)
    best = next(one for one in tried if one.candidate.name == winner)
    # What can be fitted again by itself: of a stack, the best of its kind alone.
    leader = best if stacked is None or winner != stacked.candidate.name else _leader(tried[:-1], task)
    tell("selecting features", 0.75)
    selection, best = _select(leader, best, task, options)
    tried = [best if one.candidate.name == winner else one for one in tried]
    own_set, own = training_set, task
    left_out: tuple[str, ...] = ()
    if selection is not None and selection.used:
        own_set, own = _reduced(training_set, task, selection)
        left_out = selection.dropped
    tell("dividing into segments", 0.82)
    segments = _segments(own_set, own, best, options, tell)
    tell("testing", 0.86)
    by = {**training_set.extras, **training_set.features}[by_input(score)] if score.by is not None else None
    results = tuple(
        as_tested(one, task, segments if one is best else None, by if one is best else None) for one in tried
    )
    champion = next(result for result in results if result.name == winner)
    test = task.test
    rule = test.rows.rule.data.astype(np.float64) if test.rows.rule is not None else None
    act = test.act(champion.probability_test, champion.min_gain)
    strategies = compare_strategies(
        champion.probability_test,
        act,
        test.rows.labels,
        test.payoff,
        test.capacity,
        rule=rule,
        rule_probability=next((r.probability_test for r in results if r.name == "rule"), None),
        seed=options.seed,
    )
    importance = permutation_importance(
        best.fitted, test.rows, seed=options.seed, rule=score.rule.name if score.rule is not None else "rule"
    )
    tell("writing the bundle", 0.9)
    bundle = make_bundle(
        own_set, best, champion, own, options, importance, segments, definition=score.fingerprint, left_out=left_out
    )
    run = Run(
        training_set=training_set,
        task=task,
        options=options,
        tried=tuple(tried),
        best=best,
        leader=leader,
        champion=champion,
        acts=acts_by_strategy(champion.probability_test, act, test.capacity, rule, options.seed),
        bundle=bundle,
        search=summary,
        selection=selection,
        segments=segments,
    )
    found = gather(run, lambda doing, share: tell(doing, 0.91 + 0.08 * share)) if evidence else Evidence(search=summary)
    findings += check_result(
        results,
        champion,
        strategies,
        found,
        kind=type(score.decision).__name__.lower(),
        payoff=test.payoff,
        before=findings,
    )
    if score.fairness is not None:
        findings += fairness_findings(score.fairness, found.fairness)
    tell("done", 1.0)
    return TrainingResult(
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
        evidence=found,
    )


def _silent(stage: str, share: float) -> None:  # noqa: ARG001 - a Progress that tells nobody
    return None


def _with_news(doing: str, news: SearchNews | None, currency: str) -> str:
    if news is None or not news.candidate:
        return doing
    best = f"best {money(news.value, currency, sign=True)} ({news.candidate.replace('_', ' ')})"
    left = f", {duration(news.seconds_left)} left" if news.seconds_left == news.seconds_left else ""
    return f"{doing} · {news.done}/{news.total}, {best}{left}"


def _choose(tried: Sequence[Tried], task: Task) -> tuple[str, str]:
    return choose_winner(
        {one.candidate.name: one.candidate for one in tried},
        {one.candidate.name: one.cv for one in tried},
        task.train.customers,
    )


def _leader(tried: Sequence[Tried], task: Task) -> Tried:
    learners = [one for one in tried if one.candidate.learns]
    name, _ = _choose(learners, task)
    return next(one for one in learners if one.candidate.name == name)


def _select(leader: Tried, best: Tried, task: Task, options: TrainOptions) -> tuple[Selection | None, Tried]:
    """The selection on *leader*, and *best* or, where *best* is the leader and fewer features do, the smaller model."""
    if not options.select:
        return None, best
    fit = FitOptions(options.seed, options.threads, options.row_budget, leader.given, options.imbalance)
    found = select_features(leader, task, fit, replace(fit, row_limit=options.row_budget * FINAL_ROWS))
    if found is None:
        return None, best
    selection, smaller = found
    if leader is best:
        return selection, smaller if selection.used else best
    return replace(selection, used=False), best


def _reduced(training_set: TrainingSet, task: Task, selection: Selection) -> tuple[TrainingSet, Task]:
    """The same rows with the selected features alone."""
    kept = set(selection.kept)
    score = training_set.score
    features = {name: values for name, values in training_set.features.items() if name in kept}
    smaller = replace(
        training_set,
        score=replace_score(score, features=[one for one in score.bound_features if one.name in kept]),
        features=features,
        # Rule, decision and segments may read a feature that the model does not.
        extras={**training_set.extras, **{n: v for n, v in training_set.features.items() if n not in kept}},
    )
    return smaller, task.only(kept)


def _segments(
    training_set: TrainingSet, task: Task, best: Tried, options: TrainOptions, tell: Progress
) -> Segments | None:
    if training_set.score.by is None:
        return None
    part = task.train
    return fit_segments(
        training_set,
        part.rows,
        part.payoff,
        part.capacity,
        task.folds,
        best,
        task.split,
        options,
        lambda doing, share: tell(doing, 0.82 + 0.04 * share),
    )
