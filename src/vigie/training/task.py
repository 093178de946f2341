"""A training set made ready: rows, money, capacity, split and folds, worked out once for all steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vigie.bundle import payoff_values
from vigie.definition import At
from vigie.economics import PayoffValues
from vigie.errors import TrainingError
from vigie.features.rowwise import evaluate
from vigie.features.untouched import LEARNED
from vigie.features.values import Values
from vigie.training.candidates import Rows
from vigie.training.capacity import Capacity
from vigie.training.folds import Fold, make_folds
from vigie.training.options import TrainOptions
from vigie.training.segment_rows import validated_rows
from vigie.training.split import Split, split_rows

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

FEWEST_ROWS = 50


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of the training set with what every step needs of them.

    Attributes:
        index: Their numbers in the training set, increasing.
        rows: What candidates read.
        payoff: Cost matrix.
        capacity: Of their moments.
        customers: Key of each, object array of ``str``.
    """

    index: np.ndarray
    rows: Rows
    payoff: PayoffValues
    capacity: Capacity
    customers: np.ndarray

    @property
    def everyone(self) -> np.ndarray:
        """Positions of all rows."""
        return np.arange(len(self.index))

    def act(self, probability: np.ndarray, min_gain: float) -> np.ndarray:
        """Who is acted on, given calibrated probabilities of all rows."""
        return self.capacity.act(self.payoff.gain(probability), min_gain, self.everyone)


@dataclass(frozen=True, eq=False)
class Task:
    """The whole training set, divided.

    Attributes:
        rows: All rows.
        payoff: Cost matrix of all rows.
        split: Which rows learn and which test.
        train: Those that learn.
        test: Those that test.
        folds: Of the cross-validation, positions among *train*.
    """

    rows: Rows
    payoff: PayoffValues
    split: Split
    train: Part
    test: Part
    folds: tuple[Fold, ...]

    @classmethod
    def of(cls, training_set: TrainingSet, options: TrainOptions, split: Split | None = None) -> Task:
        """The task of *training_set*, divided as *options* say or as *split* does.

        Raises:
            TrainingError: Too few rows, or one class only.
        """
        score, n = training_set.score, len(training_set.labels)
        _check(training_set)
        leaves = {**training_set.extras, **training_set.features}
        rule: Values | None = evaluate(score.rule, leaves, n) if score.rule is not None else None
        rows = Rows(training_set.features, training_set.labels, rule)
        payoff = payoff_values(score.decision.payoff(), leaves, n)
        # With moments at events every customer is decided alone: there is nobody to be ranked against.
        limit = None if isinstance(score.moments, At) else score.decision.capacity
        capacity = Capacity.of(limit, training_set.moments)
        divided = _learned(split if split is not None else split_of(training_set, options), training_set)

        def part(index: np.ndarray) -> Part:
            return Part(
                index, rows.take(index), payoff.take(index), capacity.take(index), training_set.customers[index]
            )

        train = part(divided.train)
        folds = make_folds(
            train.rows.labels,
            training_set.moments[divided.train],
            train.customers,
            in_time=divided.description.kind == "out_of_time",
            horizon=score.horizon.microseconds if score.horizon is not None else 0,
            folds=options.folds_for(len(divided.train)),
            seed=options.seed,
            validated=validated_rows(training_set),
        )
        return cls(rows, payoff, divided, train, part(divided.test), folds)

    def only(self, kept: set[str]) -> Task:
        """The same with the features *kept* alone."""

        def fewer(rows: Rows) -> Rows:
            return Rows({n: v for n, v in rows.columns.items() if n in kept}, rows.labels, rows.rule)

        return replace(
            self,
            rows=fewer(self.rows),
            train=replace(self.train, rows=fewer(self.train.rows)),
            test=replace(self.test, rows=fewer(self.test.rows)),
        )


def _learned(split: Split, training_set: TrainingSet) -> Split:
    """*split* with few copies of a row to learn from; those that test are all there, since they count money."""
    if training_set.copy is None:
        return split
    train = split.train[training_set.copy[split.train] < LEARNED]
    return replace(split, train=train, description=replace(split.description, train_rows=len(train)))


def _check(training_set: TrainingSet) -> None:
    labels, n = training_set.labels, len(training_set.labels)
    where = f"training set of '{training_set.score.name}'"
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
