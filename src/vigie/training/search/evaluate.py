"""Looks at one set of parameters: fold by fold, until it is through or has fallen behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vigie import clock
from vigie.training.calibrate import fit_sigmoid
from vigie.training.candidates import Candidate
from vigie.training.cross_validate import CrossValidation, judged
from vigie.training.metrics import auc, log_loss, realised, row_log_loss
from vigie.training.search.problem import Problem
from vigie.training.search.records import Outcome

NAN = float("nan")
NOTHING = np.zeros(0)
PLAIN = (bool, int, float, str)


def evaluate(
    problem: Problem,
    candidate: Candidate,
    params: Mapping[str, object],
    *,
    full: bool,
    behind: Callable[[Sequence[float]], bool] | None = None,
    progress: Callable[[], None] | None = None,
) -> Outcome:
    """Cross-validates *candidate* with *params*.

    Args:
        problem: What is searched.
        candidate: To look at.
        params: What replaces its defaults; empty: those, whose failure is an error.
        full: Whether as it would be fitted in the end, and not a sketch.
        behind: Asked after each fold but the last, with the steps so far; true ends the look.
        progress: Called after each fold.
    """
    began = clock.stopwatch()
    options = problem.fit_options(candidate, params, full=full)
    rows, labels = problem.rows, problem.rows.labels
    raw, scores, steps = np.full(len(rows), np.nan), [], []
    point: dict[str, object] = {}
    for fold in problem.folds:
        try:
            fitted = candidate.fit(problem.learning(fold, full=full), options)
            raw[fold.valid] = fitted.probability(rows.take(fold.valid))
        except Exception:
            # Some corners of a space do not suit some data; what is odd about the defaults must be seen, though.
            if not params:
                raise
            return Outcome("failed", NAN, NAN, NAN, (), clock.stopwatch() - began, NOTHING)
        point = point or {name: _plain(fitted.params[name]) for name in candidate.space if name in fitted.params}
        scores.append(_score(raw[fold.valid], labels[fold.valid], problem.options.objective))
        steps.append(float(np.mean(scores)))
        if progress is not None:
            progress()
        if behind is not None and len(steps) < len(problem.folds) and behind(steps):
            at_last = steps[-1] if problem.options.objective == "log_loss" else NAN
            return Outcome("pruned", at_last, NAN, NAN, tuple(steps), clock.stopwatch() - began, NOTHING, point)
    money, loss = glance(problem, raw)
    found = {"value": float(money.mean()), "log_loss": float(loss.mean()), "auc": 1.0 - steps[-1]}
    return Outcome(
        "done",
        found[problem.options.objective],
        found["value"],
        found["log_loss"],
        tuple(steps),
        clock.stopwatch() - began,
        raw[validated(problem)],
        point,
    )


def validated(problem: Problem) -> np.ndarray:
    """Positions of the rows that a fold validates, increasing."""
    return np.sort(np.concatenate([fold.valid for fold in problem.folds]))


def glance(problem: Problem, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Money and log loss of each validated row, in their order, in a thirtieth of the time that :func:`judge` takes.

    Each fold is calibrated by the sigmoid of the other folds, and whoever promises a gain is acted on: no choice among
    calibrations, no threshold from data. That is enough to tell sets of one candidate apart.
    """
    seen, labels = validated(problem), problem.rows.labels
    number = np.zeros(len(labels), np.int64)
    for i, fold in enumerate(problem.folds):
        number[fold.valid] = i
    money, loss = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    for fold in problem.folds:
        others = np.setdiff1d(seen, fold.valid, assume_unique=True)
        p, y, sums = raw[fold.valid], labels[fold.valid], problem.payoff.take(fold.valid)
        if raw[others].min() < raw[others].max():
            p = fit_sigmoid(raw[others], labels[others], number[others]).apply(p)
        money[fold.valid] = realised(sums, problem.capacity.act(sums.gain(p), 0.0, fold.valid), y)
        loss[fold.valid] = row_log_loss(y, p)
    return money[seen], loss[seen]


def spread(problem: Problem, outcome: Outcome) -> np.ndarray:
    """The probabilities of an outcome, one for each training row; NaN where no fold validates it."""
    raw = np.full(len(problem.rows), np.nan)
    raw[validated(problem)] = outcome.raw
    return raw


def judge(problem: Problem, outcome: Outcome) -> CrossValidation:
    """All of the cross-validation of an outcome that is done, on whatever machine."""
    raw = spread(problem, outcome)
    return judged(raw, problem.rows, problem.payoff, problem.folds, problem.capacity, problem.options.seed)


def _score(raw: np.ndarray, labels: np.ndarray, objective: str) -> float:
    """What pruning goes by in one fold, lower is better.

    Money of one fold is too much noise to give a set up for, so a search for money is pruned by log loss as well. The
    fold's own sigmoid takes out what calibration will: without, resampled classes would all look bad.
    """
    if objective == "auc":
        return 1.0 - auc(labels, raw)
    if raw.min() == raw.max():
        return log_loss(labels, raw)
    return log_loss(labels, fit_sigmoid(raw, labels).apply(raw))


def _plain(value: Any) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, PLAIN) else str(value)
