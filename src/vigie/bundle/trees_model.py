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
from vigie.bundle.stored import read_stored, stored
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

    def contributions(self, X: Array) -> Array:
        return self._booster.contributions(X) * self._unit()

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        booster, unit = self._booster, self._unit()

        def contributions(row: list[float]) -> list[float]:
            found: list[float] = (booster.contributions(np.array([row]))[0] * unit).tolist()
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
