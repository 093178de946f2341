"""What a user has: tables of customers, and events that happened to them. Where they are is said in ``vigie.toml``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

from vigie.definition import naming
from vigie.definition.aggregate import Aggregate, EventColumn, EventValue, FeatureGroup, aggregate
from vigie.definition.expression import Constant, Expression, Feature, column_kind
from vigie.definition.kind import Kind, Schema
from vigie.definition.window import Window, Windows
from vigie.errors import DefinitionError


class _Identified(ABC):
    """Equality and hash by meaning, since the fields may hold expressions."""

    @abstractmethod
    def meaning(self) -> list[Any]:
        """Plain data equal for sources that mean the same."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, _Identified) and self.meaning() == other.meaning()

    @cached_property
    def _fingerprint(self) -> str:
        return naming.fingerprint(self.meaning())

    def __hash__(self) -> int:
        return hash(self._fingerprint)


def _column(value: object, what: str, *, optional: bool = False) -> None:
    if optional and value is None:
        return
    if not isinstance(value, str) or not value:
        raise DefinitionError(f"{what} must be the name of a column, not {value!r}")


@dataclass(frozen=True, eq=False)
class Table(_Identified):
    """One row for a customer, or one for each time a customer's row changed.

    Args:
        name: Name of the source; ``vigie.toml`` says where it is.
        key: Column that names the customer.
        known_at: Column with the moment a row became known. With it, a feature has the value of the latest row known
            at the moment (``known_at ≤ t``) and rows are versions. Without it there is one row a customer, true always.
        references: Columns that name what a customer belongs to. Found from the features (``of(...)``), and no part of
            the meaning: they tell the contract that a column holds names, whatever it looks like.
    """

    name: str
    key: str
    known_at: str | None = None
    references: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        naming.identifier(self.name, "table")
        _column(self.key, f"key of table '{self.name}'")
        _column(self.known_at, f"known_at of table '{self.name}'", optional=True)

    @property
    def unfiltered(self) -> Table:
        """The table itself; rows of tables are not filtered."""
        return self

    def meaning(self) -> list[Any]:
        """Plain data equal for tables that mean the same."""
        return ["table", self.name, self.key, self.known_at]

    @overload
    def __getitem__(self, columns: str) -> Column: ...
    @overload
    def __getitem__(self, columns: tuple[str, ...]) -> FeatureGroup: ...
    def __getitem__(self, columns: str | tuple[str, ...]) -> Column | FeatureGroup:
        """A column as a feature, or several: ``customers["country"]``, ``customers["country", "channel"]``."""
        if isinstance(columns, tuple):
            return FeatureGroup(tuple(self[column] for column in columns))
        _column(columns, f"'{self.name}[...]'")
        return Column(self, columns)

    def all(self, *, but: str | Iterable[str] = ()) -> AllColumns:
        """Every column that can be a feature: not the key, not ``known_at``, not the outcome's, not free text.

        Args:
            but: Columns to leave out, such as those that are filled in only after the outcome.
        """
        left_out = (but,) if isinstance(but, str) else tuple(but)
        for column in left_out:
            _column(column, f"'{self.name}.all(but=...)'")
        return AllColumns(self, left_out)


@dataclass(frozen=True, eq=False, repr=False)
class Column(Feature):
    """A column of a table, as known at the moment."""

    source: Table
    column: str

    @property
    def reads(self) -> str:
        """The column of the source that is read for it."""
        return self.column

    def embedding(self, components: int) -> FeatureGroup:
        """Free text as numbers: the first so many components of the text's embedding; see :mod:`vigie.definition.text`.

        Raises:
            DefinitionError: *components* is no number from 1 to 64.
        """
        from vigie.definition.text import embedding_of

        return embedding_of(self.source, self.column, components)  # type: ignore[no-any-return]

    def meaning(self) -> list[Any]:
        return ["column", self.source.meaning(), self.column]

    def slug(self) -> str:
        return f"{self.source.name}_{naming.slug(self.column)}"

    def words(self) -> str:
        return f"{self.column} of {self.source.name}"

    def kind(self, schema: Schema) -> Kind:
        return column_kind(schema, self.source.name, self.column)


@dataclass(frozen=True, slots=True)
class AllColumns:
    """Stands for the columns of a table until its contract is known; see :meth:`Table.all`."""

    source: Table
    but: tuple[str, ...] = ()

    def expand(self, schema: Schema, taken: Iterable[str] = ()) -> tuple[Feature, ...]:
        """The features it stands for.

        Args:
            schema: Kinds of the columns, from the contracts.
            taken: Columns used elsewhere, such as the outcome's.

        Raises:
            DefinitionError: *but* names a column that is not there.
        """
        for column in self.but:
            column_kind(schema, self.source.name, column)
        out = {self.source.key, self.source.known_at, *self.but, *taken}
        columns = schema.get(self.source.name, {})
        return tuple(
            self.source[column] for column, kind in columns.items() if column not in out and kind is not Kind.TEXT
        )


@dataclass(frozen=True, eq=False)
class Events(_Identified):
    """Things that happened to customers, each at a time.

    Args:
        name: Name of the source; ``vigie.toml`` says where it is.
        key: Column that names the customer.
        time: Column with the moment it happened.
        id: Column, or several, that identify an event: a second one with the same id changes nothing. Without it an
            event is identified by all that it contains.
        known_at: Column with the moment it became known, for events that arrive late.
        references: As those of a :class:`Table`.
    """

    name: str
    key: str
    time: str
    id: str | tuple[str, ...] | None = None
    known_at: str | None = None
    condition: EventValue | None = field(default=None, kw_only=True)
    given_name: str = field(default="", kw_only=True)
    references: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        naming.identifier(self.name, "source of events")
        _column(self.key, f"key of events '{self.name}'")
        _column(self.time, f"time of events '{self.name}'")
        _column(self.known_at, f"known_at of events '{self.name}'", optional=True)
        for column in (self.id,) if isinstance(self.id, str) else self.id or ():
            _column(column, f"id of events '{self.name}'")

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns that identify an event; empty where its content does."""
        return (self.id,) if isinstance(self.id, str) else tuple(self.id or ())

    @property
    def unfiltered(self) -> Events:
        """The source itself, without a filter."""
        return self if self.condition is None else replace(self, condition=None, given_name="")

    def meaning(self) -> list[Any]:
        """Plain data equal for events that mean the same."""
        return [
            "events",
            self.name,
            self.key,
            self.time,
            list(self.id_columns),
            self.known_at,
            self.condition.meaning() if self.condition is not None else None,
        ]

    def slug(self) -> str:
        """Name of the events with their filter."""
        if self.given_name or self.condition is None:
            return self.given_name or self.name
        return f"{self.name}_where_{self.condition.slug()}"

    def words(self) -> str:
        """The events with their filter, in English."""
        said = self.given_name.replace("_", " ") or self.name.replace("_", " ")
        return said if self.condition is None or self.given_name else f"{said} where {self.condition.words()}"

    def named(self, name: str) -> Events:
        """The same filtered events under a shorter name, used in the names of their features."""
        return replace(self, given_name=naming.identifier(name, "filter"))

    def __getitem__(self, column: str) -> EventColumn:
        """A column: one value for each event."""
        _column(column, f"'{self.name}[...]'")
        return EventColumn(self, column)

    def where(self, condition: EventValue | None = None, /, **equal: Constant | Iterable[Constant]) -> Events:
        """Only the events for which all this is true: ``orders.where(orders["amount"] > 100, channel="web")``.

        Args:
            condition: A condition on columns of these events.
            equal: A column and its value, or a list of values.

        Raises:
            DefinitionError: Nothing is asked, or the condition is about other events or about customers.
        """
        source = self.unfiltered
        parts: list[EventValue] = [] if self.condition is None else [self.condition]
        before = len(parts)
        if condition is not None:
            if not isinstance(condition, EventValue):
                raise DefinitionError(
                    f"{self.name}.where({condition!r}) is not a condition on its events",
                    remedy=f"write {self.name}.where({self.name}['column'] > 0) or .where(column='value')",
                )
            if condition.events.unfiltered != source:
                raise DefinitionError(
                    f"{self.name}.where() filters by columns of '{condition.events.name}'",
                    remedy=f"use columns of {self.name}",
                )
            parts.append(condition)
        for column, value in equal.items():
            one_of = isinstance(value, Iterable) and not isinstance(value, str)
            parts.append(source[column].is_in(value) if one_of else source[column] == value)  # type: ignore[arg-type]
        if len(parts) == before:
            raise DefinitionError(f"{self.name}.where() filters nothing", remedy="give a condition or column=value")
        joined = parts[0]
        for part in parts[1:]:
            joined = joined & part
        return replace(self, condition=joined, given_name="")

    @overload
    def count(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def count(self, window: Windows) -> FeatureGroup: ...
    def count(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Number of events; 0 where there is none."""
        return aggregate(self, "count", None, window, next)  # type: ignore[no-any-return]

    @overload
    def days_since_last(self, window: Window | None = ...) -> Feature: ...
    @overload
    def days_since_last(self, window: Windows) -> FeatureGroup: ...
    def days_since_last(self, window: Window | Windows | None = None) -> Feature | FeatureGroup:
        """Days of 86,400 s since the last event; null where there is none."""
        return aggregate(self, "days_since_last", None, window, None)  # type: ignore[no-any-return]

    @overload
    def days_since_first(self, window: Window | None = ...) -> Feature: ...
    @overload
    def days_since_first(self, window: Windows) -> FeatureGroup: ...
    def days_since_first(self, window: Window | Windows | None = None) -> Feature | FeatureGroup:
        """Days of 86,400 s since the first event, the customer's tenure; null where there is none."""
        return aggregate(self, "days_since_first", None, window, None)  # type: ignore[no-any-return]

    @overload
    def mean_gap(self, window: Window | None = ...) -> Feature: ...
    @overload
    def mean_gap(self, window: Windows) -> FeatureGroup: ...
    def mean_gap(self, window: Window | Windows | None = None) -> Feature | FeatureGroup:
        """Mean of the days between an event and the next; null below two events."""
        return aggregate(self, "mean_gap", None, window, None)  # type: ignore[no-any-return]

    @overload
    def std_gap(self, window: Window | None = ...) -> Feature: ...
    @overload
    def std_gap(self, window: Windows) -> FeatureGroup: ...
    def std_gap(self, window: Window | Windows | None = None) -> Feature | FeatureGroup:
        """Standard deviation (n − 1) of the days between an event and the next; null below three events."""
        return aggregate(self, "std_gap", None, window, None)  # type: ignore[no-any-return]


def sources_of(expressions: Iterable[Expression]) -> dict[str, Table | Events]:
    """Every source that the expressions read, by name, without filters.

    Raises:
        DefinitionError: Two different sources have one name.
    """
    found: dict[str, Table | Events] = {}
    for expression in expressions:
        for node in expression.walk():
            source: Table | Events
            if isinstance(node, Column):
                source = node.source
            elif isinstance(node, EventColumn):
                source = node.source.unfiltered
            elif isinstance(node, Aggregate):
                source = node.events.unfiltered
            else:
                continue
            known = found.setdefault(source.name, source)
            if known != source:
                raise DefinitionError(
                    f"two different sources are called '{source.name}'",
                    remedy="declare each source once and use that object",
                )
    return found
