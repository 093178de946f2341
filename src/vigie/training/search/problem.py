"""What is searched: candidates, rows, money and folds, and a name that no other search has."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vigie.economics import PayoffValues
from vigie.errors import MissingExtraError
from vigie.features.values import Values
from vigie.training.candidates import CANDIDATES, Candidate, FitOptions, Rows, installed
from vigie.training.candidates.candidate import sample
from vigie.training.capacity import Capacity
from vigie.training.folds import Fold
from vigie.training.options import TrainOptions

EDITION = 1
"""Of the way a search goes; to be raised with any change after which a half-done search must not be gone on with."""
SKETCH_ROWS = 30_000
"""Rows that a fit of the search learns from at most. The best sets are then fitted to all."""
LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "interpret-core", "catboost", "xgboost", "xgboost-cpu", "optuna")
PROBE = 20
"""Rows of each class that tell whether a candidate's library is there."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A search, but for where it is kept.

    Attributes:
        candidates: To try, from simple to complex; the libraries of all are there.
        rows: Training rows.
        payoff: Their cost matrix.
        folds: Positions among them.
        capacity: Of each moment.
        options: Choices.
    """

    candidates: tuple[Candidate, ...]
    rows: Rows
    payoff: PayoffValues
    folds: tuple[Fold, ...]
    capacity: Capacity
    options: TrainOptions

    def candidate(self, name: str) -> Candidate:
        """The one called *name*."""
        return next(candidate for candidate in self.candidates if candidate.name == name)

    def searched(self) -> tuple[Candidate, ...]:
        """Those that have parameters to search."""
        return tuple(candidate for candidate in self.candidates if candidate.space)

    def sketched(self, candidate: Candidate) -> bool:
        """Whether the search looks at *candidate* in a cheaper way than it is fitted in the end."""
        return bool(candidate.sketch) or max(len(fold.train) for fold in self.folds) > SKETCH_ROWS

    def fit_options(self, candidate: Candidate, params: Mapping[str, object], *, full: bool) -> FitOptions:
        """How to fit in a fold."""
        given = params if full else {**params, **candidate.sketch}
        limit = self.options.row_budget if full else min(self.options.row_budget, SKETCH_ROWS)
        return FitOptions(self.options.seed, self.options.threads, limit, given, self.options.imbalance)

    def learning(self, fold: Fold, *, full: bool) -> Rows:
        """The rows of *fold* to learn from; a part of them, both classes in proportion, unless *full*."""
        rows = self.rows.take(fold.train)
        return rows if full else sample(rows, SKETCH_ROWS, self.options.seed)[0]

    def on_one_thread(self) -> Problem:
        """The same for a process among several."""
        return replace(self, options=replace(self.options, threads=1, workers=1))

    def digest(self) -> str:
        """64 hexadecimal digits that say what the outcome depends on: data, folds, choices, code and libraries.

        Moments count only by which rows share one, so that a table without time gives the same search tomorrow.
        """
        made, options = hashlib.sha256(), self.options
        chosen = {
            "edition": EDITION,
            "sketch_rows": SKETCH_ROWS,
            "libraries": _versions(),
            "seed": options.seed,
            "row_budget": options.row_budget,
            "trials": options.trials,
            "method": options.method,
            "objective": options.objective,
            "imbalance": options.imbalance,
            "capacity": self.capacity.limit,
            "candidates": [
                [c.name, c.cost, sorted((k, repr(v)) for k, v in c.space.items()), sorted(c.sketch.items())]
                for c in self.candidates
            ],
        }
        made.update(json.dumps(chosen, sort_keys=True).encode())
        for name, values in self.rows.columns.items():
            made.update(name.encode())
            _feed_values(made, values)
        if self.rows.rule is not None:
            _feed_values(made, self.rows.rule)
        payoff = self.payoff
        sums = (payoff.act_positive, payoff.act_negative, payoff.pass_positive, payoff.pass_negative)
        shared = np.unique(self.capacity.moments, return_inverse=True)[1]
        parts = [part for fold in self.folds for part in (fold.train, fold.valid)]
        for array in (self.rows.labels, *sums, shared, self.capacity.population, *parts):
            _feed(made, array)
        return made.hexdigest()


def _feed(made: hashlib._Hash, array: np.ndarray) -> None:
    made.update(f"{array.dtype.str}{array.shape}".encode())
    made.update(np.ascontiguousarray(array).tobytes())


def _feed_values(made: hashlib._Hash, values: Values) -> None:
    made.update(f"{values.kind}{values.categories}".encode())
    _feed(made, values.data)


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def with_libraries(
    candidates: Sequence[Candidate], rows: Rows, options: TrainOptions
) -> tuple[tuple[Candidate, ...], tuple[tuple[str, str], ...]]:
    """The candidates whose libraries are installed, and name and extra of those left out.

    Raises:
        MissingExtraError: One that *options* name is not installed, or one that the extra ``train`` brings.
    """
    kept = []
    left_out = [(c.name, c.extra) for c in CANDIDATES if options.models is None and not installed(c)]
    few = np.sort(np.concatenate([np.flatnonzero(rows.labels == value)[:PROBE] for value in (0, 1)]))
    for candidate in candidates:
        if candidate.extra != "train":
            try:
                candidate.fit(rows.take(few), FitOptions(options.seed, 1, len(few)))
            except MissingExtraError:
                if options.models is not None and candidate.name in options.models:
                    raise
                if (candidate.name, candidate.extra) not in left_out:
                    left_out.append((candidate.name, candidate.extra))
                continue
        kept.append(candidate)
    return tuple(kept), tuple(left_out)
