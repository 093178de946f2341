"""The same probability for everybody: what a model has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import msgspec
import numpy as np

from vigie.bundle.logistic import log_odds_one
from vigie.bundle.stored import read_stored, stored
from vigie.economics.payoff import Array
from vigie.errors import BundleError


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    share: float


@dataclass(frozen=True, slots=True)
class ConstantModel:
    """Share of positives in training, for everybody.

    Attributes:
        share: 0 … 1.
    """

    kind: ClassVar[str] = "constant"

    share: float

    def probability(self, X: Array) -> Array:
        return np.full(len(X), self.share)

    def row(self) -> Callable[[list[float]], float]:
        share = self.share
        return lambda _: share

    @property
    def scale(self) -> Literal["log_odds", "probability"]:
        return "log_odds"

    def contributions(self, X: Array) -> Array:
        out = np.zeros((len(X), X.shape[1] + 1))
        out[:, -1] = log_odds_one(self.share)
        return out

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        base = log_odds_one(self.share)
        return lambda row: [0.0] * len(row) + [base]

    def check(self, width: int) -> None:  # noqa: ARG002 - it reads nothing
        if not 0 <= self.share <= 1:
            raise BundleError(f"{self.share!r} is not a probability", where="model")

    def to_files(self) -> dict[str, bytes]:
        return {"model.json": stored(_Stored(self.kind, self.share))}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        return cls(read_stored(files, "model.json", _Stored).share)
