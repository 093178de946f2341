"""What must be held online for a score."""

from __future__ import annotations

from vigie.definition.aggregate import Aggregate
from vigie.definition.expression import Expression, Feature
from vigie.definition.kind import Schema
from vigie.definition.moments import At
from vigie.definition.related import own_columns, related_columns, related_sources
from vigie.definition.score import Score
from vigie.definition.source import Events
from vigie.features.online.holding import Holding
from vigie.features.rowwise import leaves


def extras_of(score: Score) -> dict[str, Feature]:
    """What the rule, the cost matrix and the segments of a score are computed from, by name."""
    others = [expression for expression in (score.rule, score.by) if expression is not None]
    return leaves([*others, *score.decision.payoff().expressions()])


def holdings_of(score: Score, schema: Schema) -> dict[str, Holding]:
    """How each source is held so that customers can be scored, by the source's name.

    A source that nothing but the outcome reads is held without columns: it says who is known, and since when. With
    ``moments=at(...)`` a customer's moment may lie any time back, so everything is held of all that is read.

    Args:
        score: Bound.
        schema: Kinds of the columns.
    """
    expressions: list[Expression] = [*score.bound_features, *extras_of(score).values()]
    columns: dict[str, dict[str, None]] = {}
    at = score.moments.source if isinstance(score.moments, At) else None
    condition = [at.condition] if isinstance(at, Events) and at.condition is not None else []
    for read in (own_columns([*expressions, *condition]), related_columns(expressions)):
        for source, names in read.items():
            columns.setdefault(source, {}).update(dict.fromkeys(names))
    windows = _windows(expressions)
    return {
        name: Holding(
            source,
            {column: schema[name][column] for column in columns.get(name, {})},
            None if at is not None else windows.get(name, 0),
        )
        for name, source in {**score.own_sources, **related_sources(expressions)}.items()
    }


def _windows(expressions: list[Expression]) -> dict[str, int | None]:
    """The longest window over each source of events; ``None`` for all of history."""
    found: dict[str, int | None] = {}
    for expression in expressions:
        for node in expression.walk():
            if not isinstance(node, Aggregate):
                continue
            name, longest = node.events.name, found.get(node.events.name, 0)
            if node.window is None or longest is None:
                found[name] = None
            else:
                found[name] = max(longest, node.window.microseconds)
    return found
