"""Everything that is worth knowing about a trained winner beside its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.bundle import by_input
from vigie.features.rowwise import evaluate
from vigie.training.calibrate import choose_map
from vigie.training.compare import compare
from vigie.training.curves import learning_curve, validation_curve
from vigie.training.evidence import Evidence, GroupFairness, SearchSummary, SegmentOutcome, Selection
from vigie.training.explain import explain
from vigie.training.fairness import compare_groups
from vigie.training.metrics import realised
from vigie.training.options import TrainOptions
from vigie.training.reliability import reliability
from vigie.training.result import CandidateResult
from vigie.training.segments import Segments, segment_test_values
from vigie.training.task import Task
from vigie.training.tried import Tried
from vigie.training.value import business_scores, fixed_rival, value_evidence

if TYPE_CHECKING:
    from vigie.bundle import Bundle
    from vigie.features.training_set import TrainingSet

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Run:
    """A training run once its bundle is made.

    Attributes:
        training_set: All rows, all features.
        task: The same, divided.
        options: What was chosen.
        tried: All candidates, as they are in the end.
        best: The winner.
        leader: The winner or, where that is a stack, the best single candidate: what can be fitted again.
        champion: The winner's record.
        acts: Who of the test rows each strategy acts on.
        bundle: The winner's.
        search: What the search did.
        selection: What feature selection found.
        segments: What became of segments.
    """

    training_set: TrainingSet
    task: Task
    options: TrainOptions
    tried: tuple[Tried, ...]
    best: Tried
    leader: Tried
    champion: CandidateResult
    acts: Mapping[str, np.ndarray]
    bundle: Bundle
    search: SearchSummary
    selection: Selection | None
    segments: Segments | None


def gather(run: Run, tell: Progress) -> Evidence:
    """The evidence of *run*. Nothing in here changes the winner or its bundle."""
    score, task, options = run.training_set.score, run.task, run.options
    train, test, p = task.train, task.test, run.champion.probability_test
    currency = score.decision.currency
    tell("comparing the candidates", 0.0)
    comparison = compare(run.tried, run.best.candidate.name, train.customers, seed=options.seed, currency=currency)
    tell("bounding the value", 0.1)
    rule = train.rows.rule.data.astype(np.float64) if train.rows.rule is not None else None
    rival = fixed_rival(train.payoff, train.rows.labels, train.capacity, rule=rule, seed=options.seed)
    value = value_evidence(
        run.acts,
        test.payoff,
        test.rows.labels,
        test.customers,
        rival,
        test.capacity,
        options.seed,
        pairs_compared=len(run.tried),
    )
    losses = _losses(run)
    reliable = reliability(test.rows.labels, p, test.customers, losses, options.seed)
    tell("explaining the winner", 0.3)
    columns = {**run.training_set.extras, **run.training_set.features}
    tested = {name: values.take(test.index) for name, values in columns.items()}
    explanation = explain(run.bundle, tested, len(test.index), seed=options.seed)
    tell("drawing the learning curve", 0.6)
    curves = [
        learning_curve(run.leader.candidate, dict(run.leader.fitted.params), train.rows, task.folds, options),
        validation_curve(
            run.leader.candidate, dict(run.leader.fitted.params), train.rows, task.folds, options, run.search.trials
        ),
    ]
    return Evidence(
        search=run.search,
        comparison=comparison,
        value=value,
        reliability=reliable,
        explanation=explanation,
        selection=run.selection,
        curves=tuple(curve for curve in curves if curve is not None),
        fairness=_fairness(run),
        segments=_segments(run),
        scores=business_scores(score.decision, test.rows.labels, p, test.payoff, tested),
    )


def _losses(run: Run) -> Mapping[str, float]:
    """Cross-validated log loss of each map that was tried on the winner's scores."""
    cv, labels, folds = run.best.cv, run.task.train.rows.labels, run.task.folds
    number = np.zeros(len(labels), np.int64)
    for i, fold in enumerate(folds):
        number[fold.valid] = i
    in_time = not np.isin(folds[-1].valid, folds[0].train).any()
    return choose_map(cv.raw, labels[cv.rows], groups=number[cv.rows], in_time=in_time).losses


def _money(run: Run) -> np.ndarray:
    test = run.task.test
    return realised(test.payoff, run.acts["vigie"], test.rows.labels)


def _fairness(run: Run) -> tuple[GroupFairness, ...]:
    score, test = run.training_set.score, run.task.test
    if score.fairness is None:
        return ()
    columns = {**run.training_set.extras, **run.training_set.features}
    tested = {name: values.take(test.index) for name, values in columns.items()}
    n = len(test.index)
    return compare_groups(
        score.fairness,
        {group.name: evaluate(group, tested, n) for group in score.fairness.groups},
        [feature["name"] for feature in run.bundle.features],
        y=test.rows.labels,
        p=run.champion.probability_test,
        act=run.acts["vigie"],
        money=_money(run),
        customers=test.customers,
    )


def _segments(run: Run) -> tuple[SegmentOutcome, ...]:
    if run.segments is None:
        return ()
    columns = {**run.training_set.extras, **run.training_set.features}
    by = columns[by_input(run.training_set.score)].take(run.task.test.index)
    return segment_test_values(run.segments.outcomes, by, _money(run))
