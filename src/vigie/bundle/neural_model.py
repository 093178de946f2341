"""A neural network with one hidden layer, or several such networks averaged, which is one wide network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import msgspec
import numpy as np

from vigie.bundle.logistic import logistic, logistic_one
from vigie.bundle.stored import read_stored, stored
from vigie.economics.payoff import Array
from vigie.errors import BundleError

_CELLS = 1 << 18
"""Numbers of the hidden layer that are worked on at a time: they stay in the processor's cache."""


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    hidden: list[list[float]]
    hidden_offset: list[float]
    output: list[float]
    output_offset: float
    baseline: list[float]


@dataclass(frozen=True, eq=False)
class NeuralModel:
    """``logistic(output_offset + Σ output · max(0, hidden_offset + hidden · value))``.

    Every sum runs from its offset over the terms in their order, in double precision. What :meth:`contributions` gives
    are integrated gradients (Sundararajan, Taly & Yan 2017) along the straight line from the baseline to the row. On it
    a hidden unit is linear but for one kink, so its part of the integral is the share of the line on which it is active:
    the integral is exact, and with one hidden layer it is also what DeepLIFT's rescale rule gives (Shrikumar, Greenside
    & Kundaje 2017).

    Attributes:
        hidden: Weights into the hidden layer, float64, shape (width, units).
        hidden_offset: Of each unit, shape (units,).
        output: Weight of each unit in the log-odds, shape (units,).
        output_offset: In log-odds.
        baseline: The average row learned from, encoded, shape (width,): what contributions are told against.
    """

    kind: ClassVar[str] = "neural"

    hidden: Array
    hidden_offset: Array
    output: Array
    output_offset: float
    baseline: Array

    @classmethod
    def averaged(cls, networks: list[tuple[Array, Array, Array, float]], baseline: Array) -> NeuralModel:
        """The mean of the log-odds of several networks.

        Args:
            networks: Of each its hidden weights, shape (width, units), offsets, output weights and output offset.
            baseline: The average row, shape (width,).
        """
        count = len(networks)
        return cls(
            hidden=np.concatenate([network[0] for network in networks], axis=1),
            hidden_offset=np.concatenate([network[1] for network in networks]),
            output=np.concatenate([network[2] for network in networks]) / count,
            output_offset=float(sum(network[3] for network in networks)) / count,
            baseline=np.asarray(baseline, dtype=np.float64),
        )

    def probability(self, X: Array) -> Array:
        # Column by column, not a matrix product: its order of summation, and so the last bit, depends on the rows.
        total = np.empty(len(X))
        step = max(1, _CELLS // max(1, len(self.output)))
        for start in range(0, len(X), step):
            units = self._units(X[start : start + step])
            np.maximum(units, 0.0, out=units)
            part = np.full(units.shape[1], self.output_offset)
            for unit, weight in zip(units, self.output.tolist(), strict=True):
                part += unit * weight
            total[start : start + step] = part
        return logistic(total)

    def _units(self, X: Array) -> Array:
        """What flows into each hidden unit, shape (units, n)."""
        units = np.repeat(self.hidden_offset[:, None], len(X), axis=1)
        product = np.empty_like(units)
        for column, weights in enumerate(self.hidden):
            np.multiply(weights[:, None], X[:, column], out=product)
            units += product
        return units

    def row(self) -> Callable[[list[float]], float]:
        weights = np.vstack([self.hidden_offset, self.hidden])
        output, offset = self.output, self.output_offset

        def probability(row: list[float]) -> float:
            # Accumulating makes every partial sum, so its order is that of the loop over columns above.
            units = np.add.accumulate(weights * np.array([1.0, *row])[:, None], axis=0)[-1]
            terms = np.maximum(units, 0.0) * output
            return logistic_one(float(np.add.accumulate(np.concatenate(((offset,), terms)))[-1]))

        return probability

    @property
    def scale(self) -> Literal["log_odds", "probability"]:
        return "log_odds"

    def contributions(self, X: Array) -> Array:
        base_units, base = self._base()
        out = np.empty((len(X), len(self.baseline) + 1))
        step = max(1, _CELLS // max(1, len(self.output)))
        for start in range(0, len(X), step):
            rows = X[start : start + step]
            out[start : start + step, :-1] = self._integrated(rows, self._units(rows).T, base_units)
        out[:, -1] = base
        return out

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        base_units, base = self._base()
        hidden, offset = self.hidden, self.hidden_offset

        def contributions(row: list[float]) -> list[float]:
            values = np.array([row])
            found: list[float] = self._integrated(values, values @ hidden + offset, base_units)[0].tolist()
            found.append(base)
            return found

        return contributions

    def _base(self) -> tuple[Array, float]:
        """What flows into each unit at the baseline, and the log-odds there."""
        units = self._units(self.baseline[None, :])[:, 0]
        return units, float(self.output_offset + (np.maximum(units, 0.0) * self.output).sum())

    def _integrated(self, X: Array, units: Array, base: Array) -> Array:
        """Integrated gradients, shape (n, width), from what flows into the units at each row, shape (n, units)."""
        moved = np.abs(units - base)
        crossing = np.maximum(units, base) / np.where(moved > 0, moved, 1.0)
        active = np.where((units > 0) == (base > 0), units > 0, np.clip(crossing, 0.0, 1.0))
        slopes = (active * self.output) @ self.hidden.T
        return np.asarray((X - self.baseline) * slopes)

    def check(self, width: int) -> None:
        units = len(self.output)
        if self.hidden.shape != (width, units) or not width or not units:
            shape = " × ".join(map(str, self.hidden.shape))
            raise BundleError(f"a network of {shape} weights for {width} columns and {units} units", where="model")
        if self.hidden_offset.shape != (units,) or self.baseline.shape != (width,):
            raise BundleError("a network's offsets or its baseline are not one a unit or column", where="model")
        parts = (self.hidden, self.hidden_offset, self.output, self.output_offset, self.baseline)
        if not all(np.isfinite(part).all() for part in parts):
            raise BundleError("a weight is not a finite number", where="model")

    def to_files(self) -> dict[str, bytes]:
        data = _Stored(
            kind=self.kind,
            hidden=self.hidden.tolist(),
            hidden_offset=self.hidden_offset.tolist(),
            output=self.output.tolist(),
            output_offset=self.output_offset,
            baseline=self.baseline.tolist(),
        )
        return {"model.json": stored(data)}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        data = read_stored(files, "model.json", _Stored)
        units = len(data.output)
        if any(len(line) != units for line in data.hidden):
            raise BundleError(f"a column does not have {units} weights, one a unit", where="model")
        return cls(
            hidden=np.array(data.hidden, dtype=np.float64).reshape(len(data.hidden), units),
            hidden_offset=np.array(data.hidden_offset, dtype=np.float64),
            output=np.array(data.output, dtype=np.float64),
            output_offset=data.output_offset,
            baseline=np.array(data.baseline, dtype=np.float64),
        )
