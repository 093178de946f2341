"""Boosted trees and forests, read by LightGBM's own code: no rounding, no second implementation."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

import msgspec
import numpy as np

from vigie.bundle.forest_text import TreeArrays, forest_to_text
from vigie.bundle.lightgbm_library import FLOAT32, FLOAT64, Booster
from vigie.bundle.logistic import log_odds, log_odds_one
from vigie.bundle.stored import read_stored, stored
from vigie.bundle.tree_shapley import TreeShapley
from vigie.bundle.trees_arrays import read_trees
from vigie.bundle.trees_check import check_text, without_parameters
from vigie.economics.payoff import Array
from vigie.errors import BundleError


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    numbers: Literal["float64", "float32"]


@dataclass(frozen=True)
class TreesModel:
    """Trees in LightGBM's text format.

    Attributes:
        text: The trees.
        numbers: ``"float32"`` rounds every input to single precision first, as scikit-learn's forests do.
    """

    kind: ClassVar[str] = "trees"

    text: str
    numbers: Literal["float64", "float32"] = "float64"
    _booster: Booster = field(init=False, repr=False, compare=False)
    _made: list[TreeShapley | None] = field(init=False, repr=False, compare=False, default_factory=list)

    def __post_init__(self) -> None:
        data = self.text.encode()
        check_text(self.text)
        object.__setattr__(self, "_booster", Booster(data, FLOAT64 if self.numbers == "float64" else FLOAT32))

    @classmethod
    def of_lightgbm(cls, text: str) -> TreesModel:
        """The model of ``Booster.model_to_string()``, objective ``binary``.

        What the text says about the training (parameters, importances) is left out: it belongs to the lineage.
        """
        return cls(without_parameters(text))

    @classmethod
    def of_forest(cls, trees: Iterable[TreeArrays], width: int) -> TreesModel:
        """The mean of the trees' leaf probabilities: scikit-learn's forests.

        Args:
            trees: Arrays of each tree.
            width: Number of the model's columns.
        """
        return cls(forest_to_text(trees, width), "float32")

    def probability(self, X: Array) -> Array:
        return self._booster.predict(X)

    def row(self) -> Callable[[list[float]], float]:
        pack = struct.Struct(f"{self._booster.width}{'d' if self.numbers == 'float64' else 'f'}").pack
        predict = self._booster.row()
        return lambda row: predict(pack(*row))

    @property
    def scale(self) -> Literal["log_odds", "probability"]:
        return "log_odds" if "objective" in self._header() else "probability"

    def _header(self) -> dict[str, str]:
        lines = self.text.partition("\nTree=")[0].split("\n")
        return dict(line.partition("=")[::2] for line in lines)

    def _unit(self) -> float:
        """What one unit of the trees' sum is on the scale."""
        header = self._header()
        if "average_output" in header:
            return 1.0 / self._booster.trees
        options = dict(word.partition(":")[::2] for word in header.get("objective", "").split()[1:])
        return float(options.get("sigmoid", 1.0))

    def _explained(self) -> TreeShapley | None:
        """The trees made ready for contributions, once; ``None``: they are left to LightGBM's own code."""
        if not self._made:
            forest = read_trees(self.text)
            made = None
            if forest is not None:
                made = TreeShapley(forest, self._booster.width, self._unit(), single=self.numbers == "float32")
            self._made.append(made)
        return self._made[0]

    @property
    def nodes(self) -> int:
        """Inner nodes of all trees: what an explanation of one row takes is in proportion."""
        lines = (line for line in self.text.split("\n") if line.startswith("num_leaves="))
        return sum(int(line.removeprefix("num_leaves=")) - 1 for line in lines)

    def contributions(self, X: Array) -> Array:
        trees = self._explained()
        if trees is None:
            return self._booster.contributions(X) * self._unit()
        out = np.empty((len(X), self._booster.width + 1))
        for i, row in enumerate(np.asarray(X, dtype=np.float64)):
            out[i] = trees.row(row)
        return out if trees.exact else _adjusted(out, self._answers(X))

    def _answers(self, X: Array) -> Array:
        """What the model says on the scale that it adds up on, shape (n,)."""
        p = self.probability(X)
        return p if self.scale == "probability" else log_odds(p)

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        trees = self._explained()
        if trees is None:
            return lambda row: self.contributions(np.array([row]))[0].tolist()
        row_of = trees.row
        if trees.exact:
            return lambda row: row_of(np.array(row)).tolist()
        answer, in_odds = self.row(), self.scale == "log_odds"

        def contributions(row: list[float]) -> list[float]:
            p = answer(row)
            found: list[float] = _adjusted(row_of(np.array(row)), log_odds_one(p) if in_odds else p).tolist()
            return found

        return contributions

    def check(self, width: int) -> None:
        if self._booster.width != width:
            raise BundleError(f"the trees read {self._booster.width} columns, the encoder makes {width}", where="model")
        if self._booster.classes != 1:
            raise BundleError(f"the trees tell {self._booster.classes} classes apart, not two", where="model")

    def to_files(self) -> dict[str, bytes]:
        return {"model.json": stored(_Stored(self.kind, self.numbers)), "model.txt": self.text.encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        data = read_stored(files, "model.json", _Stored)
        if "model.txt" not in files:
            raise BundleError("model.txt is missing", where="model")
        try:
            return cls(files["model.txt"].decode(), data.numbers)
        except UnicodeDecodeError as error:
            raise BundleError(f"model.txt is not text: {error}", where="model") from error


def _adjusted(contributions: Array, answer: Array | float) -> Array:
    """The same with sums that are the answers: what is missing is spread over the columns by their size.

    Args:
        contributions: Shape (…, width + 1); changed in place.
        answer: Shape (…).
    """
    size = np.abs(contributions[..., :-1])
    total = size.sum(axis=-1)
    missing = answer - contributions.sum(axis=-1)
    share = np.divide(missing, total, out=np.zeros_like(total), where=total > 0)
    contributions[..., :-1] += size * share[..., None]
    return contributions
