"""Expressions as plain data and back: what a bundle stores instead of code.

``to_data`` gives dicts, lists, strings and numbers only; ``from_data`` builds the same expression from them and
executes nothing. ``from_data(to_data(e)).fingerprint == e.fingerprint`` for every expression, annotations included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vigie.definition.aggregate import FUNCTIONS, Aggregate, AtMoment, EventColumn, EventOperation, EventValue
from vigie.definition.expression import OPERATIONS, Expression, Feature, Literal, Moment
from vigie.definition.operation import FeatureOperation, Operation
from vigie.definition.related import Related
from vigie.definition.source import Column, Events, Table
from vigie.definition.text import EventEmbedding, TableEmbedding
from vigie.definition.window import Window
from vigie.errors import DefinitionError


def to_data(expression: Expression) -> dict[str, Any]:
    """*expression* as plain data."""
    data = _node(expression)
    if isinstance(expression, Feature):
        given = {
            "name": expression.given_name,
            "description": expression.given_description,
            "owner": expression.given_owner,
        }
        data |= {key: value for key, value in given.items() if value}
    return data


def _node(expression: Expression) -> dict[str, Any]:
    match expression:
        case Literal():
            return {"node": "literal", "value": expression.value}
        case Moment():
            return {"node": "moment"}
        case EventEmbedding() | TableEmbedding():
            source = source_to_data(expression.source)
            return {"node": "embedding", "source": source, "text": expression.text, "component": expression.component}
        case Column():
            return {"node": "column", "source": source_to_data(expression.source), "column": expression.column}
        case EventColumn():
            return {"node": "event_column", "source": source_to_data(expression.source), "column": expression.column}
        case AtMoment():
            return {"node": "at_moment", "value": to_data(expression.value)}
        case Aggregate():
            return {
                "node": "aggregate",
                "events": source_to_data(expression.events),
                "function": expression.function,
                "value": to_data(expression.value) if expression.value is not None else None,
                "window": expression.window.microseconds if expression.window else None,
                "future": expression.future,
                "parameters": list(expression.parameters),
            }
        case Related():
            return {"node": "related", "key": to_data(expression.key), "inner": to_data(expression.inner)}
        case Operation():
            return {
                "node": "operation",
                "operation": expression.operation,
                "level": expression.level,
                "operands": [to_data(o) for o in expression.operands],
                "parameters": list(expression.parameters),
            }
    raise AssertionError(type(expression))  # pragma: no cover


def source_to_data(source: Table | Events) -> dict[str, Any]:
    """A source, with its filter, as plain data."""
    if isinstance(source, Table):
        return {"table": source.name, "key": source.key, "known_at": source.known_at}
    return {
        "events": source.name,
        "key": source.key,
        "time": source.time,
        "id": list(source.id_columns),
        "known_at": source.known_at,
        "condition": to_data(source.condition) if source.condition is not None else None,
        "named": source.given_name,
    }


def source_from_data(data: dict[str, Any]) -> Table | Events:
    """The source that :func:`source_to_data` wrote."""
    if "table" in data:
        return Table(data["table"], data["key"], data["known_at"])
    condition = from_data(data["condition"]) if data["condition"] is not None else None
    assert condition is None or isinstance(condition, EventValue)
    return Events(
        data["events"],
        data["key"],
        data["time"],
        tuple(data["id"]) or None,
        data["known_at"],
        condition=condition,
        given_name=data["named"],
    )


def from_data(data: dict[str, Any]) -> Expression:
    """The expression that :func:`to_data` wrote.

    Raises:
        DefinitionError: *data* was not written by it, or by a newer version that knows more.
    """
    try:
        expression = _BUILD[data["node"]](data)
    except (KeyError, TypeError, AssertionError, AttributeError) as error:
        raise DefinitionError(
            f"not a stored expression: {str(data)[:120]}", remedy="it may come from a newer version of Vigie"
        ) from error
    if isinstance(expression, Feature):
        given = {
            "given_name": data.get("name", ""),
            "given_description": data.get("description", ""),
            "given_owner": data.get("owner", ""),
        }
        if any(given.values()):
            return expression._replace(**given)
    return expression


def _event_column(data: dict[str, Any]) -> Expression:
    source = source_from_data(data["source"])
    assert isinstance(source, Events)
    return EventColumn(source, data["column"])


def _column(data: dict[str, Any]) -> Expression:
    source = source_from_data(data["source"])
    assert isinstance(source, Table)
    return Column(source, data["column"])


def _embedding(data: dict[str, Any]) -> Expression:
    source = source_from_data(data["source"])
    made = TableEmbedding.make if isinstance(source, Table) else EventEmbedding.make
    return made(source, str(data["text"]), int(data["component"]))  # type: ignore[arg-type]


def _at_moment(data: dict[str, Any]) -> Expression:
    value = from_data(data["value"])
    assert isinstance(value, EventValue)
    return AtMoment(value)


def _aggregate(data: dict[str, Any]) -> Expression:
    events = source_from_data(data["events"])
    value = from_data(data["value"]) if data["value"] is not None else None
    assert (
        isinstance(events, Events)
        and data["function"] in FUNCTIONS
        and (value is None or isinstance(value, EventValue))
    )
    window = Window(data["window"]) if data["window"] is not None else None
    return Aggregate(events, data["function"], value, window, bool(data["future"]), tuple(data["parameters"]))


def _related(data: dict[str, Any]) -> Expression:
    key, inner = from_data(data["key"]), from_data(data["inner"])
    assert isinstance(key, Feature)
    assert isinstance(inner, Column | Aggregate)
    return Related(key, inner)


def _operation(data: dict[str, Any]) -> Expression:
    assert data["operation"] in OPERATIONS
    kind = EventOperation if data["level"] == "event" else FeatureOperation
    return kind(data["operation"], tuple(from_data(o) for o in data["operands"]), tuple(data["parameters"]))


_BUILD: dict[str, Callable[[dict[str, Any]], Expression]] = {
    "literal": lambda data: Literal(data["value"]),
    "moment": lambda _: Moment(),
    "column": _column,
    "event_column": _event_column,
    "embedding": _embedding,
    "at_moment": _at_moment,
    "aggregate": _aggregate,
    "related": _related,
    "operation": _operation,
}
