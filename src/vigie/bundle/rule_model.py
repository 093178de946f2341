"""A rule of the user's as a model: what the business does today, measured like the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import msgspec
import numpy as np

from vigie.bundle.calibration import Calibration
from vigie.bundle.stored import read_stored, stored
from vigie.definition.kind import Kind
from vigie.economics.payoff import Array
from vigie.errors import BundleError
from vigie.features.values import Values

KNOTS = 101

MIDDLE = 0.5
"""Score of the middle rank: what a rule's value is told against."""


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    x: list[float]
    y: list[float]
    missing: float


@dataclass(frozen=True, slots=True)
class RuleModel:
    """A score from 0 to 1 that rises with the rule's value; calibration makes a probability of it.

    A condition scores 1 where true and 0 where false. A number scores the share of training rows below it, by straight
    lines between percentiles. The model's one column is the rule's value (:func:`rule_matrix`), not an encoded input.

    Attributes:
        x: Values of the rule, strictly increasing.
        y: Score at each, non-decreasing, 0 … 1.
        missing: Score where the rule has no value.
    """

    kind: ClassVar[str] = "rule"

    x: tuple[float, ...]
    y: tuple[float, ...]
    missing: float = 0.0

    @classmethod
    def fit(cls, values: Values) -> RuleModel:
        """The score for the rule's values in training; a missing one scores lowest, as not acted on."""
        if values.kind is Kind.BOOLEAN:
            return cls((0.0, 1.0), (0.0, 1.0))
        known = np.sort(values.data[np.isfinite(values.data)])
        if not len(known) or known[0] == known[-1]:
            return cls((float(known[0]) if len(known) else 0.0,), (0.5,))
        x = np.unique(known[np.linspace(0, len(known) - 1, KNOTS).round().astype(np.intp)])
        below = np.searchsorted(known, x, side="left") + np.searchsorted(known, x, side="right")
        curve = Calibration.isotonic(x, below / (2 * len(known)))
        return cls(curve.x, curve.y)

    def probability(self, X: Array) -> Array:
        value = X[:, 0]
        score = self._curve().apply(np.where(np.isnan(value), self.x[0], value))
        return np.where(np.isnan(value), self.missing, score)

    def row(self) -> Callable[[list[float]], float]:
        curve, missing = self._curve().row(), self.missing

        def probability(row: list[float]) -> float:
            value = row[0]
            return missing if value != value else curve(value)

        return probability

    @property
    def scale(self) -> Literal["log_odds", "probability"]:
        return "probability"

    def contributions(self, X: Array) -> Array:
        return np.column_stack([self.probability(X) - MIDDLE, np.full(len(X), MIDDLE)])

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        score = self.row()
        return lambda row: [score(row) - MIDDLE, MIDDLE]

    def _curve(self) -> Calibration:
        return Calibration("isotonic", x=self.x, y=self.y)

    def check(self, width: int) -> None:  # noqa: ARG002 - always one column, the rule
        self._curve()
        if not 0 <= self.missing <= 1:
            raise BundleError(f"{self.missing!r} is not a score", where="model")

    def to_files(self) -> dict[str, bytes]:
        return {"model.json": stored(_Stored(self.kind, list(self.x), list(self.y), self.missing))}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        data = read_stored(files, "model.json", _Stored)
        return cls(tuple(data.x), tuple(data.y), data.missing)


def rule_matrix(values: Values) -> Array:
    """The rule's values as the matrix that :class:`RuleModel` reads: float64, shape (n, 1), NaN where null."""
    return np.asarray(values.data, dtype=np.float64).reshape(-1, 1)
