"""Cross-validation of one candidate: predictions for rows it has not seen, calibrated and decided on the same way.

Calibration and threshold are cross-fitted: for each fold they are fitted on the predictions of the *other* folds, so
that the value of a fold is what its decision would have brought, not what was best for it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vigie.bundle import Calibration
from vigie.economics import PayoffValues, Threshold, choose_threshold
from vigie.training.calibrate import choose_calibration
from vigie.training.candidates import Candidate, FitOptions, Rows
from vigie.training.capacity import Capacity
from vigie.training.folds import Fold
from vigie.training.metrics import measure, realised, row_log_loss
from vigie.training.result import Metrics


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What cross-validation found out about one candidate.

    Attributes:
        metrics: One a fold.
        rows: Positions, among the training rows, of the validated rows; increasing.
        raw: The model's own probability of each of them.
        money: What the decision brought for each of them, in currency.
        loss: Log loss of the calibrated probability of each.
        calibration: Fitted on all of them: for the final model.
        threshold: Likewise.
        probability: Calibrated with it: how probabilities of new customers are distributed.
        gain: Their expected gain of being acted on, in currency.
    """

    metrics: tuple[Metrics, ...]
    rows: np.ndarray
    raw: np.ndarray
    money: np.ndarray
    loss: np.ndarray
    calibration: Calibration
    threshold: Threshold
    probability: np.ndarray
    gain: np.ndarray


def cross_validate(
    candidate: Candidate,
    rows: Rows,
    payoff: PayoffValues,
    folds: Sequence[Fold],
    capacity: Capacity,
    options: FitOptions,
    progress: Callable[[], None] | None = None,
) -> CrossValidation:
    """Fits *candidate* once a fold.

    Args:
        candidate: To try.
        rows: Training rows.
        payoff: Their cost matrix.
        folds: Positions among them.
        capacity: Of each moment, and which rows share one.
        options: For the fits.
        progress: Called after each fold.
    """
    raw = np.full(len(rows), np.nan)
    for fold in folds:
        fitted = candidate.fit(rows.take(fold.train), options)
        raw[fold.valid] = fitted.probability(rows.take(fold.valid))
        if progress is not None:
            progress()
    return judged(raw, rows, payoff, folds, capacity, options.seed)


def judged(
    raw: np.ndarray, rows: Rows, payoff: PayoffValues, folds: Sequence[Fold], capacity: Capacity, seed: int
) -> CrossValidation:
    """What out-of-fold probabilities are worth, however they were made.

    Args:
        raw: Of each row, by a model that has not learned from its fold, shape (n,); NaN for rows of no fold.
        rows: Training rows.
        payoff: Their cost matrix.
        folds: Positions among them.
        capacity: Of each moment, and which rows share one.
        seed: Of the threshold.
    """
    number = np.zeros(len(rows), np.int64)
    for i, fold in enumerate(folds):
        number[fold.valid] = i
    seen = np.flatnonzero(~np.isnan(raw))
    # Folds that expand in time: the first model has not learned from the rows of the last fold.
    in_time = not np.isin(folds[-1].valid, folds[0].train).any()
    metrics, money, loss = [], np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for fold in folds:
        others = np.setdiff1d(seen, fold.valid, assume_unique=True)
        calibration, threshold = decide(
            raw[others], rows.labels[others], payoff.take(others), seed, number[others], in_time
        )
        p, y, sums = calibration.apply(raw[fold.valid]), rows.labels[fold.valid], payoff.take(fold.valid)
        act = capacity.act(sums.gain(p), threshold.min_gain, fold.valid)
        money[fold.valid] = realised(sums, act, y)
        loss[fold.valid] = row_log_loss(y, p)
        metrics.append(measure(y, p, act, money[fold.valid]))
    calibration, threshold = decide(raw[seen], rows.labels[seen], payoff.take(seen), seed, number[seen], in_time)
    probability = calibration.apply(raw[seen])
    return CrossValidation(
        metrics=tuple(metrics),
        rows=seen,
        raw=raw[seen],
        money=money[seen],
        loss=loss[seen],
        calibration=calibration,
        threshold=threshold,
        probability=probability,
        gain=np.broadcast_to(payoff.take(seen).gain(probability), len(seen)),
    )


def decide(
    raw: np.ndarray, y: np.ndarray, payoff: PayoffValues, seed: int, groups: np.ndarray, in_time: bool = False
) -> tuple[Calibration, Threshold]:
    """Calibration of out-of-fold scores, *groups* saying from which fold, then the threshold on what comes of it."""
    calibration = choose_calibration(raw, y, groups=groups, in_time=in_time)
    return calibration, choose_threshold(calibration.apply(raw), payoff, y, seed=seed)
