"""The operations of the language on single Python values, equal to :mod:`~vigie.features.rowwise` to the last bit.

For one customer at a moment, NumPy's calls cost more than what they compute. ``None`` is null; a result that is not a
number is ``None``. Whoever compiles an operation knows the kinds of its operands, so nothing is looked up per value.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from vigie.clock import DAY
from vigie.definition.expression import CALENDAR, COMPARISON, Constant
from vigie.definition.kind import Kind
from vigie.features.rowwise import as_time

Scalar = Callable[..., Any]

_DAY = float(DAY)
_HOUR = 3_600_000_000


def scalar(operation: str, parameters: Sequence[Constant], kinds: Sequence[Kind]) -> Scalar:
    """An operation as a function of its operands.

    Args:
        operation: A name of :data:`vigie.definition.expression.OPERATIONS`.
        parameters: Its constant parameters.
        kinds: Kinds of its operands.
    """
    if operation in ("is_null", "if_null", "and", "or"):
        return _OF_NULLS[operation]
    if operation == "in":
        return _member(one_of(parameters, kinds[0]))
    if operation == "bucket":
        edges = [float(edge) for edge in parameters]
        return _unary(lambda value: float(bisect_right(edges, value)))
    if operation in COMPARISON:
        return _comparison(getattr(operator, operation), kinds)
    if operation == "days_between":
        return _binary(lambda earlier, later: float(later - earlier) / _DAY)
    if operation == "sub" and kinds[0] is Kind.TIME:
        return _binary(lambda later, earlier: float(later - earlier) / _DAY)
    if operation in CALENDAR:
        return _unary(_CALENDAR[operation])
    if operation in _BINARY:
        function, exact = _BINARY[operation], all(kind is Kind.NUMBER for kind in kinds)
        return _binary(function if exact else lambda left, right: function(float(left), float(right)))
    return _unary(_UNARY[operation])


def one_of(constants: Sequence[Constant], kind: Kind) -> frozenset[Any]:
    """What equals one of *constants*, among values of *kind*: a text never equals a number."""
    texts = [constant for constant in constants if isinstance(constant, str)]
    match kind:
        case Kind.NUMBER | Kind.BOOLEAN:
            return frozenset(float(constant) for constant in constants if not isinstance(constant, str))
        case Kind.TIME:
            return frozenset(as_time(text) for text in texts)
        case Kind.CATEGORY | Kind.TEXT:
            return frozenset(texts)


# -- nulls -----------------------------------------------------------------------------------------------------------


def _unary(function: Scalar) -> Scalar:
    def operate(value: Any) -> Any:
        return None if value is None else function(value)

    return operate


def _binary(function: Scalar) -> Scalar:
    def operate(left: Any, right: Any) -> Any:
        if left is None or right is None:
            return None
        found = function(left, right)
        return found if found == found else None

    return operate


def _and(left: Any, right: Any) -> Any:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: Any, right: Any) -> Any:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


_OF_NULLS: dict[str, Scalar] = {
    "is_null": lambda value: value is None,
    "if_null": lambda value, other: other if value is None else value,
    "and": _and,
    "or": _or,
}


# -- comparison ------------------------------------------------------------------------------------------------------


def _member(members: frozenset[Any]) -> Scalar:
    def operate(value: Any) -> Any:
        return None if value is None else value in members

    return operate


def _comparison(function: Scalar, kinds: Sequence[Kind]) -> Scalar:
    left, right = (kind is Kind.TIME for kind in kinds)
    if left != right:  # a moment and a date written as text
        date = lru_cache(maxsize=256)(as_time)
        if left:
            return _binary(lambda moment, text: function(moment, date(text)))
        return _binary(lambda text, moment: function(date(text), moment))
    return _binary(function)


# -- arithmetic ------------------------------------------------------------------------------------------------------


def _quotient(left: float, right: float) -> float | None:
    return None if right == 0.0 else left / right


_BINARY: dict[str, Scalar] = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": _quotient}

_UNARY: dict[str, Scalar] = {
    "neg": lambda value: -float(value),
    "abs": lambda value: abs(float(value)),
    "log": lambda value: math.log(value) if value > 0.0 else None,
    "log1p": lambda value: math.log1p(value) if value > -1.0 else None,
    "not": operator.not_,
}


# -- calendar --------------------------------------------------------------------------------------------------------


def _civil(moment: int) -> tuple[int, int]:
    """Year and month in the Gregorian calendar, for any moment (H. Hinnant's ``civil_from_days``)."""
    era, day = divmod(moment // DAY + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    month = (5 * (day - (365 * year + year // 4 - year // 100)) + 2) // 153  # 0 for March
    return (year + 400 * era + (month > 9), month + 3 if month < 10 else month - 9)


_CALENDAR: dict[str, Callable[[int], float]] = {
    "year": lambda moment: float(_civil(moment)[0]),
    "month": lambda moment: float(_civil(moment)[1]),
    # 1970-01-01 was a Thursday.
    "weekday": lambda moment: float((moment // DAY + 3) % 7),
    "hour": lambda moment: float(moment // _HOUR % 24),
}
