"""Several models whose log-odds are weighed and added up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import msgspec
import numpy as np

from vigie.bundle.additive_model import AdditiveModel
from vigie.bundle.linear_model import LinearModel
from vigie.bundle.logistic import log_odds, log_odds_one, logistic, logistic_one
from vigie.bundle.model import Model
from vigie.bundle.neural_model import NeuralModel
from vigie.bundle.stored import read_stored, stored
from vigie.bundle.trees_model import TreesModel
from vigie.economics.payoff import Array
from vigie.errors import BundleError

LIMIT = 12.0
"""A member's log-odds are kept within ± this (a probability of 6e-6): one that is certain must not overrule the others."""

_NEAR = 1e-9

_KINDS: dict[str, type[Model]] = {kind.kind: kind for kind in (LinearModel, TreesModel, AdditiveModel, NeuralModel)}
"""What a member can be, by its word."""


class _Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    start: int
    weight: float
    width: int


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    members: list[_Member]
    offset: float


@dataclass(frozen=True)
class StackMember:
    """One of the models in a stack.

    Attributes:
        model: Linear, trees, additive or neural.
        weight: Of its log-odds; positive.
        start: First of the stack's columns that it reads. Members that are encoded alike read the same ones.
        width: How many it reads.
    """

    model: Model
    weight: float
    start: int
    width: int


@dataclass(frozen=True)
class StackModel:
    """``logistic(offset + Σ weight · log-odds)`` of its members (Wolpert 1992; Breiman 1996: weights at least 0).

    A member's log-odds are kept within ±12. What :meth:`contributions` gives adds up to the stack's log-odds: each
    member's own contributions times its weight. Those of a member on another scale (the probability of a forest), or
    beyond the limit, are first stretched by one factor a row, the one that makes them add up to what the member's
    log-odds differ by from those of its base; between its columns nothing shifts.

    Attributes:
        members: At least two, in the order in which they are added up.
        offset: In log-odds.
    """

    kind: ClassVar[str] = "stack"

    members: tuple[StackMember, ...]
    offset: float

    def probability(self, X: Array) -> Array:
        total = np.full(len(X), self.offset)
        for member in self.members:
            total += _limited(log_odds(member.model.probability(_slice(X, member)))) * member.weight
        return logistic(total)

    def row(self) -> Callable[[list[float]], float]:
        plan = [(m.model.row(), m.start, m.start + m.width, m.weight) for m in self.members]
        offset = self.offset

        def probability(row: list[float]) -> float:
            total = offset
            for model, start, end, weight in plan:
                total += min(max(log_odds_one(model(row[start:end])), -LIMIT), LIMIT) * weight
            return logistic_one(total)

        return probability

    @property
    def scale(self) -> Literal["log_odds", "probability"]:
        return "log_odds"

    @property
    def width(self) -> int:
        """Number of columns that the members read between them."""
        return max((member.start + member.width for member in self.members), default=0)

    def contributions(self, X: Array) -> Array:
        out = np.zeros((len(X), X.shape[1] + 1))
        out[:, -1] = self.offset
        for member in self.members:
            part = _slice(X, member)
            answer = _limited(log_odds(member.model.probability(part)))
            found = _stretched(member.model.contributions(part), answer, member.model.scale)
            out[:, member.start : member.start + member.width] += found[:, :-1] * member.weight
            out[:, -1] += found[:, -1] * member.weight
        return out

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        plan = [(m, m.model.row(), m.model.contribution_row()) for m in self.members]
        offset = self.offset

        def contributions(row: list[float]) -> list[float]:
            out = np.zeros(len(row) + 1)
            out[-1] = offset
            for member, model, explain in plan:
                part = row[member.start : member.start + member.width]
                answer = _limited(np.array([log_odds_one(model(part))]))
                found = _stretched(np.array([explain(part)]), answer, member.model.scale)[0]
                out[member.start : member.start + member.width] += found[:-1] * member.weight
                out[-1] += found[-1] * member.weight
            total: list[float] = out.tolist()
            return total

        return contributions

    def check(self, width: int) -> None:
        if len(self.members) < 2:
            raise BundleError(f"a stack of {len(self.members)} models", where="model")
        if self.width != width:
            raise BundleError(f"the stack reads {self.width} columns, the encoder makes {width}", where="model")
        if not math.isfinite(self.offset):
            raise BundleError("the offset is not a finite number", where="model")
        for member in self.members:
            if not (math.isfinite(member.weight) and member.weight > 0):
                raise BundleError(f"a member of the stack weighs {member.weight!r}", where="model")
            if member.start < 0 or member.width < 0:
                raise BundleError("a member of the stack reads columns that there are not", where="model")
            if member.model.kind not in _KINDS:
                raise BundleError(f"a '{member.model.kind}' in a stack", where="model")
            member.model.check(member.width)

    def to_files(self) -> dict[str, bytes]:
        members = [_Member(m.model.kind, m.start, m.weight, m.width) for m in self.members]
        files = {"model.json": stored(_Stored(self.kind, members, self.offset))}
        for number, member in enumerate(self.members):
            for name, content in member.model.to_files().items():
                files[_file_name(number, name)] = content
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        data = read_stored(files, "model.json", _Stored)
        members = []
        for number, member in enumerate(data.members):
            if member.kind not in _KINDS:
                raise BundleError(f"a stack cannot hold a '{member.kind}'", where="model", remedy="upgrade vigie")
            own = {
                name: files[_file_name(number, name)]
                for name in ("model.json", "model.txt")
                if _file_name(number, name) in files
            }
            if not own:
                raise BundleError(f"member {number} of the stack is missing", where="model")
            members.append(StackMember(_KINDS[member.kind].from_files(own), member.weight, member.start, member.width))
        return cls(tuple(members), data.offset)


def _file_name(number: int, name: str) -> str:
    return name.replace("model", f"member{number}", 1)


def _slice(X: Array, member: StackMember) -> Array:
    return np.ascontiguousarray(X[:, member.start : member.start + member.width])


def _limited(z: Array) -> Array:
    return np.asarray(np.minimum(np.maximum(z, -LIMIT), LIMIT))


def _stretched(found: Array, answer: Array, scale: Literal["log_odds", "probability"]) -> Array:
    """A member's contributions made to add up to *answer*, its log-odds as the stack reads them.

    Args:
        found: Contributions and base, shape (n, width + 1), on the member's *scale*.
        answer: Shape (n,).
        scale: Of the member.
    """
    own = found[:, -1]
    unlimited = own if scale == "log_odds" else log_odds(own)
    base = _limited(unlimited)
    moved = found[:, :-1].sum(axis=1)
    # Where a row's answer is that of its base but for rounding, the stretch is the slope of the log-odds there.
    near = np.abs(moved) < _NEAR
    slope = np.ones(len(own)) if scale == "log_odds" else 1.0 / np.maximum(own * (1.0 - own), _NEAR)
    slope = np.where(unlimited == base, slope, 0.0)
    factor = np.where(near, slope, (answer - base) / np.where(near, 1.0, moved))
    out = found * factor[:, None]
    out[:, -1] = base
    return out
