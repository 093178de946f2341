"""A feature with its value as people say it: ``orders.days_since_last()`` and 48 are "no order for 48 days".

Every sentence is made with :func:`vigie.wording.said`, so that it can be said in another language. Names of tables and
columns are the user's and stay as they are, without underscores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from vigie.clock import DAY, iso
from vigie.definition import naming
from vigie.definition.aggregate import Aggregate, AtMoment, EventColumn
from vigie.definition.expression import Expression, Feature, Literal, Moment
from vigie.definition.kind import Kind
from vigie.definition.operation import Operation
from vigie.definition.related import Related
from vigie.definition.source import Column, Events
from vigie.definition.window import Window
from vigie.wording import Said, said

_MONTHS = (
    said("January"),
    said("February"),
    said("March"),
    said("April"),
    said("May"),
    said("June"),
    said("July"),
    said("August"),
    said("September"),
    said("October"),
    said("November"),
    said("December"),
)
_WEEKDAYS = (
    said("Monday"),
    said("Tuesday"),
    said("Wednesday"),
    said("Thursday"),
    said("Friday"),
    said("Saturday"),
    said("Sunday"),
)
_UNITS = (
    (DAY, said("day"), "{number} days"),
    (DAY // 24, said("hour"), "{number} hours"),
    (DAY // 1440, said("minute"), "{number} minutes"),
    (1_000_000, said("second"), "{number} seconds"),
)
_STATISTICS: dict[str, tuple[str, str]] = {
    "sum": ("total {what} of {events}{window} is {value}", "no {what} of {events}{window}"),
    "mean": ("mean {what} of {events}{window} is {value}", "no {what} of {events}{window}"),
    "min": ("lowest {what} of {events}{window} is {value}", "no {what} of {events}{window}"),
    "max": ("highest {what} of {events}{window} is {value}", "no {what} of {events}{window}"),
    "std": ("spread of {what} of {events}{window} is {value}", "fewer than two {events} with {what}{window}"),
    "first": ("first {what} of {events}{window} is {value}", "no {what} of {events}{window}"),
    "last": ("last {what} of {events}{window} is {value}", "no {what} of {events}{window}"),
    "mode": ("most frequent {what} of {events}{window} is {value}", "no {what} of {events}{window}"),
}
"""Aggregations of values: with a value, and without one."""
_LOG_LARGEST = 700.0


def phrase(feature: Feature, kind: Kind, value: Any) -> Said:
    """*feature* with its *value* as a part of a sentence, without a capital letter and a full stop.

    Args:
        feature: With its definition; a description in the user's own words is used as it is.
        kind: Of the value.
        value: As a customer's values hold it: numbers as ``float``, dates as µs; ``None`` or NaN is missing.
    """
    given = None if isinstance(value, float) and math.isnan(value) else value
    if feature.given_description:
        title = feature.given_description.rstrip(".")
        if given is None:
            return said("{title}: not known", title=title)
        return said("{title}: {value}", title=title, value=_value(kind, given))
    return _phrase(feature, kind, given)


def _phrase(feature: Expression, kind: Kind, value: Any) -> Said:
    match feature:
        case Aggregate():
            return _aggregate(feature, kind, value)
        case Related():
            inner = _phrase(feature.inner, kind, value)
            return said("{inner} (of its {entity})", inner=inner, entity=_entity(feature.key))
        case AtMoment():
            event = _one(feature.value.events)
            if value is None:
                return said("{what} of this {event} is not known", what=_what(feature.value), event=event)
            shown = _value(kind, value)
            return said("{what} of this {event} is {value}", what=_what(feature.value), event=event, value=shown)
        case Operation():
            return _operation(feature, kind, value)
    return _plain(_what(feature), kind, value)


def _plain(what: Said | str, kind: Kind, value: Any) -> Said:
    if value is None:
        return said("{what} is not known", what=what)
    return said("{what} is {value}", what=what, value=_value(kind, value))


# -- aggregations ------------------------------------------------------------------------------------------------------


def _aggregate(feature: Aggregate, kind: Kind, value: Any) -> Said:
    events, window = _events(feature.events), _window(feature)
    if feature.value is None:
        return _of_times(feature, events, window, value)
    what = _what(feature.value)
    if feature.function == "distinct":
        return _distinct(what, events, window, value)
    if feature.function == "share":
        category = Literal(feature.parameters[0]).value
        if value is None:
            return said("no {what} of {events}{window}", what=what, events=events, window=window)
        return said(
            "{value:.0%} of {events}{window} have {what} {category}",
            value=float(value), events=events, window=window, what=what, category=_constant(category),
        )  # fmt: skip
    with_value, without = _STATISTICS[feature.function]
    if value is None:
        return said(without, what=what, events=events, window=window)
    return said(with_value, what=what, events=events, window=window, value=_value(kind, value))


def _distinct(what: Said | str, events: Said | str, window: Said, value: Any) -> Said:
    if not value:
        return said("no {what} of {events}{window}", what=what, events=events, window=window)
    if value == 1:
        return said("one {what} only among {events}{window}", what=what, events=events, window=window)
    return said(
        "{value} different values of {what} among {events}{window}",
        value=_number(value), what=what, events=events, window=window,
    )  # fmt: skip


def _of_times(feature: Aggregate, events: Said | str, window: Said, value: Any) -> Said:
    """Aggregations of events without a value: how many, and when."""
    one = _one(feature.events)
    match feature.function:
        case "count":
            if not value:
                known = "no {events}{window}" if value is not None else "number of {events}{window} is not known"
                return said(known, events=events, window=window)
            if value == 1:
                return said("1 {event}{window}", event=one, window=window)
            return said("{value} {events}{window}", value=_number(value), events=events, window=window)
        case "days_since_last" | "days_since_first" if value is None:
            return said("no {events}{window}", events=events, window=window)
        case "days_since_last":
            if value < 1:
                return said("last {event} less than a day ago", event=one)
            return said("no {event} for {time}", event=one, time=_days(value))
        case "days_since_first":
            if value < 1:
                return said("first {event}{window} less than a day ago", event=one, window=window)
            return said("first {event}{window} {time} ago", event=one, window=window, time=_days(value))
        case "mean_gap":
            if value is None:
                return said("fewer than two {events}{window}", events=events, window=window)
            return said("a new {event} every {time} on average{window}", event=one, time=_days(value), window=window)
    if value is None:
        return said("fewer than three {events}{window}", events=events, window=window)
    return said(
        "time between {events}{window} varies by {time}", events=events, window=window, time=_days(value)
    )  # fmt: skip


def _window(feature: Aggregate) -> Said:
    """``" in the last 30 days"``, with its space; nothing where all of history counts."""
    if feature.window is None:
        return said("")
    length = _length(feature.window)
    return (
        said(" in the next {length}", length=length) if feature.future else said(" in the last {length}", length=length)
    )


def _length(window: Window) -> Said:
    for size, one, many in _UNITS:
        if window.microseconds % size == 0:
            number = window.microseconds // size
            return one if number == 1 else said(many, number=number)
    return said("{number} µs", number=window.microseconds)


def _days(value: float) -> Said:
    if value == 1 or (value >= 10 and round(value) == 1):
        return said("1 day")
    if 0 <= value < 1:
        hours = value * 24
        return said("1 hour") if round(hours) == 1 else said("{hours:.0f} hours", hours=hours)
    return (
        said("{days:,.0f} days", days=value)
        if value >= 10 or value == round(value)
        else said("{days:.1f} days", days=value)
    )


# -- operations --------------------------------------------------------------------------------------------------------


def _operation(feature: Operation, kind: Kind, value: Any) -> Said:
    first = feature.operands[0]
    if value is not None:
        found = _MADE.get(feature.operation, _generic)(feature, kind, value)
        if found is not None:
            return found
    elif feature.operation in ("log", "log1p", "abs", "bucket", "year", "month", "weekday", "hour", "if_null"):
        return said("{what} is not known", what=_name(first))
    elif _is_days_ago(feature) or _is_age(feature):
        return said("{what} is not known", what=_name(_dated(feature)))
    elif feature.operation == "div":
        return said("ratio of {over} to {under} is not known", over=_name(first), under=_name(feature.operands[1]))
    return _plain(_name(feature), kind, value)


def _generic(feature: Operation, kind: Kind, value: Any) -> Said | None:
    if kind is Kind.BOOLEAN:
        return (
            said("{condition}", condition=_name(feature))
            if value
            else said("not: {condition}", condition=_name(feature))
        )
    return None


def _quotient(feature: Operation, kind: Kind, value: Any) -> Said | None:  # noqa: ARG001
    over, under = feature.operands
    if _is_age(feature):
        what = _name(_dated(feature))
        if value < 0:
            return said("{value:.1f} years until {what}", value=-value, what=what)
        return said("{value:.1f} years since {what}", value=value, what=what)
    if isinstance(under, Literal):
        return None
    return said("ratio of {over} to {under} is {value}", over=_name(over), under=_name(under), value=_number(value))


def _days_between(feature: Operation, kind: Kind, value: Any) -> Said | None:  # noqa: ARG001
    earlier, later = feature.operands
    if _is_days_ago(feature):
        if value < 0:
            return said("{time} until {what}", time=_days(-value), what=_name(earlier))
        return said("{time} since {what}", time=_days(value), what=_name(earlier))
    if value < 0:
        return said(
            "{later} is {time} before {earlier}", later=_name(later), time=_days(-value), earlier=_name(earlier)
        )
    return said("{later} is {time} after {earlier}", later=_name(later), time=_days(value), earlier=_name(earlier))


def _is_days_ago(operation: Operation) -> bool:
    return operation.operation == "days_between" and isinstance(operation.operands[1], Moment)


def _is_age(operation: Operation) -> bool:
    over, under = operation.operands[0], operation.operands[-1]
    by_year = operation.operation == "div" and isinstance(under, Literal) and under.value == 365.25
    return by_year and isinstance(over, Operation) and _is_days_ago(over)


def _dated(operation: Operation) -> Expression:
    """The date whose days or years are counted."""
    first = operation.operands[0]
    return first.operands[0] if isinstance(first, Operation) and _is_age(operation) else first


def _logarithm(feature: Operation, kind: Kind, value: Any) -> Said | None:  # noqa: ARG001
    """The logarithm of a value is said as the value."""
    if value > _LOG_LARGEST:
        return None
    back = math.expm1(value) if feature.operation == "log1p" else math.exp(value)
    # Back and forth moves the last digits: a count is a whole number again.
    near = round(back)
    return _phrase(feature.operands[0], Kind.NUMBER, float(near) if math.isclose(back, near, abs_tol=1e-9) else back)


def _if_null(feature: Operation, kind: Kind, value: Any) -> Said | None:
    first, other = feature.operands
    if isinstance(other, Literal) and other.value == value:
        return said("{what} is {value} or not known", what=_name(first), value=_value(kind, value))
    return _phrase(first, kind, value)


def _is_null(feature: Operation, kind: Kind, value: Any) -> Said | None:  # noqa: ARG001
    what = _name(feature.operands[0])
    return said("{what} is not known", what=what) if value else said("{what} is known", what=what)


def _in(feature: Operation, kind: Kind, value: Any) -> Said | None:  # noqa: ARG001
    what, listed = _name(feature.operands[0]), ", ".join(map(_constant, feature.parameters))
    if value:
        return said("{what} is one of {listed}", what=what, listed=listed)
    return said("{what} is none of {listed}", what=what, listed=listed)


def _bucket(feature: Operation, kind: Kind, value: Any) -> Said | None:  # noqa: ARG001
    what, edges = _name(feature.operands[0]), [float(edge) for edge in feature.parameters]
    number = min(max(int(value), 0), len(edges))
    if number == 0:
        return said("{what} is below {edge}", what=what, edge=_number(edges[0]))
    if number == len(edges):
        return said("{what} is {edge} or more", what=what, edge=_number(edges[-1]))
    low, high = _number(edges[number - 1]), _number(edges[number])
    return said("{what} is from {low} to below {high}", what=what, low=low, high=high)


def _calendar(feature: Operation, kind: Kind, value: Any) -> Said | None:  # noqa: ARG001
    what, names = _name(feature.operands[0]), {"month": ("", *_MONTHS), "weekday": _WEEKDAYS}.get(feature.operation)
    if names is not None and value == int(value) and 0 <= int(value) < len(names):
        return (
            said("{what} is in {name}", what=what, name=names[int(value)])
            if feature.operation == "month"
            else said("{what} is on a {name}", what=what, name=names[int(value)])
        )
    if feature.operation == "year":
        return said("{what} is in {year}", what=what, year=f"{value:.0f}")
    return said("{what} is at {hour} o'clock", what=what, hour=f"{value:.0f}")


_MADE: dict[str, Callable[[Operation, Kind, Any], Said | None]] = {
    "div": _quotient,
    "days_between": _days_between,
    "log": _logarithm,
    "log1p": _logarithm,
    "if_null": _if_null,
    "is_null": _is_null,
    "in": _in,
    "bucket": _bucket,
    "year": _calendar,
    "month": _calendar,
    "weekday": _calendar,
    "hour": _calendar,
}


# -- names and values --------------------------------------------------------------------------------------------------


def _spaced(name: str) -> str:
    """A name of the user's as words: ``birth_date`` and ``birthDate`` are "birth date"."""
    return naming.slug(name).replace("_", " ")


def _what(expression: Expression) -> Said | str:
    if isinstance(expression, Feature) and expression.given_name and not isinstance(expression, Aggregate | Operation):
        return _spaced(expression.given_name)
    if isinstance(expression, Column | EventColumn) and hasattr(expression, "component"):
        return said("topic {number} of {text}", number=expression.component, text=_spaced(expression.reads))
    if isinstance(expression, Column | EventColumn):
        return _spaced(expression.column)
    return _name(expression)


def _name(expression: Expression) -> Said | str:
    """What an expression is, without its value."""
    if isinstance(expression, Moment):
        return said("the day of scoring")
    if isinstance(expression, Feature) and expression.given_description:
        return expression.given_description.rstrip(".")
    if isinstance(expression, Column | EventColumn):
        return _what(expression)
    if isinstance(expression, Related):
        return said("{inner} (of its {entity})", inner=_name(expression.inner), entity=_entity(expression.key))
    if isinstance(expression, Feature) and expression.given_name:
        return _spaced(expression.given_name)
    return expression.words()


def _entity(key: Feature) -> str:
    """What a key names: ``company_id`` names a company."""
    name = key.column if isinstance(key, Column) else key.name
    if isinstance(key, AtMoment) and isinstance(key.value, EventColumn):
        name = key.value.column
    words = _spaced(name)
    return re.sub(r" (id|key|code|number)$", "", words)


def _events(events: Events) -> Said | str:
    name = _spaced(events.given_name or events.name)
    if events.condition is None or events.given_name:
        return name
    return said("{events} where {condition}", events=name, condition=events.condition.words())


def _one(events: Events) -> Said | str:
    name = _singular(_spaced(events.given_name or events.name))
    if events.condition is None or events.given_name:
        return name
    return said("{events} where {condition}", events=name, condition=events.condition.words())


def _singular(plural: str) -> str:
    """An English plural as a singular, as far as its ending tells.

    >>> [_singular(word) for word in ("orders", "web visits", "deliveries", "purchases", "boxes", "addresses", "usage")]
    ['order', 'web visit', 'delivery', 'purchase', 'box', 'address', 'usage']
    """
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if plural.endswith(ending) and len(plural) > len(ending) + 1:
            return plural.removesuffix(ending) + instead
    return plural.removesuffix("s") if plural.endswith("s") and not plural.endswith(("ss", "us", "is")) else plural


def _constant(value: Any) -> str:
    return (
        f"“{value}”" if isinstance(value, str) else f"{value:g}" if not isinstance(value, bool) else str(value).lower()
    )


def _value(kind: Kind, value: Any) -> Said | str:
    if kind is Kind.BOOLEAN:
        return said("yes") if value else said("no")
    if kind is Kind.TIME:
        moment = int(value)
        return iso(moment)[:10] if moment % DAY == 0 else iso(moment)[:16].replace("T", " ")
    return _number(float(value)) if kind is Kind.NUMBER else str(value)


def _number(value: float) -> Said:
    """A number with as many digits as say something."""
    size = abs(value)
    if value == round(value) and size < 1e15:
        return said("{value:,.0f}", value=value)
    if size >= 1e15 or size < 1e-3:
        return said("{value:.3g}", value=value)
    if size >= 1000:
        return said("{value:,.0f}", value=value)
    return said("{value:.2f}", value=value) if size >= 1 else said("{value:.3f}", value=value)
