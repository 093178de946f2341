"""The outer folds of a nested estimate: each row tests once at most, and chooses nothing where it tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import TrainingError
from vigie.training.folds import Fold, make_folds
from vigie.training.result import SplitDescription
from vigie.training.split import FEWEST_POSITIVES, Split

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet


def outer_folds(training_set: TrainingSet, folds: int, seed: int) -> tuple[Split, ...]:
    """At least two splits of the rows into those that learn and those that test.

    Where customers are scored at several moments, tests follow each other in time, each after the rows it is tested on
    with a gap of one horizon, over the later 60 % of the rows. Otherwise rows are dealt to *folds* stratified by the outcome: with
    one row a customer exactly as ``sklearn.model_selection.StratifiedKFold(folds, shuffle=True, random_state=seed)``
    deals the rows in their order, so that figures published for these folds can be compared; with several, all rows of a
    customer go to the same fold.

    Args:
        training_set: Rows with known outcomes.
        folds: How many; fewer where moments or the rarer class do not do for them.
        seed: Of the deal.

    Raises:
        TrainingError: There are too few rows of one class.
    """
    labels, moments, customers = training_set.labels, training_set.moments, training_set.customers
    score = training_set.score
    counts = np.bincount(labels, minlength=2)
    if counts.min() < 2 * FEWEST_POSITIVES:
        raise TrainingError(
            f"{counts[1]} rows have the outcome true and {counts[0]} have it false; a nested estimate needs "
            f"{2 * FEWEST_POSITIVES} of each",
            where=f"training set of '{score.name}'",
            remedy="collect more history, or check the outcome's definition",
        )
    horizon = score.horizon.microseconds if score.horizon is not None else 0
    if not score.has_time and len(np.unique(customers)) == len(customers):
        found, in_time = _dealt(labels, min(folds, int(counts.min()) // FEWEST_POSITIVES), seed), False
    else:
        found = make_folds(labels, moments, customers, in_time=score.has_time, horizon=horizon, folds=folds, seed=seed)
        in_time = not np.isin(found[-1].valid, found[0].train).any()
    return tuple(_split(fold, moments, horizon, in_time=in_time) for fold in found)


def _dealt(labels: np.ndarray, folds: int, seed: int) -> tuple[Fold, ...]:
    from sklearn.model_selection import StratifiedKFold

    dealer = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return tuple(Fold(train, test) for train, test in dealer.split(np.zeros(len(labels)), labels))


def _split(fold: Fold, moments: np.ndarray, horizon: int, *, in_time: bool) -> Split:
    several = moments.min() < moments.max()
    description = SplitDescription(
        kind="out_of_time" if in_time else "stratified",
        train_rows=len(fold.train),
        test_rows=len(fold.valid),
        train_until=int(moments[fold.train].max()) if several else None,
        test_from=int(moments[fold.valid].min()) if several else None,
        test_until=int(moments[fold.valid].max()) if several else None,
        gap=horizon if in_time else 0,
        dropped_rows=len(moments) - len(fold.train) - len(fold.valid),
    )
    return Split(fold.train, fold.valid, description)
