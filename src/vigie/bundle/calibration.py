"""From a model's score to a probability that can be multiplied with money."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vigie.bundle.logistic import NEAREST, log_odds, log_odds_one, logistic, logistic_one
from vigie.economics.payoff import Array
from vigie.errors import BundleError


@dataclass(frozen=True, slots=True)
class Calibration:
    """A non-decreasing map of 0 … 1 into itself.

    Attributes:
        kind: ``"identity"``; ``"sigmoid"``: ``logistic(a · log_odds(p) + b)``, the identity for a = 1, b = 0 (Platt
            1999, on the log-odds of the model's probability); ``"isotonic"``: straight lines between knots, constant
            outside of them, as scikit-learn's ``IsotonicRegression(out_of_bounds="clip").predict``; ``"beta"``:
            ``logistic(a · log(p) − b · log(1 − p) + c)`` (Kull, Silva Filho & Flach 2017), a sigmoid for a = b.
        a: Slope of the sigmoid or, of the beta map, near 0; at least 0.
        b: Offset of the sigmoid, in log-odds; of the beta map the slope near 1, at least 0.
        c: Offset of the beta map, in log-odds.
        x: Knots, strictly increasing: ``X_thresholds_`` of scikit-learn.
        y: Values at the knots, non-decreasing, 0 … 1: ``y_thresholds_``.
    """

    kind: Literal["identity", "sigmoid", "isotonic", "beta"] = "identity"
    a: float = 1.0
    b: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    c: float = 0.0

    def __post_init__(self) -> None:
        if self.kind == "isotonic":
            increasing = all(low < high for low, high in zip(self.x, self.x[1:], strict=False))
            rising = all(low <= high for low, high in zip(self.y, self.y[1:], strict=False))
            if not self.x or len(self.x) != len(self.y) or not increasing or not rising:
                raise BundleError(
                    "isotonic knots are not increasing", where="calibration", remedy="merge equal knots before storing"
                )
            if self.y[0] < 0 or self.y[-1] > 1:
                raise BundleError("isotonic values lie outside 0 … 1", where="calibration")
        if self.kind == "sigmoid" and not self.a >= 0:
            raise BundleError(f"a sigmoid of slope {self.a!r} would turn the ranking around", where="calibration")
        if self.kind == "beta" and not (self.a >= 0 and self.b >= 0):
            raise BundleError(
                f"a beta map of slopes {self.a!r} and {self.b!r} would turn the ranking around", where="calibration"
            )
        if not all(math.isfinite(value) for value in (self.a, self.b, self.c)):
            raise BundleError("a coefficient is not a finite number", where="calibration")

    @classmethod
    def identity(cls) -> Calibration:
        """The model's probability as it is."""
        return cls()

    @classmethod
    def sigmoid(cls, a: float, b: float) -> Calibration:
        """``logistic(a · log_odds(p) + b)``."""
        return cls("sigmoid", a=float(a), b=float(b))

    @classmethod
    def beta(cls, a: float, b: float, c: float) -> Calibration:
        """``logistic(a · log(p) − b · log(1 − p) + c)``."""
        return cls("beta", a=float(a), b=float(b), c=float(c))

    @classmethod
    def isotonic(cls, x: Array, y: Array) -> Calibration:
        """Straight lines between the knots.

        Neighbouring *x* that are equal, or so close that the line between them has no finite slope, are merged into the last.
        """
        xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        with np.errstate(all="ignore"):
            apart = (np.diff(xs) > 0) & np.isfinite(np.diff(ys) / np.diff(xs))
        kept = np.append(apart, True) if len(xs) else np.empty(0, dtype=bool)
        return cls("isotonic", x=tuple(xs[kept].tolist()), y=tuple(ys[kept].tolist()))

    def apply(self, p: Array) -> Array:
        """Calibrated probabilities, shape (n,)."""
        if self.kind == "identity":
            return p
        if self.kind == "sigmoid":
            return logistic(self.a * log_odds(p) + self.b)
        if self.kind == "beta":
            kept = np.minimum(np.maximum(p, NEAREST), 1.0 - NEAREST)
            return logistic(self.a * np.log(kept) - self.b * np.log(1.0 - kept) + self.c)
        x, y = np.array(self.x), np.array(self.y)
        if len(x) == 1:
            return np.full(np.shape(p), y[0])
        slope = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
        kept = np.minimum(np.maximum(p, x[0]), x[-1])
        left = np.minimum(np.searchsorted(x, kept, side="right") - 1, len(x) - 2)
        return np.asarray(slope[left] * (kept - x[left]) + y[left])

    def row(self) -> Callable[[float], float]:
        """A function that calibrates one probability, equal to :meth:`apply` to the bit."""
        if self.kind == "identity":
            return _same
        if self.kind == "sigmoid":
            a, b = self.a, self.b
            return lambda p: logistic_one(a * log_odds_one(p) + b)
        if self.kind == "beta":
            return _beta_row(self.a, self.b, self.c)
        x, y = self.x, self.y
        if len(x) == 1:
            only = y[0]
            return lambda _: only
        slope = [(y1 - y0) / (x1 - x0) for x0, x1, y0, y1 in zip(x, x[1:], y, y[1:], strict=False)]
        first, last, border = x[0], x[-1], len(x) - 2

        def isotonic(p: float) -> float:
            kept = min(max(p, first), last)
            left = min(bisect_right(x, kept) - 1, border)
            return slope[left] * (kept - x[left]) + y[left]

        return isotonic

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "a": self.a, "b": self.b, "x": list(self.x), "y": list(self.y), "c": self.c}


def _beta_row(a: float, b: float, c: float) -> Callable[[float], float]:
    def beta(p: float) -> float:
        kept = min(max(p, NEAREST), 1.0 - NEAREST)
        return logistic_one(a * float(np.log(kept)) - b * float(np.log(1.0 - kept)) + c)

    return beta


def _same(p: float) -> float:
    return p
