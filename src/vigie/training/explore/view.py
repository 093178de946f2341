"""What may be looked at before training: columns, the outcome, and how the rows were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vigie.definition import Feature
from vigie.errors import TrainingError
from vigie.features.values import Array, Columns
from vigie.training.options import TrainOptions
from vigie.training.task import split_of
from vigie.wording import said

if TYPE_CHECKING:
    from vigie.features.training_set import TrainingSet

LARGEST = 200_000
"""Rows that are looked at; of more, so many are drawn at random."""

_OUTCOMES: Mapping[str, str] = {
    "churns": said("customer churns"),
    "converts": said("lead converts"),
    "defaults": said("applicant defaults"),
}


@dataclass(frozen=True, eq=False)
class View:
    """Rows to explore; *n* of them.

    Attributes:
        name: Of the score or the file.
        columns: Values by name, n each.
        labels: Outcome, int8 of 0 and 1, shape (n,).
        moments: µs since 1970 UTC, shape (n,); ``None`` where all rows are of one time.
        customers: Keys, object array of shape (n,); ``None`` where every row is a customer of its own.
        descriptions: What a column means, by name; may lack some.
        definitions: Where columns come from, by name, as far as is known: what leakage checks read.
        outcome: What a true outcome is called, as far as it has a name: ``"customer churns"``.
        total: Rows with a known outcome that there are.
        how: Sentences on which of them are looked at and why.
    """

    name: str
    columns: Columns
    labels: Array
    moments: Array | None = None
    customers: Array | None = None
    descriptions: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, Feature] = field(default_factory=dict)
    outcome: str = ""
    total: int = 0
    how: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Array) -> View:
        """The rows at *index*."""
        return replace(
            self,
            columns={name: values.take(index) for name, values in self.columns.items()},
            labels=self.labels[index],
            moments=None if self.moments is None else self.moments[index],
            customers=None if self.customers is None else self.customers[index],
        )

    def sampled(self, rows: int = LARGEST, *, seed: int = 0) -> View:
        """At most *rows* rows, drawn at random where there are more; they stay in order."""
        n = len(self)
        if n <= rows:
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(n, rows, replace=False))
        told = said("{rows:,} of them were drawn at random: shapes and shares hold, counts are of the draw.", rows=rows)
        return replace(self.take(drawn), how=(*self.how, told))


def view_of(training_set: TrainingSet, options: TrainOptions | None = None, *, all_rows: bool = False) -> View:
    """The rows of a training set that may be looked at: those that learn, unless *all_rows*.

    Whoever sees the test rows chooses features and fixes with them in mind, and the test is no test any more. Which
    rows those are is decided as ``vigie train`` decides it, by the split and the seed of *options*.

    Args:
        training_set: Rows with known outcomes.
        options: Of the training to come; left out: the defaults.
        all_rows: Look at the test rows too.
    """
    score, total = training_set.score, len(training_set.labels)
    how: tuple[str, ...]
    index = np.arange(total)
    if all_rows:
        how = (
            said(
                "All {rows:,} rows were looked at, those of the test too: what is decided on this page makes the test "
                "of the next training look better than it is.",
                rows=total,
            ),
        )
    else:
        try:
            index = split_of(training_set, options or TrainOptions()).train
            how = (
                said(
                    "Only the {rows:,} rows that training learns from were looked at; the other {rest:,} test the model "
                    "or lie too close to the test. Looking at those would be peeking.",
                    rows=len(index),
                    rest=total - len(index),
                ),
            )
        except TrainingError as error:
            how = (
                said(
                    "All {rows:,} rows were looked at, for no test can be set aside: {reason}.",
                    rows=total,
                    reason=error.what,
                ),
            )
    moments = training_set.moments
    # A customer for each row by design has a moment of its own; one moment for all is no time.
    timed = len(moments) > 0 and bool(moments.min() < moments.max())
    view = View(
        name=score.name,
        columns=training_set.features,
        labels=training_set.labels,
        moments=moments if timed else None,
        customers=training_set.customers,
        descriptions={feature.name: feature.description for feature in score.bound_features},
        definitions={feature.name: feature for feature in score.bound_features},
        outcome=_OUTCOMES.get(score.decision.positive, ""),
        total=total,
        how=how,
    )
    return view if len(index) == total else view.take(index)
