"""Features of what a customer belongs to: a lead's company, a buyer's shop, a borrower's city.

A *key* feature names the entity at the moment; an *inner* feature is computed of that entity as of any customer, from
its own rows and events, as known at the same moment::

    company = leads["company_id"]
    company.of(companies)["sector"]
    company.of(visits).count(days(7, 30))
    company.of(companies)["parent_id"].of(companies)["sector"]

Where the key is null, so is every value, a count too: nobody is named. An entity that is named and of which nothing is
known is like a customer without history: its counts are 0, all else is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, overload

from vigie.definition.aggregate import Aggregate, AtMoment, EventColumn, EventValue, FeatureGroup, aggregate
from vigie.definition.expression import Constant, Expression, Feature, constant
from vigie.definition.kind import Kind, Schema
from vigie.definition.operation import Operation
from vigie.definition.source import Column, Events, Table, sources_of
from vigie.definition.window import Window, Windows
from vigie.errors import DefinitionError


@dataclass(frozen=True, eq=False, repr=False)
class Related(Feature):
    """The value of *inner* of the entity that *key* names at the moment.

    Attributes:
        key: A category; its value is the key of the entity in the inner feature's source.
        inner: A column of a table, or an aggregate of past events, of the entity.

    Raises:
        DefinitionError: *inner* is another kind of feature, or looks into the future.
    """

    key: Feature
    inner: Column | Aggregate

    def __post_init__(self) -> None:
        if not isinstance(self.key, Feature):
            raise DefinitionError(f"{self.key!r} names nothing that a customer belongs to")
        if not isinstance(self.inner, Column | Aggregate):
            raise DefinitionError(
                f"{self.inner!r} is not a feature of what {self.key.words()} names",
                remedy="take a column of a table, or an aggregation of events; operations go outside",
            )
        if isinstance(self.inner, Aggregate) and self.inner.future:
            raise DefinitionError(
                f"'{self.inner.name}' of {self.key.words()} looks into the future with next=",
                where=self.slug(),
                remedy="look back with a window; next= is for outcomes, and an outcome is of the customer itself",
            )

    @property
    def source(self) -> Table | Events:
        """What the entity's value is computed from, without filter; the key of this source names entities."""
        return self.inner.source if isinstance(self.inner, Column) else self.inner.events.unfiltered

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.key, self.inner)

    def meaning(self) -> list[Any]:
        return ["related", self.key.meaning(), self.inner.meaning()]

    def slug(self) -> str:
        return f"{self.key.name}_{self.inner.slug()}"

    def words(self) -> str:
        return f"{self.inner.words()}, where {self.source.key} is {self.key.words()}"

    def kind(self, schema: Schema) -> Kind:
        kind = self.key.kind(schema)
        if kind is not Kind.CATEGORY:
            column = self.key.column if isinstance(self.key, Column) else self.key.name
            raise DefinitionError(
                f"'{self.key.name}' is a {kind}, and only a category names one of {self.source.name}",
                where=self.name,
                remedy=f'write kind = "category" for {column} in the contract file, and ingest the source again',
            )
        return self.inner.kind(schema)


# -- how it is written -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RelatedTable:
    """A table about what *key* names; a column makes a feature of it."""

    key: Feature
    source: Table

    @overload
    def __getitem__(self, columns: str) -> Feature: ...
    @overload
    def __getitem__(self, columns: tuple[str, ...]) -> FeatureGroup: ...
    def __getitem__(self, columns: str | tuple[str, ...]) -> Feature | FeatureGroup:
        """A column of the entity's row as a feature, or several."""
        return _related(self.key, self.source[columns])  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class RelatedEvents:
    """Events of what *key* names; an aggregation makes a feature of them."""

    key: Feature
    events: Events

    def __getitem__(self, column: str) -> RelatedValue:
        """A column: one value for each event."""
        return RelatedValue(self.key, self.events[column])

    def where(self, condition: EventValue | None = None, /, **equal: Constant | Iterable[Constant]) -> RelatedEvents:
        """Only the events for which all this is true, as :meth:`Events.where`; conditions are on the events' own columns."""
        return RelatedEvents(self.key, self.events.where(condition, **equal))

    def named(self, name: str) -> RelatedEvents:
        """The same filtered events under a shorter name, used in the names of their features."""
        return RelatedEvents(self.key, self.events.named(name))

    @overload
    def count(self, window: Window | None = ...) -> Feature: ...
    @overload
    def count(self, window: Windows) -> FeatureGroup: ...
    def count(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Number of events; 0 where the entity has none, null where no entity is named."""
        return _related(self.key, aggregate(self.events, "count", None, window, next))  # type: ignore[no-any-return]

    @overload
    def days_since_last(self, window: Window | None = ...) -> Feature: ...
    @overload
    def days_since_last(self, window: Windows) -> FeatureGroup: ...
    def days_since_last(self, window: Window | Windows | None = None) -> Feature | FeatureGroup:
        """Days of 86,400 s since the last event; null where there is none."""
        return _related(self.key, aggregate(self.events, "days_since_last", None, window, None))  # type: ignore[no-any-return]

    @overload
    def days_since_first(self, window: Window | None = ...) -> Feature: ...
    @overload
    def days_since_first(self, window: Windows) -> FeatureGroup: ...
    def days_since_first(self, window: Window | Windows | None = None) -> Feature | FeatureGroup:
        """Days of 86,400 s since the first event; null where there is none."""
        return _related(self.key, aggregate(self.events, "days_since_first", None, window, None))  # type: ignore[no-any-return]

    @overload
    def mean_gap(self, window: Window | None = ...) -> Feature: ...
    @overload
    def mean_gap(self, window: Windows) -> FeatureGroup: ...
    def mean_gap(self, window: Window | Windows | None = None) -> Feature | FeatureGroup:
        """Mean of the days between an event and the next; null below two events."""
        return _related(self.key, aggregate(self.events, "mean_gap", None, window, None))  # type: ignore[no-any-return]

    @overload
    def std_gap(self, window: Window | None = ...) -> Feature: ...
    @overload
    def std_gap(self, window: Windows) -> FeatureGroup: ...
    def std_gap(self, window: Window | Windows | None = None) -> Feature | FeatureGroup:
        """Standard deviation (n − 1) of the days between an event and the next; null below three events."""
        return _related(self.key, aggregate(self.events, "std_gap", None, window, None))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class RelatedValue:
    """One value for each event of what *key* names; an aggregation makes a feature of it."""

    key: Feature
    value: EventValue

    def _aggregate(self, function: str, window: object, next: object) -> Any:
        return _related(self.key, aggregate(self.value.events, function, self.value, window, next))

    @overload
    def sum(self, window: Window | None = ...) -> Feature: ...
    @overload
    def sum(self, window: Windows) -> FeatureGroup: ...
    def sum(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Sum of the values; null where there is none."""
        return self._aggregate("sum", window, next)  # type: ignore[no-any-return]

    @overload
    def mean(self, window: Window | None = ...) -> Feature: ...
    @overload
    def mean(self, window: Windows) -> FeatureGroup: ...
    def mean(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Mean of the values; null where there is none."""
        return self._aggregate("mean", window, next)  # type: ignore[no-any-return]

    @overload
    def min(self, window: Window | None = ...) -> Feature: ...
    @overload
    def min(self, window: Windows) -> FeatureGroup: ...
    def min(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Lowest value; null where there is none."""
        return self._aggregate("min", window, next)  # type: ignore[no-any-return]

    @overload
    def max(self, window: Window | None = ...) -> Feature: ...
    @overload
    def max(self, window: Windows) -> FeatureGroup: ...
    def max(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Highest value; null where there is none."""
        return self._aggregate("max", window, next)  # type: ignore[no-any-return]

    @overload
    def std(self, window: Window | None = ...) -> Feature: ...
    @overload
    def std(self, window: Windows) -> FeatureGroup: ...
    def std(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Standard deviation of the sample (n − 1); null below two values."""
        return self._aggregate("std", window, next)  # type: ignore[no-any-return]

    @overload
    def first(self, window: Window | None = ...) -> Feature: ...
    @overload
    def first(self, window: Windows) -> FeatureGroup: ...
    def first(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """The earliest value that is not null."""
        return self._aggregate("first", window, next)  # type: ignore[no-any-return]

    @overload
    def last(self, window: Window | None = ...) -> Feature: ...
    @overload
    def last(self, window: Windows) -> FeatureGroup: ...
    def last(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """The latest value that is not null."""
        return self._aggregate("last", window, next)  # type: ignore[no-any-return]

    @overload
    def distinct(self, window: Window | None = ...) -> Feature: ...
    @overload
    def distinct(self, window: Windows) -> FeatureGroup: ...
    def distinct(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Number of different values; 0 where the entity has none, null where no entity is named."""
        return self._aggregate("distinct", window, next)  # type: ignore[no-any-return]

    @overload
    def mode(self, window: Window | None = ...) -> Feature: ...
    @overload
    def mode(self, window: Windows) -> FeatureGroup: ...
    def mode(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """The most frequent value; of several, the one seen last."""
        return self._aggregate("mode", window, next)  # type: ignore[no-any-return]

    @overload
    def share(self, category: Constant, window: Window | None = ...) -> Feature: ...
    @overload
    def share(self, category: Constant, window: Windows) -> FeatureGroup: ...
    def share(
        self, category: Constant, window: Window | Windows | None = None, *, next: Window | None = None
    ) -> Feature | FeatureGroup:
        """Share, 0 … 1, of the events with a value whose value is *category*."""
        found = aggregate(self.value.events, "share", self.value, window, next, (constant(category),))
        return _related(self.key, found)  # type: ignore[no-any-return]


def relation(key: Feature, source: object) -> RelatedTable | RelatedEvents | RelatedValue:
    """What ``key.of(source)`` is.

    Raises:
        DefinitionError: *source* is neither a table, nor events, nor a value of events.
    """
    match source:
        case Table():
            return RelatedTable(key, source)
        case Events():
            return RelatedEvents(key, source)
        case EventValue():
            return RelatedValue(key, source)
    raise DefinitionError(
        f"of({source!r}) is neither a table nor events",
        where=key.name,
        remedy=f"write {key.name}.of(companies)['sector'] or .of(visits).count(days(30))",
    )


def _related(key: Feature, inner: Feature | FeatureGroup) -> Any:
    if isinstance(inner, FeatureGroup):
        return inner.each(lambda one: _related(key, one))
    return Related(key, inner)  # type: ignore[arg-type]


# -- whose a source is -----------------------------------------------------------------------------------------------


def own_sources(expressions: Iterable[Expression]) -> dict[str, Table | Events]:
    """The sources that are read by the customer's own key, by name, without filters.

    Raises:
        DefinitionError: Two different sources have one name.
    """
    return sources_of(node for expression in expressions for node in _own_nodes(expression))


def related_sources(expressions: Iterable[Expression]) -> dict[str, Table | Events]:
    """The sources that are read by the key of what a customer belongs to. One may be among the own sources as well.

    Raises:
        DefinitionError: Two different sources have one name.
    """
    return sources_of(
        node.inner for expression in expressions for node in expression.walk() if isinstance(node, Related)
    )


def own_columns(expressions: Iterable[Expression]) -> dict[str, tuple[str, ...]]:
    """The columns that are read of each source by the customer's own key, key and times apart; in reading order."""
    return _columns(node for expression in expressions for node in _own_nodes(expression))


def related_columns(expressions: Iterable[Expression]) -> dict[str, tuple[str, ...]]:
    """The columns that are read of each source by the key of what a customer belongs to, as :func:`own_columns`."""
    return _columns(
        node
        for e in expressions
        for related in e.walk()
        if isinstance(related, Related)
        for node in related.inner.walk()
    )


def references_of(expressions: Iterable[Expression]) -> dict[str, tuple[str, ...]]:
    """The columns of each source that name what a customer belongs to: those that the keys are values of."""
    found: dict[str, dict[str, None]] = {}
    for expression in expressions:
        for node in expression.walk():
            if isinstance(node, Related):
                for column in _naming(node.key):
                    found.setdefault(column.source.name, {})[column.column] = None
    return {source: tuple(columns) for source, columns in found.items()}


def _naming(key: Expression) -> Iterator[Column | EventColumn]:
    """The columns whose values *key* has."""
    match key:
        case Column() | EventColumn():
            yield key
        case Aggregate() | AtMoment():
            if key.value is not None:
                yield from _naming(key.value)
        case Related():
            yield from _naming(key.inner)
        case Operation(operation="if_null"):
            for operand in key.operands:
                yield from _naming(operand)


def _columns(nodes: Iterable[Expression]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for node in nodes:
        if isinstance(node, Column | EventColumn):
            found.setdefault(node.source.name, {})[node.reads] = None
        elif isinstance(node, Aggregate):
            found.setdefault(node.events.name, {})
    return {source: tuple(columns) for source, columns in found.items()}


def _own_nodes(expression: Expression) -> Iterator[Expression]:
    """The columns, values of events and aggregates that are the customer's own."""
    if isinstance(expression, Related):
        yield from _own_nodes(expression.key)
        return
    if isinstance(expression, Column | EventColumn | Aggregate):
        yield expression
    for child in expression.children:
        yield from _own_nodes(child)
