"""The cost matrix of a definition, evaluated for customers: many at once, or one as fast as possible."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vigie.definition.decision import Payoff
from vigie.definition.expression import Expression, Literal
from vigie.definition.kind import Kind
from vigie.definition.operation import Operation
from vigie.economics.payoff import Array, PayoffValues
from vigie.features.rowwise import evaluate, leaf_name, leaves
from vigie.features.values import Columns, Values

RowSums = tuple[float, float, float, float]
RowValue = Callable[[Mapping[str, Any]], float]


def payoff_values(payoff: Payoff, columns: Columns, n: int) -> PayoffValues:
    """The four sums for *n* customers, in currency.

    Args:
        payoff: Of the decision.
        columns: Values of the leaves by name; others are ignored.
        n: Number of customers.

    Returns:
        Arrays of shape (n,), or () where a sum is the same for everybody.

    Raises:
        FeatureError: A leaf is not given.
    """
    return PayoffValues(*(_sum(expression, columns, n) for expression in payoff.expressions()))


def _sum(expression: Expression, columns: Columns, n: int) -> Array:
    if not leaves([expression]):
        return np.asarray(evaluate(expression, {}, 1).data[0], dtype=np.float64)
    return np.asarray(evaluate(expression, columns, n).data, dtype=np.float64)


def payoff_row(payoff: Payoff, kinds: Mapping[str, Kind]) -> Callable[[Mapping[str, Any]], RowSums]:
    """A function from one customer's values to the four sums, equal to :func:`payoff_values` to the bit.

    Args:
        payoff: Of the decision.
        kinds: Of the leaves, by name.
    """
    first, second, third, fourth = (row_value(expression, kinds) for expression in payoff.expressions())
    if not leaves(payoff.expressions()):
        always: RowSums = (first({}), second({}), third({}), fourth({}))
        return lambda _: always
    return lambda values: (first(values), second(values), third(values), fourth(values))


def row_value(expression: Expression, kinds: Mapping[str, Kind]) -> RowValue:
    """A function from one customer's values to the number that *expression* gives, NaN for null.

    Arithmetic on numbers is done by Python's floats, which are the same IEEE doubles as NumPy's; everything else goes
    through :func:`vigie.features.rowwise.evaluate` with one row.
    """
    if not leaves([expression]):
        constant = float(evaluate(expression, {}, 1).data[0])
        return lambda _: constant
    quick = _quick(expression, kinds)
    return quick if quick is not None else _evaluated(expression, kinds)


def _quick(expression: Expression, kinds: Mapping[str, Kind]) -> RowValue | None:
    if isinstance(expression, Literal):
        if isinstance(expression.value, str):
            return None
        constant = float(expression.value)
        return lambda _: constant
    if isinstance(expression, Operation):
        make = _ARITHMETIC.get(expression.operation)
        operands = [_quick(operand, kinds) for operand in expression.operands] if make is not None else [None]
        whole = [operand for operand in operands if operand is not None]
        return make(*whole) if make is not None and len(whole) == len(operands) else None
    name = leaf_name(expression)
    if kinds.get(name) not in (Kind.NUMBER, Kind.BOOLEAN):
        return None

    def leaf(values: Mapping[str, Any]) -> float:
        value = values.get(name)
        return math.nan if value is None else float(value)

    return leaf


def _evaluated(expression: Expression, kinds: Mapping[str, Kind]) -> RowValue:
    names = tuple(leaves([expression]))

    def value(values: Mapping[str, Any]) -> float:
        row = {name: Values.of(kinds[name], [values.get(name)]) for name in names}
        return float(evaluate(expression, row, 1).data[0])

    return value


def _add(left: RowValue, right: RowValue) -> RowValue:
    return lambda values: left(values) + right(values)


def _sub(left: RowValue, right: RowValue) -> RowValue:
    return lambda values: left(values) - right(values)


def _mul(left: RowValue, right: RowValue) -> RowValue:
    return lambda values: left(values) * right(values)


def _div(left: RowValue, right: RowValue) -> RowValue:
    def divide(values: Mapping[str, Any]) -> float:
        below = right(values)
        return math.nan if below == 0 else left(values) / below

    return divide


def _neg(operand: RowValue) -> RowValue:
    return lambda values: -operand(values)


def _abs(operand: RowValue) -> RowValue:
    return lambda values: abs(operand(values))


_ARITHMETIC: dict[str, Callable[..., RowValue]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "abs": _abs,
}
