"""What every candidate is: fitted on rows, it gives probabilities, and a model of plain numbers that gives the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from vigie.bundle import Encoder, Model, rule_matrix
from vigie.features.values import Columns, Values
from vigie.training.candidates.space import Space

NO_SKETCH: Mapping[str, object] = {}
"""Every look at a set of parameters is the real thing."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that a candidate learns from or is asked about.

    Attributes:
        columns: Values of the features by name, n each.
        labels: 0 or 1, int8, shape (n,).
        rule: Values of the declared rule; ``None`` where there is none.
    """

    columns: Columns
    labels: np.ndarray
    rule: Values | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> Rows:
        """The rows at *index*."""
        return Rows(
            {name: values.take(index) for name, values in self.columns.items()},
            self.labels[index],
            self.rule.take(index) if self.rule is not None else None,
        )


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit.

    Attributes:
        seed: Of every random choice.
        threads: For the learning library; the result does not depend on it.
        row_limit: Rows that a slow candidate may learn from; a fast one takes all.
        params: Hyper-parameters that replace the candidate's defaults, by the names of its ``space``.
        imbalance: What is done about a rare class: ``"none"``; ``"weights"``, both classes weigh the same in all;
            ``"undersample"`` and ``"oversample"``, as many rows of each. The last three make probabilities that only a
            calibration puts right.
    """

    seed: int
    threads: int
    row_limit: int
    params: Mapping[str, object] = field(default_factory=dict)
    imbalance: Literal["none", "weights", "undersample", "oversample"] = "none"


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted candidate.

    Attributes:
        encoder: Makes the model's matrix from the columns; without columns for the dummy and the rule.
        predict: The learning library's own probability for a matrix, shape (n, width) → (n,).
        build: Makes the model that a bundle stores.
        params: What it was fitted with.
        reads_rule: Whether the matrix is the rule's value instead of encoded columns.
        note: What a reader must know; empty: nothing.
    """

    encoder: Encoder
    predict: Callable[[np.ndarray], np.ndarray]
    build: Callable[[], Model]
    params: Mapping[str, object] = field(default_factory=dict)
    reads_rule: bool = False
    note: str = ""

    def matrix(self, rows: Rows) -> np.ndarray:
        """What the model reads, float64, shape (n, width), C order."""
        if self.reads_rule:
            assert rows.rule is not None
            return rule_matrix(rows.rule)
        return self.encoder.transform(rows.columns, len(rows))

    def probability(self, rows: Rows) -> np.ndarray:
        """The training pipeline's probability, not calibrated, shape (n,)."""
        return self.predict(self.matrix(rows))


class Candidate(Protocol):
    """A way to learn.

    Attributes:
        name: As in ``--model=name``.
        title: For the report.
        complexity: Rank from 0; of two that do equally well the lower one wins.
        learns: Whether it learns from features: the dummy and the rule do not.
        slow: Whether many rows take it too long, so that cross-validation uses a sample.
        space: Where a search may look for its hyper-parameters; its defaults lie within.
        extra: Extra of the installation that brings its library; a search leaves it out where that is missing, and says so.
        cost: Time of a fit, roughly, in that of a logistic regression on the same few thousand rows: a search looks at
            fewer sets of a dear candidate.
        sketch: Parameters that make a fit cheaper and leave the order of two sets mostly as it is, such as fewer trees; a
            search looks with them and fits the best again without. Empty: every look is the real thing.
    """

    name: str
    title: str
    complexity: int
    learns: bool
    slow: bool
    space: Space
    extra: str
    cost: int
    sketch: Mapping[str, object]

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:
        """Learns from *rows*, which have both classes.

        The same rows and seed give the same model, whatever the number of threads.

        Raises:
            MissingExtraError: Its library is not installed.
        """
        ...


def sample(rows: Rows, limit: int, seed: int) -> tuple[Rows, str]:
    """At most *limit* of the rows, both classes in proportion and at random, and a note that says so."""
    n = len(rows)
    if n <= limit:
        return rows, ""
    generator = np.random.default_rng(seed)
    chosen = [
        generator.choice(members, max(1, round(len(members) * limit / n)), replace=False)
        for members in (np.flatnonzero(rows.labels == value) for value in (0, 1))
    ]
    return rows.take(np.sort(np.concatenate(chosen))), f"fitted on a sample of {limit:,} of {n:,} rows"
