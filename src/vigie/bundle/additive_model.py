"""Explainable boosting machine: a sum of curves and of tables for pairs of inputs, looked up bin by bin."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import msgspec
import numpy as np

from vigie.bundle.logistic import logistic, logistic_one
from vigie.bundle.stored import read_stored, stored
from vigie.economics.payoff import Array
from vigie.errors import BundleError


class CutBins(msgspec.Struct, frozen=True, tag="cuts", forbid_unknown_fields=True):
    """Bins of a number: 0 is missing, 1 lies below the first cut, a value equal to a cut lies above it.

    Attributes:
        cuts: Strictly increasing.
    """

    cuts: tuple[float, ...]

    @property
    def size(self) -> int:
        """Entries of a term along this input: missing, the bins, and one for values never seen."""
        return len(self.cuts) + 3

    def find(self, x: Array) -> Array:
        """Bin of each value, shape (n,)."""
        return np.where(np.isnan(x), 0, 1 + np.searchsorted(np.array(self.cuts), x, side="right"))

    def row(self) -> Callable[[float], int]:
        """The same of one value."""
        cuts = self.cuts
        return lambda x: 0 if x != x else 1 + bisect_right(cuts, x)


class CodeBins(msgspec.Struct, frozen=True, tag="codes", forbid_unknown_fields=True):
    """Bins of a category's codes 0, 1, 2 …: 0 is missing, the last entry is for codes never seen.

    Attributes:
        bins: Bin of each code, at least 1; −1 for one without.
    """

    bins: tuple[int, ...]

    @property
    def size(self) -> int:
        """Entries of a term along this input: missing, the bins, and one for codes never seen."""
        return max(self.bins, default=0) + 2

    def find(self, x: Array) -> Array:
        """Bin of each code, shape (n,)."""
        last = self.size - 1
        table = np.array([last if found < 0 else found for found in self.bins] + [last], dtype=np.intp)
        known = (x >= 0) & (x < len(self.bins)) & (np.floor(x) == x)
        code = np.where(known, x, len(self.bins)).astype(np.intp)
        return np.where(np.isnan(x), 0, table[code])

    def row(self) -> Callable[[float], int]:
        """The same of one code."""
        last = self.size - 1
        table = {float(code): last if found < 0 else found for code, found in enumerate(self.bins)}
        return lambda x: 0 if x != x else table.get(x, last)


Bins = CutBins | CodeBins


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One summand.

    Attributes:
        features: The one or more columns it depends on.
        bins: For each of them the position in ``AdditiveModel.bins[column]`` of the bins it is cut into.
        scores: Log-odds of each combination of bins, the last column varying fastest.
    """

    features: tuple[int, ...]
    bins: tuple[int, ...]
    scores: tuple[float, ...]


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    intercept: float
    bins: list[list[Bins]]
    terms: list[Term]


@dataclass(frozen=True)
class AdditiveModel:
    """``logistic(intercept + Σ term)``, summed in the order of the terms.

    Attributes:
        intercept: In log-odds.
        bins: For each of the model's columns its ways of being cut into bins: the first for terms of one column, the
            next for pairs.
        terms: The summands.
    """

    kind: ClassVar[str] = "additive"

    intercept: float
    bins: tuple[tuple[Bins, ...], ...]
    terms: tuple[Term, ...]

    @classmethod
    def of(
        cls,
        bins: Sequence[Sequence[Any]],
        term_features: Sequence[Sequence[int]],
        term_scores: Sequence[Array],
        intercept: float | Array,
    ) -> AdditiveModel:
        """The model in the arrays of a fitted ``ExplainableBoostingClassifier`` for two classes.

        Args:
            bins: ``bins_``: for each column a list of arrays of cuts, or of dicts from the text of a code to its bin.
            term_features: ``term_features_``.
            term_scores: ``term_scores_``.
            intercept: ``intercept_``.
        """
        found = tuple(tuple(_bins(level) for level in levels) for levels in bins)
        terms = []
        for features, scores in zip(term_features, term_scores, strict=True):
            # A column with fewer ways of cutting than the term has columns uses its last one.
            levels = tuple(min(len(found[feature]), len(features)) - 1 for feature in features)
            flat = np.asarray(scores, dtype=np.float64).ravel().tolist()
            terms.append(Term(tuple(int(feature) for feature in features), levels, tuple(flat)))
        return cls(float(np.asarray(intercept).ravel()[0]), found, tuple(terms))

    def probability(self, X: Array) -> Array:
        total = np.full(len(X), self.intercept)
        for _, scores in self._scores(X):
            total += scores
        return logistic(total)

    def _scores(self, X: Array) -> Iterator[tuple[Term, Array]]:
        """Each term with its log-odds for each row, shape (n,)."""
        found: dict[tuple[int, int], Array] = {}
        for term in self.terms:
            position = np.zeros(len(X), dtype=np.intp)
            for feature, level in zip(term.features, term.bins, strict=True):
                key = (feature, level)
                if key not in found:
                    found[key] = self.bins[feature][level].find(X[:, feature])
                position = position * self.bins[feature][level].size + found[key]
            yield term, np.array(term.scores)[position]

    def row(self) -> Callable[[list[float]], float]:
        places: dict[tuple[int, int], int] = {}
        finders: list[tuple[int, Callable[[float], int]]] = []
        ones: list[tuple[int, tuple[float, ...]]] = []
        for term in self.terms:
            for key in zip(term.features, term.bins, strict=True):
                if key not in places:
                    places[key] = len(finders)
                    finders.append((key[0], self.bins[key[0]][key[1]].row()))
        plan: list[tuple[tuple[tuple[int, int], ...], tuple[float, ...]]] = []
        for term in self.terms:
            keys = list(zip(term.features, term.bins, strict=True))
            plan.append((tuple((places[key], self.bins[key[0]][key[1]].size) for key in keys), term.scores))
            ones.append((places[keys[0]], term.scores))
        intercept = self.intercept
        single = sum(len(term.features) == 1 for term in self.terms)
        # Terms of one column come first in every fitted machine; the general loop takes whatever comes after.
        leading = single if all(len(term.features) == 1 for term in self.terms[:single]) else 0
        alone, together = tuple(ones[:leading]), tuple(plan[leading:])

        def probability(row: list[float]) -> float:
            found = [find(row[feature]) for feature, find in finders]
            total = intercept
            for place, scores in alone:
                total += scores[found[place]]
            for parts, scores in together:
                position = 0
                for place, size in parts:
                    position = position * size + found[place]
                total += scores[position]
            return logistic_one(total)

        return probability

    @property
    def scale(self) -> Literal["log_odds", "probability"]:
        return "log_odds"

    def contributions(self, X: Array) -> Array:
        # A fitted machine's terms have mean 0 over the rows learned from, so the intercept is the average customer's.
        out = np.zeros((len(X), len(self.bins) + 1))
        out[:, -1] = self.intercept
        for term, scores in self._scores(X):
            for feature in term.features:
                out[:, feature] += scores / len(term.features)
        return out

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        finders = [[bins.row() for bins in levels] for levels in self.bins]
        plan = [
            (
                tuple(
                    (feature, finders[feature][level], self.bins[feature][level].size)
                    for feature, level in zip(term.features, term.bins, strict=True)
                ),
                term.scores,
            )
            for term in self.terms
        ]
        width, intercept = len(self.bins), self.intercept

        def contributions(row: list[float]) -> list[float]:
            out = [0.0] * width
            for parts, scores in plan:
                position = 0
                for feature, find, size in parts:
                    position = position * size + find(row[feature])
                share = scores[position] / len(parts)
                for feature, _, _ in parts:
                    out[feature] += share
            out.append(intercept)
            return out

        return contributions

    def check(self, width: int) -> None:
        if len(self.bins) != width:
            raise BundleError(f"bins of {len(self.bins)} columns for {width}", where="model")
        for levels in self.bins:
            for bins in levels:
                if isinstance(bins, CutBins):
                    whole = all(low < high for low, high in zip(bins.cuts, bins.cuts[1:], strict=False))
                else:
                    whole = all(found >= 1 or found == -1 for found in bins.bins)
                if not whole:
                    raise BundleError("bins are out of order", where="model")
        if not math.isfinite(self.intercept):
            raise BundleError("the intercept is not a finite number", where="model")
        for number, term in enumerate(self.terms):
            fits = len(term.features) == len(term.bins) > 0 and all(
                0 <= feature < width and 0 <= level < len(self.bins[feature])
                for feature, level in zip(term.features, term.bins, strict=True)
            )
            if not fits:
                raise BundleError(f"term {number} reads a column or bins that there are not", where="model")
            size = math.prod(self.bins[f][level].size for f, level in zip(term.features, term.bins, strict=True))
            if len(term.scores) != size or not all(map(math.isfinite, term.scores)):
                raise BundleError(f"term {number} has {len(term.scores)} scores for {size} bins", where="model")

    def to_files(self) -> dict[str, bytes]:
        data = _Stored(self.kind, self.intercept, [list(levels) for levels in self.bins], list(self.terms))
        return {"model.json": stored(data)}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        data = read_stored(files, "model.json", _Stored)
        return cls(data.intercept, tuple(tuple(levels) for levels in data.bins), tuple(data.terms))


def _bins(level: Any) -> Bins:
    if isinstance(level, Mapping):
        codes = {int(float(text)): int(found) for text, found in level.items()}
        return CodeBins(tuple(codes.get(code, -1) for code in range(max(codes, default=-1) + 1)))
    return CutBins(tuple(np.asarray(level, dtype=np.float64).tolist()))
