"""Operations on expressions: arithmetic, comparisons, logic and the calendar, for features and for values of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vigie.definition import naming
from vigie.definition.expression import (
    CALENDAR,
    COMPARISON,
    LOGIC,
    Constant,
    Expression,
    Feature,
    Literal,
    Moment,
    name_of,
)
from vigie.definition.kind import Kind, Schema
from vigie.errors import DefinitionError

_SYMBOLS = {
    "add": "+",
    "sub": "−",
    "mul": "×",
    "div": "÷",
    "eq": "is",
    "ne": "is not",
    "lt": "<",
    "le": "≤",
    "gt": ">",
    "ge": "≥",
    "and": "and",
    "or": "or",
}
_SLUGS = {
    "add": "plus",
    "sub": "minus",
    "mul": "times",
    "div": "over",
    "eq": "is",
    "ne": "is_not",
    "lt": "below",
    "le": "at_most",
    "gt": "above",
    "ge": "at_least",
    "and": "and",
    "or": "or",
}


@dataclass(frozen=True, eq=False, repr=False)
class Operation(Expression):
    """What the operations of both levels share: a name of :data:`OPERATIONS`, operands and constant parameters."""

    operation: str
    operands: tuple[Expression, ...]
    parameters: tuple[Constant, ...] = ()

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.operands

    def meaning(self) -> list[Any]:
        return [self.operation, [o.meaning() for o in self.operands], [Literal(p).meaning() for p in self.parameters]]

    def __bool__(self) -> bool:
        if self.operation in ("eq", "ne") and not any(isinstance(o, Literal) for o in self.operands):
            same = self.operands[0].fingerprint == self.operands[1].fingerprint
            return same if self.operation == "eq" else not same
        return super().__bool__()

    def slug(self) -> str:
        first = name_of(self.operands[0])
        if self.operation == "div" and self._is_age():
            return f"{name_of(self.operands[0].children[0])}_age"
        if self.operation == "days_between":
            if isinstance(self.operands[1], Moment):
                return f"{first}_days_ago"
            return f"{name_of(self.operands[1])}_days_since_{first}"
        if self.operation in _SLUGS:
            return f"{first}_{_SLUGS[self.operation]}_{name_of(self.operands[1])}"
        if self.operation in ("not", "neg"):
            return f"{'not' if self.operation == 'not' else 'minus'}_{first}"
        if self.operation == "if_null":
            return f"{first}_or_{name_of(self.operands[1])}"
        return "_".join([first, self.operation, *(naming.slug(p) for p in self.parameters)])

    def _is_age(self) -> bool:
        left, right = self.operands
        return (
            isinstance(right, Literal)
            and right.value == 365.25
            and isinstance(left, Operation)
            and left.operation == "days_between"
            and isinstance(left.operands[1], Moment)
        )

    def words(self) -> str:
        said = [
            f"({o.words()})" if isinstance(o, Operation) and o.operation in _SYMBOLS else o.words()
            for o in self.operands
        ]
        if self.operation == "div" and self._is_age():
            return f"years since {self.operands[0].children[0].words()}"
        if self.operation in _SYMBOLS:
            return f"{said[0]} {_SYMBOLS[self.operation]} {said[1]}"
        listed = ", ".join(Literal(p).words() for p in self.parameters)
        return {
            "neg": f"minus {said[0]}",
            "abs": f"absolute value of {said[0]}",
            "log": f"logarithm of {said[0]}",
            "log1p": f"logarithm of one plus {said[0]}",
            "not": f"not {said[0]}",
            "in": f"{said[0]} is one of {listed}",
            "is_null": f"{said[0]} is missing",
            "if_null": f"{said[0]}, or {said[-1]} where missing",
            "bucket": f"interval of {said[0]} between {listed}",
            "days_between": f"days from {said[0]} to {said[-1]}",
        }.get(self.operation, f"{self.operation} of {said[0]}")

    def kind(self, schema: Schema) -> Kind:
        kinds = [o.kind(schema) for o in self.operands]
        name = self.operation
        if name in LOGIC:
            self._require(kinds, {Kind.BOOLEAN})
            return Kind.BOOLEAN
        if name in ("is_null", "in"):
            return Kind.BOOLEAN
        if name in COMPARISON:
            left, right = kinds
            moment_text = {left, right} == {Kind.TIME, Kind.CATEGORY} and any(
                isinstance(o, Literal) for o in self.operands
            )
            if left != right and not moment_text and {left, right} != {Kind.CATEGORY, Kind.TEXT}:
                raise DefinitionError(
                    f"compares a {left} with a {right}",
                    where=self.where,
                    remedy="compare values of one kind; the contract file says what each column is",
                )
            if name not in ("eq", "ne"):
                self._require(kinds, {Kind.NUMBER, Kind.TIME, Kind.CATEGORY})
            return Kind.BOOLEAN
        if name == "sub" and kinds == [Kind.TIME, Kind.TIME]:
            return Kind.NUMBER
        if name == "days_between" or name in CALENDAR:
            self._require(kinds, {Kind.TIME})
            return Kind.NUMBER
        if name == "if_null":
            if kinds[0] != kinds[1]:
                raise DefinitionError(
                    f"fills a {kinds[0]} with a {kinds[1]}", where=self.where, remedy="fill with a value of its kind"
                )
            return kinds[0]
        self._require(kinds, {Kind.NUMBER, Kind.BOOLEAN})
        return Kind.NUMBER

    def _require(self, kinds: list[Kind], allowed: set[Kind]) -> None:
        for operand, kind in zip(self.operands, kinds, strict=True):
            if kind not in allowed:
                wanted = " or ".join(sorted(allowed))
                raise DefinitionError(
                    f"'{self.operation}' takes a {wanted}, and {name_of(operand)} is a {kind}",
                    where=self.where,
                    remedy="change the operation, or the kind of the column in its contract file",
                )


@dataclass(frozen=True, eq=False, repr=False)
class FeatureOperation(Operation, Feature):
    """An operation on features, row by row."""

    __bool__ = Operation.__bool__


Feature.combined = FeatureOperation
Expression.combined = FeatureOperation
