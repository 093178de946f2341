"""The meaning of every feature, slow and obvious: plain Python over the records of one customer.

The kernel is right where it equals this. Nothing here is shared with it: no array, no sorting by packed keys, no prefix
sums, not the operations. What is not obvious is the arithmetic, which is part of the contract:

* a sum is the exact sum of the values, each rounded to a multiple of 2**-52, rounded once to a double; a mean is that
  sum divided by the count;
* a standard deviation is ``sqrt(S / (n − 1))``, where ``S`` sums the squared distances from the mean (both in doubles),
  each rounded to a multiple of ``2**(e − 62 + b)``: ``2**e`` is the power of two above the largest of them and ``b`` the
  number of bits of ``n``;
* days are a whole number of microseconds, as a double, divided by 86,400,000,000.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from vigie.definition import related
from vigie.definition.aggregate import Aggregate, AtMoment, EventColumn, EventValue
from vigie.definition.expression import Expression, Literal, Moment
from vigie.definition.operation import Operation
from vigie.definition.source import Column

DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Record:
    """An event, or a version of a customer's row.

    Attributes:
        time: When it happened, µs; for a version, when it became known; for a row true always, anything.
        values: Value of each column, ``None`` for null: float, bool, str, or int µs for times.
        id: Identity of an event.
        known_at: When an event became known, µs; ``None``: when it happened.
        arrival: When it came to the lake.
    """

    time: int
    values: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    known_at: int | None = None
    arrival: int = 0


History = Mapping[str, Sequence[Record]]
"""Records of one customer by source, in the order in which they lie in the lake."""


Entities = Mapping[str, Mapping[str, Sequence[Record]]]
"""Records of what customers belong to: by source, then by the entity's key."""


def value(
    feature: Expression, history: History, t: int, event: Record | None = None, relations: Entities | None = None
) -> Any:
    """Value of *feature* for the customer at moment *t*: ``float``, ``bool``, ``str``, ``int`` µs or ``None``.

    Args:
        feature: What to compute.
        history: All that is known of the customer.
        t: The moment, µs.
        event: The event that the moment is taken at, for ``at_moment()``.
        relations: All that is known of what customers belong to, for ``of(...)``.
    """
    match feature:
        case Literal():
            return _plain(feature.value)
        case Moment():
            return t
        case Column():
            return _column(feature, history, t)
        case AtMoment():
            assert event is not None
            return of_event(feature.value, event)
        case Aggregate():
            return _aggregate(feature, history, t)
        case related.Related():
            entity = value(feature.key, history, t, event, relations)
            if entity is None:
                return None
            assert relations is not None
            source = feature.source.name
            return value(feature.inner, {source: relations[source].get(entity, ())}, t)
        case Operation():
            operands = [value(operand, history, t, event, relations) for operand in feature.operands]
            return _operation(feature, operands)
    raise AssertionError(type(feature))


def of_event(expression: EventValue | Expression, event: Record) -> Any:
    """Value of an expression for one event."""
    match expression:
        case Literal():
            return _plain(expression.value)
        case EventColumn():
            return event.values[expression.column]
        case Operation():
            return _operation(expression, [of_event(operand, event) for operand in expression.operands])
    raise AssertionError(type(expression))


def canonical(events: Sequence[Record]) -> list[Record]:
    """Each event once, the one known first, in order of time and id."""
    once: dict[str, Record] = {}
    for record in sorted(events, key=lambda r: (0 if r.known_at is None else r.known_at, r.arrival)):
        once.setdefault(record.id, record)
    return sorted(once.values(), key=lambda r: (r.time, _id_order(r.id)))


def _id_order(id: str) -> tuple[int, int, str]:
    digits = id.removeprefix("-")
    whole = digits.isascii() and digits.isdigit() and len(digits) <= 18 and str(int(id)) == id
    return (0, int(id), "") if whole else (1, 0, id)


def _plain(constant: Any) -> Any:
    return constant if isinstance(constant, bool | str) else float(constant)


def _column(column: Column, history: History, t: int) -> Any:
    rows = sorted(
        history.get(column.source.name, ()), key=lambda r: (r.time if column.source.known_at else 0, r.arrival)
    )
    known = [row for row in rows if column.source.known_at is None or row.time <= t]
    return known[-1].values[column.column] if known else None


# -- aggregations ----------------------------------------------------------------------------------------------------


def _aggregate(aggregate: Aggregate, history: History, t: int) -> Any:
    events = canonical(history.get(aggregate.events.name, ()))
    length = aggregate.window.microseconds if aggregate.window else None
    inside = []
    for event in events:
        if aggregate.future:
            assert length is not None
            counts = t <= event.time < t + length
        else:
            counts = event.time < t and (length is None or event.time >= t - length)
            counts = counts and (event.known_at is None or event.known_at <= t)
        condition = aggregate.events.condition
        if counts and (condition is None or of_event(condition, event) is True):
            inside.append(event)
    if aggregate.value is None:
        return _OF_TIMES[aggregate.function]([event.time for event in inside], t)
    found = [of_event(aggregate.value, event) for event in inside]
    values = [v for v in found if v is not None]
    if aggregate.function == "share":
        return _share(values, aggregate.parameters[0])
    return _OF_VALUES[aggregate.function](values)


def _sum(values: list[Any]) -> float | None:
    if not values:
        return None
    infinite = [v for v in values if math.isinf(v)]
    if infinite:
        total = sum(infinite)
        return None if math.isnan(total) else total
    exact = sum((Fraction(round(Fraction(v) * 2**52), 2**52) for v in values), Fraction(0))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _mean(values: list[Any]) -> float | None:
    total = _sum(values)
    return None if total is None else total / len(values)


def _std(values: list[float]) -> float | None:
    n, mean = len(values), _mean(values)
    if n < 2 or mean is None:
        return None
    squares = [(v - mean) * (v - mean) for v in values]
    if not all(math.isfinite(s) for s in squares):
        return None
    exponent = 62 - n.bit_length() - math.frexp(max(squares))[1]
    total = sum(round(math.ldexp(s, exponent)) for s in squares)
    return math.sqrt(math.ldexp(float(total), -exponent) / (n - 1))


def _mode(values: list[Any]) -> Any:
    if not values:
        return None
    counts = Counter(values)
    return next(v for v in reversed(values) if counts[v] == max(counts.values()))


def _days(microseconds: int) -> float:
    return float(microseconds) / DAY


def _std_gap(times: list[int]) -> float | None:
    spread = _std([float(b - a) for a, b in pairwise(times)])
    return None if spread is None else spread / DAY


def _positive_zero(found: Any) -> Any:
    # −0 equals 0: which of them is the lowest would depend on the order.
    return 0.0 if isinstance(found, float) and found == 0.0 else found


def _mean_gap(times: list[int]) -> float | None:
    return float(times[-1] - times[0]) / float((len(times) - 1) * DAY) if len(times) > 1 else None


def _share(values: list[Any], constant: Any) -> float | None:
    return sum(_same(v, constant) for v in values) / len(values) if values else None


_OF_VALUES: dict[str, Callable[[list[Any]], Any]] = {
    "sum": lambda values: _sum([float(v) for v in values]),
    "mean": lambda values: _mean([float(v) for v in values]),
    "min": lambda values: _positive_zero(min(values, default=None)),
    "max": lambda values: _positive_zero(max(values, default=None)),
    "std": lambda values: _std([float(v) for v in values]),
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "distinct": lambda values: float(len(set(values))),
    "mode": _mode,
}

_OF_TIMES: dict[str, Callable[[list[int], int], Any]] = {
    "count": lambda times, _: float(len(times)),
    "days_since_last": lambda times, t: _days(t - times[-1]) if times else None,
    "days_since_first": lambda times, t: _days(t - times[0]) if times else None,
    "mean_gap": lambda times, _: _mean_gap(times),
    "std_gap": lambda times, _: _std_gap(times),
}


# -- operations ------------------------------------------------------------------------------------------------------


def _operation(operation: Operation, operands: list[Any]) -> Any:
    name = operation.operation
    if name == "is_null":
        return operands[0] is None
    if name == "if_null":
        return operands[1] if operands[0] is None else operands[0]
    if name == "and":
        return False if False in operands else None if None in operands else True
    if name == "or":
        return True if True in operands else None if None in operands else False
    if any(operand is None for operand in operands):
        return None
    if name == "in":
        return any(_same(operands[0], constant) for constant in operation.parameters)
    if name == "bucket":
        return float(sum(edge <= operands[0] for edge in operation.parameters))
    if name in ("eq", "ne", "lt", "le", "gt", "ge"):
        operands = _comparable(*operands)
    if name == "sub" and isinstance(operands[0], int) and not isinstance(operands[0], bool):
        return _days(operands[0] - operands[1])
    found = _OPERATIONS[name](*operands)
    return None if isinstance(found, float) and math.isnan(found) else found


def _same(found: Any, constant: Any) -> bool:
    if isinstance(found, int) and not isinstance(found, bool):
        return isinstance(constant, str) and found == _moment(constant)
    return isinstance(found, str) == isinstance(constant, str) and bool(found == constant)


def _comparable(left: Any, right: Any) -> list[Any]:
    if isinstance(left, int) and isinstance(right, str):
        return [left, _moment(right)]
    if isinstance(right, int) and isinstance(left, str):
        return [_moment(left), right]
    return [left, right]


def _moment(text: str) -> int:
    when = datetime.fromisoformat(text)
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)


def _date(moment: int) -> datetime:
    return EPOCH + timedelta(microseconds=moment)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: float(a) + float(b),
    "sub": lambda a, b: float(a) - float(b),
    "mul": lambda a, b: float(a) * float(b),
    "div": lambda a, b: None if b == 0 else float(a) / float(b),
    "neg": lambda a: -float(a),
    "abs": lambda a: abs(float(a)),
    "log": lambda a: math.log(a) if a > 0 else None,
    "log1p": lambda a: math.log1p(a) if a > -1 else None,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "not": lambda a: not a,
    "days_between": lambda a, b: _days(b - a),
    "year": lambda a: float(_date(a).year),
    "month": lambda a: float(_date(a).month),
    "weekday": lambda a: float(_date(a).weekday()),
    "hour": lambda a: float(_date(a).hour),
}
