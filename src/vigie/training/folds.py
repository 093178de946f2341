"""Cross-validation among the training rows, by the same rules as the split into training and test.

Where there is time, folds expand: each is validated on rows after the ones it learned from, with a gap of one horizon.
Otherwise rows are dealt to folds at random, stratified by the outcome, all rows of a customer to the same fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.training.split import FEWEST_POSITIVES, group_codes

FIRST_LEARNING_SHARE = 0.4
"""Share of the rows, the earliest, that no expanding fold is validated on."""
VALIDATED_ROWS = 100_000
"""Rows that are validated at most, over all folds: calibration and threshold gain nothing from more."""
FEWEST_MOMENTS = 4
"""Distinct moments that expanding folds need."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions among the rows given, increasing.

    Attributes:
        train: Rows that learn.
        valid: Rows that validate.
    """

    train: np.ndarray
    valid: np.ndarray


def make_folds(
    labels: np.ndarray,
    moments: np.ndarray,
    customers: np.ndarray,
    *,
    in_time: bool,
    horizon: int,
    folds: int,
    seed: int,
    validated: int | None = None,
) -> tuple[Fold, ...]:
    """At least two folds.

    Args:
        labels: 0 or 1 of the training rows, shape (n,).
        moments: µs, shape (n,).
        customers: Keys, shape (n,).
        in_time: Whether the test lies after the training rows; then the folds do likewise where moments allow.
        horizon: µs until the outcome of a moment is known.
        folds: How many are wanted.
        seed: Of the random deal.
        validated: Rows that are validated at most; ``None``: 100,000. Segments are compared on them, so many segments need
            more.
    """
    found = _expanding(labels, moments, horizon, folds) if in_time else ()
    if len(found) < 2:
        found = _dealt(labels, customers, folds, seed)
    return _thinned(found, seed, VALIDATED_ROWS if validated is None else validated)


def _thinned(folds: tuple[Fold, ...], seed: int, most: int) -> tuple[Fold, ...]:
    """The same folds with at most *most* validated rows, drawn at random."""
    total = sum(len(fold.valid) for fold in folds)
    if total <= most:
        return folds
    generator = np.random.default_rng(seed)
    keep = most / total
    return tuple(
        Fold(fold.train, np.sort(generator.choice(fold.valid, max(1, int(keep * len(fold.valid))), replace=False)))
        for fold in folds
    )


def _expanding(labels: np.ndarray, moments: np.ndarray, horizon: int, folds: int) -> tuple[Fold, ...]:
    distinct = np.unique(moments)
    if len(distinct) < FEWEST_MOMENTS:
        return ()
    times = np.sort(moments, kind="stable")
    shares = FIRST_LEARNING_SHARE + (1 - FIRST_LEARNING_SHARE) * np.arange(folds) / folds
    starts = np.unique(times[np.minimum((shares * len(times)).astype(np.int64), len(times) - 1)])
    starts = starts[starts > distinct[0]]
    ends = np.append(starts[1:], distinct[-1] + 1)
    made = []
    for start, end in zip(starts, ends, strict=True):
        train = np.flatnonzero((moments <= start - horizon) & (moments < start))
        valid = np.flatnonzero((moments >= start) & (moments < end))
        if _both_classes(labels[train]) and _both_classes(labels[valid]):
            made.append(Fold(train, valid))
    return tuple(made)


def _both_classes(labels: np.ndarray) -> bool:
    return bool(np.bincount(labels, minlength=2).min() >= FEWEST_POSITIVES)


def _dealt(labels: np.ndarray, customers: np.ndarray, folds: int, seed: int) -> tuple[Fold, ...]:
    groups = group_codes(customers)
    n_groups = int(groups.max()) + 1
    positive = np.zeros(n_groups, bool)
    positive[groups[labels == 1]] = True
    fewest = min(int(positive.sum()), int((~positive).sum()) or n_groups)
    count = max(2, min(folds, fewest))
    generator = np.random.default_rng(seed)
    fold_of = np.empty(n_groups, np.int64)
    for members in (np.flatnonzero(positive), np.flatnonzero(~positive)):
        fold_of[generator.permutation(members)] = np.arange(len(members)) % count
    fold_of_row = fold_of[groups]
    return tuple(Fold(np.flatnonzero(fold_of_row != k), np.flatnonzero(fold_of_row == k)) for k in range(count))
