"""Logistic regression."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

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


@dataclass(frozen=True, slots=True)
class LinearModel:
    """``logistic(intercept + Σ weight · value)``, summed from the first column to the last.

    Attributes:
        weights: One for each of the model's columns, in log-odds.
        intercept: In log-odds.
    """

    kind: ClassVar[str] = "linear"

    weights: tuple[float, ...]
    intercept: float

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

    def check(self, width: int) -> None:
        if len(self.weights) != width:
            raise BundleError(f"{len(self.weights)} weights for {width} columns", where="model")
        if not all(math.isfinite(weight) for weight in (*self.weights, self.intercept)):
            raise BundleError("a weight is not a finite number", where="model")

    def to_files(self) -> dict[str, bytes]:
        return {"model.json": stored(_Stored(self.kind, list(self.weights), self.intercept))}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        data = read_stored(files, "model.json", _Stored)
        return cls(tuple(data.weights), data.intercept)
