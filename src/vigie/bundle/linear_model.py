"""Logistic regression."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import msgspec
import numpy as np

from vigie.bundle.logistic import logistic, logistic_one
from vigie.bundle.stored import read_stored, stored
from vigie.economics.payoff import Array
from vigie.errors import BundleError


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    weights: list[float]
    intercept: float
    means: list[float] = []


@dataclass(frozen=True, slots=True)
class LinearModel:
    """``logistic(intercept + Σ weight · value)``, summed from the first column to the last.

    Attributes:
        weights: One for each of the model's columns, in log-odds.
        intercept: In log-odds.
        means: Mean of each column over the rows learned from: a reason is told against the average customer. Empty, as in
            bundles written before there were reasons: 0.
    """

    kind: ClassVar[str] = "linear"

    weights: tuple[float, ...]
    intercept: float
    means: tuple[float, ...] = ()

    def probability(self, X: Array) -> Array:
        # Column by column, not a matrix product: its order of summation, and so the last bit, depends on the rows.
        total = np.full(len(X), self.intercept)
        for column, weight in enumerate(self.weights):
            total += X[:, column] * weight
        return logistic(total)

    def row(self) -> Callable[[list[float]], float]:
        weights, intercept = self.weights, self.intercept

        def probability(row: list[float]) -> float:
            total = intercept
            for value, weight in zip(row, weights, strict=True):
                total += value * weight
            return logistic_one(total)

        return probability

    @property
    def scale(self) -> Literal["log_odds", "probability"]:
        return "log_odds"

    def contributions(self, X: Array) -> Array:
        means, base = self._reference()
        out = np.empty((len(X), len(self.weights) + 1))
        np.multiply(X - np.array(means), np.array(self.weights), out=out[:, :-1])
        out[:, -1] = base
        return out

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        weights = self.weights
        means, base = self._reference()

        def contributions(row: list[float]) -> list[float]:
            found = [(value - mean) * weight for value, mean, weight in zip(row, means, weights, strict=True)]
            found.append(base)
            return found

        return contributions

    def _reference(self) -> tuple[tuple[float, ...], float]:
        """The average customer, and the log-odds of one."""
        means = self.means or (0.0,) * len(self.weights)
        return means, self.intercept + math.fsum(w * mean for w, mean in zip(self.weights, means, strict=True))

    def check(self, width: int) -> None:
        if len(self.weights) != width:
            raise BundleError(f"{len(self.weights)} weights for {width} columns", where="model")
        if len(self.means) not in (0, width):
            raise BundleError(f"{len(self.means)} means for {width} columns", where="model")
        if not all(math.isfinite(number) for number in (*self.weights, *self.means, self.intercept)):
            raise BundleError("a weight is not a finite number", where="model")

    def to_files(self) -> dict[str, bytes]:
        return {"model.json": stored(_Stored(self.kind, list(self.weights), self.intercept, list(self.means)))}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        data = read_stored(files, "model.json", _Stored)
        return cls(tuple(data.weights), data.intercept, tuple(data.means))
