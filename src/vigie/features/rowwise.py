"""Operations row by row: arithmetic, comparison, logic, calendar. The same code for features and for values of events.

Nulls as the language says (:mod:`vigie.definition.expression`): an operation on a null is null, except ``is_null``,
``if_null`` and the three-valued ``&`` and ``|``; division by zero and the logarithm of what is not positive are null.
Every result is IEEE double arithmetic or the C library's ``log``, so it does not depend on how many rows there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from vigie.clock import DAY, parse_moment
from vigie.definition.aggregate import Aggregate, AtMoment, EventColumn
from vigie.definition.expression import Constant, Expression, Feature, Literal, Moment
from vigie.definition.kind import Kind
from vigie.definition.operation import Operation
from vigie.definition.related import Related
from vigie.definition.source import Column
from vigie.errors import FeatureError, did_you_mean
from vigie.features.values import NULL_TIME, Array, Values

Operate = Callable[..., Values]

_HOUR = 3_600_000_000


def leaf_name(leaf: Expression) -> str:
    """Under what name the values of a leaf are given to :func:`evaluate`: a column of events by its column."""
    if isinstance(leaf, Moment):
        return "moment"
    return leaf.column if isinstance(leaf, EventColumn) else leaf.name if isinstance(leaf, Feature) else leaf.slug()


def leaves_of(expression: Expression) -> Iterator[Feature]:
    """The leaf features under feature-level operations, in reading order, repeated where they are used twice.

    A related feature is a leaf: its key has leaves of its own, and its inner feature is of another customer.
    """
    if isinstance(expression, Column | Aggregate | AtMoment | Moment | Related):
        yield expression
    elif isinstance(expression, Operation):
        for operand in expression.operands:
            yield from leaves_of(operand)


def leaves(expressions: Iterable[Expression]) -> dict[str, Feature]:
    """The distinct leaf features (columns, aggregates, related, values at the moment, the moment) by name, in reading order.

    Raises:
        FeatureError: Two leaves that differ in meaning have one name.
    """
    found: dict[str, Feature] = {}
    for expression in expressions:
        for leaf in leaves_of(expression):
            name = leaf_name(leaf)
            if found.setdefault(name, leaf).fingerprint != leaf.fingerprint:
                raise FeatureError(
                    f"'{name}' is the name of two different features",
                    where=name,
                    remedy="rename one of them with .named('...')",
                )
    return found


def evaluate(expression: Expression, leaves: Mapping[str, Values], n: int) -> Values:
    """Values of *expression* for *n* rows.

    Args:
        expression: A feature, or a value of events.
        leaves: Values of every leaf by :func:`leaf_name`, *n* each.
        n: Number of rows.

    Returns:
        *n* values.

    Raises:
        FeatureError: A leaf is not given, or a text that is compared with a time is not a date.
    """
    values = _evaluate(expression, leaves)
    return values if len(values) == n else values.take(np.zeros(n, dtype=np.intp))


def literal(value: Constant) -> Values:
    """A constant as one value."""
    if isinstance(value, bool):
        return Values(Kind.BOOLEAN, np.array([float(value)]))
    if isinstance(value, str):
        return Values(Kind.CATEGORY, np.zeros(1, dtype=np.int32), (value,))
    return Values(Kind.NUMBER, np.array([float(value)]))


def _evaluate(expression: Expression, leaves: Mapping[str, Values]) -> Values:
    # Constants stay one row long and spread by broadcasting.
    if isinstance(expression, Literal):
        return literal(expression.value)
    if isinstance(expression, Operation):
        operands = [_evaluate(operand, leaves) for operand in expression.operands]
        if expression.operation in OPERATE_WITH:
            return OPERATE_WITH[expression.operation](operands[0], expression.parameters)
        return OPERATE[expression.operation](*operands)
    name = leaf_name(expression)
    if name not in leaves:
        raise FeatureError(f"no values for '{name}'", where=name, remedy=did_you_mean(name, leaves))
    return leaves[name]


# -- arithmetic ------------------------------------------------------------------------------------------------------


def _arithmetic(function: Callable[[Array, Array], Array]) -> Operate:
    def operate(left: Values, right: Values) -> Values:
        with np.errstate(all="ignore"):
            return Values(Kind.NUMBER, function(left.data, right.data))

    return operate


def _sub(left: Values, right: Values) -> Values:
    if left.kind is Kind.TIME:
        return _days_between(right, left)
    with np.errstate(all="ignore"):
        return Values(Kind.NUMBER, left.data - right.data)


def _quotient(left: Array, right: Array) -> Array:
    return np.asarray(np.where(right == 0, np.nan, left / right))


def _days_between(earlier: Values, later: Values) -> Values:
    days = (later.data - earlier.data).astype(np.float64) / DAY
    days[np.broadcast_to(earlier.nulls() | later.nulls(), days.shape)] = np.nan
    return Values(Kind.NUMBER, days)


def _logarithm(function: Callable[[float], float], above: float) -> Operate:
    # NumPy's vector logarithm differs in the last bit between processors; the C library's does not.
    def operate(values: Values) -> Values:
        data = values.data
        found = (function(x) if x > above else math.nan for x in data.tolist())
        return Values(Kind.NUMBER, np.fromiter(found, dtype=np.float64, count=len(data)))

    return operate


# -- comparison ------------------------------------------------------------------------------------------------------


def as_time(text: str) -> int:
    """Microseconds of a date written in a definition.

    Raises:
        FeatureError: It is not a date.
    """
    try:
        return parse_moment(text)
    except ValueError as error:
        raise FeatureError(
            f"'{text}' is compared with a time and is not a date", remedy="write it as '2026-01-31'"
        ) from error


def _comparable(left: Values, right: Values) -> tuple[Array, Array]:
    """Both sides as arrays whose order is that of the values; nulls are anything."""
    if Kind.TIME in (left.kind, right.kind):
        return _times(left), _times(right)
    if Kind.TEXT in (left.kind, right.kind):
        return left.strings(), right.strings()
    if left.kind is not Kind.CATEGORY or left.categories == right.categories == tuple(sorted(left.categories)):
        return left.data, right.data
    ordered = tuple(sorted({*left.categories, *right.categories}))
    return left.recoded(ordered), right.recoded(ordered)


def _times(values: Values) -> Array:
    if values.kind is Kind.TIME:
        return values.data
    table = np.array([*(as_time(text) for text in values.categories), NULL_TIME], dtype=np.int64)
    return np.asarray(table[values.data])


def _comparison(function: Callable[[Array, Array], Array]) -> Operate:
    def operate(left: Values, right: Values) -> Values:
        return _boolean(function(*_comparable(left, right)), left.nulls() | right.nulls())

    return operate


def _boolean(true: Array, null: Array) -> Values:
    return Values(Kind.BOOLEAN, np.where(null, np.nan, np.asarray(true, dtype=np.float64)))


def _in(values: Values, constants: tuple[Constant, ...]) -> Values:
    return _boolean(is_one_of(values, constants), values.nulls())


def is_one_of(values: Values, constants: tuple[Constant, ...]) -> Array:
    """Boolean mask: where a value equals one of *constants*. A text never equals a number; nulls are anything."""
    texts = tuple(c for c in constants if isinstance(c, str))
    numbers = [float(c) for c in constants if not isinstance(c, str)]
    match values.kind:
        case Kind.NUMBER | Kind.BOOLEAN:
            return np.isin(values.data, numbers)
        case Kind.TIME:
            return np.isin(values.data, np.array([as_time(text) for text in texts], dtype=np.int64))
        case Kind.CATEGORY:
            table = np.array([*(text in texts for text in values.categories), False])
            return np.asarray(table[values.data])
        case Kind.TEXT:
            return np.fromiter((value in texts for value in values.data), dtype=bool, count=len(values))


# -- logic, nulls, intervals, calendar -------------------------------------------------------------------------------


def _and(left: Values, right: Values) -> Values:
    false = (left.data == 0) | (right.data == 0)
    return Values(Kind.BOOLEAN, np.where(false, 0.0, left.data * right.data))


def _or(left: Values, right: Values) -> Values:
    true = (left.data == 1) | (right.data == 1)
    return Values(Kind.BOOLEAN, np.where(true, 1.0, left.data + right.data))


def _not(values: Values) -> Values:
    return Values(Kind.BOOLEAN, 1.0 - values.data)


def _is_null(values: Values) -> Values:
    return Values(Kind.BOOLEAN, values.nulls().astype(np.float64))


def _if_null(value: Values, other: Values) -> Values:
    if value.kind is Kind.CATEGORY:
        categories = tuple(dict.fromkeys((*value.categories, *other.categories)))
        left, right = value.recoded(categories), other.recoded(categories)
        return Values(Kind.CATEGORY, np.where(left < 0, right, left), categories)
    return Values(value.kind, np.where(value.nulls(), other.data, value.data))


def _bucket(values: Values, edges: tuple[Constant, ...]) -> Values:
    data = values.data
    found = np.searchsorted(np.array(edges, dtype=np.float64), data, side="right").astype(np.float64)
    return Values(Kind.NUMBER, np.where(np.isnan(data), np.nan, found))


def _calendar(function: Callable[[Array], Array]) -> Operate:
    def operate(values: Values) -> Values:
        found = function(np.where(values.nulls(), 0, values.data)).astype(np.float64)
        return Values(Kind.NUMBER, np.where(values.nulls(), np.nan, found))

    return operate


def _months(data: Array) -> Array:
    return data.view("M8[us]").astype("M8[M]").astype(np.int64)


OPERATE: dict[str, Operate] = {
    "add": _arithmetic(np.add),
    "sub": _sub,
    "mul": _arithmetic(np.multiply),
    "div": _arithmetic(_quotient),
    "neg": lambda values: Values(Kind.NUMBER, -values.data),
    "abs": lambda values: Values(Kind.NUMBER, np.abs(values.data)),
    "log": _logarithm(math.log, 0.0),
    "log1p": _logarithm(math.log1p, -1.0),
    "eq": _comparison(np.equal),
    "ne": _comparison(np.not_equal),
    "lt": _comparison(np.less),
    "le": _comparison(np.less_equal),
    "gt": _comparison(np.greater),
    "ge": _comparison(np.greater_equal),
    "and": _and,
    "or": _or,
    "not": _not,
    "is_null": _is_null,
    "if_null": _if_null,
    "days_between": _days_between,
    "year": _calendar(lambda data: _months(data) // 12 + 1970),
    "month": _calendar(lambda data: _months(data) % 12 + 1),
    # 1970-01-01 was a Thursday.
    "weekday": _calendar(lambda data: (data // DAY + 3) % 7),
    "hour": _calendar(lambda data: data // _HOUR % 24),
}
"""How each of :data:`vigie.definition.expression.OPERATIONS` without constant parameters is done: operands → values."""

OPERATE_WITH: dict[str, Callable[[Values, tuple[Constant, ...]], Values]] = {"in": _in, "bucket": _bucket}
"""The operations on one operand with constant parameters."""
