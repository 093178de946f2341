"""Aggregations: from the events of a window to one value. The list of what exists is :data:`FUNCTIONS`.

``next=`` turns a window to the future; that is for outcomes only. A window left out means all of history before the
moment. Nulls are skipped. The count of nothing is 0; its sum, mean, min, max, first, last, mode and share are null.
Ties in time break by the event's id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, overload

from vigie.definition import naming
from vigie.definition.expression import Constant, Expression, Feature, Literal, column_kind, constant
from vigie.definition.kind import Kind, Schema
from vigie.definition.operation import Operation
from vigie.definition.window import Window, Windows
from vigie.errors import DefinitionError

if TYPE_CHECKING:
    from vigie.definition.source import Events
    from vigie.definition.text import EmbeddingGroup

_ANY = frozenset(Kind)
_NUMBER = frozenset({Kind.NUMBER, Kind.BOOLEAN})
_ORDERED = frozenset({Kind.NUMBER, Kind.TIME})
_LABEL = frozenset({Kind.CATEGORY, Kind.BOOLEAN})


@dataclass(frozen=True, slots=True)
class Function:
    """An aggregation that exists.

    Attributes:
        takes: Kinds of value it takes; empty for those that need only the events' times.
        gives: Kind of its result, or ``None`` for the kind it was given.
        words: English, with ``{of}`` for what is aggregated.
    """

    takes: frozenset[Kind]
    gives: Kind | None
    words: str


FUNCTIONS: dict[str, Function] = {
    "count": Function(frozenset(), Kind.NUMBER, "number of {of}"),
    "sum": Function(_NUMBER, Kind.NUMBER, "sum of {of}"),
    "mean": Function(_NUMBER, Kind.NUMBER, "mean of {of}"),
    "min": Function(_ORDERED, None, "lowest {of}"),
    "max": Function(_ORDERED, None, "highest {of}"),
    "std": Function(_NUMBER, Kind.NUMBER, "standard deviation of {of}"),
    "first": Function(_ANY, None, "first {of}"),
    "last": Function(_ANY, None, "last {of}"),
    "distinct": Function(_ANY, Kind.NUMBER, "number of different values of {of}"),
    "mode": Function(_LABEL, None, "most frequent {of}"),
    "share": Function(_LABEL, Kind.NUMBER, "share of {of}"),
    "days_since_last": Function(frozenset(), Kind.NUMBER, "days since the last of {of}"),
    "days_since_first": Function(frozenset(), Kind.NUMBER, "days since the first of {of}"),
    "mean_gap": Function(frozenset(), Kind.NUMBER, "mean days between {of}"),
    "std_gap": Function(frozenset(), Kind.NUMBER, "standard deviation of the days between {of}"),
}
"""Every aggregation. ``std`` and ``std_gap`` are of the sample (n − 1): null below two values (three events).

``mode`` breaks ties by the value seen last. ``share`` is of the events whose value is not null.
"""


@dataclass(frozen=True, eq=False, repr=False)
class Aggregate(Feature):
    """A function of the events in a window.

    Attributes:
        events: The events, with their filter.
        function: A name of :data:`FUNCTIONS`.
        value: What is aggregated for each event; ``None`` for functions of time alone.
        window: Length of the window; ``None`` for all of history.
        future: Whether the window is ``[t, t + W)`` instead of ``[t − W, t)``.
        parameters: The category of ``share``.
    """

    events: Events
    function: str
    value: EventValue | None = None
    window: Window | None = None
    future: bool = False
    parameters: tuple[Constant, ...] = ()

    @property
    def children(self) -> tuple[Expression, ...]:
        return tuple(child for child in (self.value, self.events.condition) if child is not None)

    def meaning(self) -> list[Any]:
        return [
            "aggregate",
            self.events.meaning(),
            self.function,
            self.value.meaning() if self.value is not None else None,
            self.window.microseconds if self.window else None,
            self.future,
            [Literal(p).meaning() for p in self.parameters],
        ]

    def slug(self) -> str:
        parts = [self.events.slug()] + ([self.value.slug()] if self.value is not None else [])
        parts += [self.function, *(naming.slug(p) for p in self.parameters)]
        if self.window:
            parts += (["next"] if self.future else []) + [self.window.label]
        return "_".join(parts)

    def words(self) -> str:
        of = self.events.words() if self.value is None else f"{self.value.words()} over {self.events.words()}"
        if self.function == "share":
            of = f"{self.events.words()} whose {self.value.words() if self.value is not None else ''} is {Literal(self.parameters[0]).words()}"
        said = FUNCTIONS[self.function].words.format(of=of)
        if not self.window:
            return said
        return f"{said} in the {'next' if self.future else 'last'} {spell(self.window)}"

    def kind(self, schema: Schema) -> Kind:
        function = FUNCTIONS[self.function]
        if self.events.condition is not None and self.events.condition.kind(schema) is not Kind.BOOLEAN:
            raise DefinitionError("a filter must be a condition", where=self.name)
        if self.value is None:
            return function.gives or Kind.NUMBER
        kind = self.value.kind(schema)
        if kind not in function.takes:
            takes = " or ".join(sorted(function.takes))
            fitting = ", ".join(name for name, f in FUNCTIONS.items() if kind in f.takes)
            raise DefinitionError(
                f"{self.function}() takes a {takes}, and {self.value.slug()} is a {kind}",
                where=self.name,
                remedy=f"a {kind} can be aggregated by {fitting}; or change the column's kind in its contract file",
            )
        return function.gives or kind


def spell(window: Window) -> str:
    """A window in English.

    >>> from vigie.definition.window import days
    >>> spell(days(1)), spell(days(30))
    ('day', '30 days')
    """
    names = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
    label = window.label
    for unit, word in names.items():
        if label.endswith(unit) and label[:-1].isdigit():
            return word if label[:-1] == "1" else f"{label[:-1]} {word}s"
    return label


@dataclass(frozen=True, slots=True)
class FeatureGroup:
    """Several features made by one expression, in order. Goes into ``features=[...]`` as it is."""

    features: tuple[Feature, ...]

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> Feature:
        return self.features[index]

    def each(self, change: Callable[[Feature], Feature]) -> FeatureGroup:
        """The same change made to every one: ``orders["amount"].sum(days(30, 90)).each(Feature.log1p)``."""
        return FeatureGroup(tuple(change(feature) for feature in self.features))


def aggregate(
    events: Events,
    function: str,
    value: EventValue | None,
    window: object,
    future: object,
    parameters: tuple[Constant, ...] = (),
) -> Any:
    """One feature, or a group of one for each window.

    Raises:
        DefinitionError: *window* or *future* is not a length of time, or both are given.
    """
    for given in (window, future):
        if given is not None and not isinstance(given, Window | Windows):
            raise DefinitionError(
                f"{function}({given!r}): a window is a length of time", remedy=f"write {function}(days(30))"
            )
    if window is not None and future is not None:
        raise DefinitionError(
            f"{function}() looks back or ahead, not both", remedy="give a window, or next=, in two features"
        )
    if isinstance(future, Windows):
        raise DefinitionError(f"{function}(next=...) takes one length", remedy="an outcome has one horizon")
    if isinstance(window, Windows):
        return FeatureGroup(tuple(Aggregate(events, function, value, w, False, parameters) for w in window.lengths))
    if isinstance(future, Window):
        return Aggregate(events, function, value, future, True, parameters)
    return Aggregate(events, function, value, window if isinstance(window, Window) else None, False, parameters)


@dataclass(frozen=True, eq=False, repr=False)
class EventValue(Expression):
    """One value for each event of a source. An aggregation (``.sum(days(30))``) makes a feature of it."""

    level: ClassVar[str] = "event"

    @property
    def events(self) -> Events:
        """The events it is a value of.

        Raises:
            DefinitionError: It mixes events of two sources, or of two filters of one.
        """
        found = {node.source for node in self.walk() if isinstance(node, EventColumn)}
        if len(found) != 1:
            names = " and ".join(sorted(source.slug() for source in found)) or "none"
            raise DefinitionError(
                f"an event value must come from one source, this one comes from {names}",
                where=self.slug(),
                remedy="filter once, at the end: (lines['a'] * lines['b']) of one lines.where(...)",
            )
        return found.pop()

    @overload
    def sum(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def sum(self, window: Windows) -> FeatureGroup: ...
    def sum(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Sum of the values; null where there is none."""
        return aggregate(self.events, "sum", self, window, next)  # type: ignore[no-any-return]

    @overload
    def mean(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def mean(self, window: Windows) -> FeatureGroup: ...
    def mean(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Mean of the values; null where there is none."""
        return aggregate(self.events, "mean", self, window, next)  # type: ignore[no-any-return]

    @overload
    def min(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def min(self, window: Windows) -> FeatureGroup: ...
    def min(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Lowest value; null where there is none."""
        return aggregate(self.events, "min", self, window, next)  # type: ignore[no-any-return]

    @overload
    def max(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def max(self, window: Windows) -> FeatureGroup: ...
    def max(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Highest value; null where there is none."""
        return aggregate(self.events, "max", self, window, next)  # type: ignore[no-any-return]

    @overload
    def std(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def std(self, window: Windows) -> FeatureGroup: ...
    def std(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Standard deviation of the sample (n − 1); null below two values."""
        return aggregate(self.events, "std", self, window, next)  # type: ignore[no-any-return]

    @overload
    def first(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def first(self, window: Windows) -> FeatureGroup: ...
    def first(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """The earliest value that is not null; ties break by the event's id."""
        return aggregate(self.events, "first", self, window, next)  # type: ignore[no-any-return]

    @overload
    def last(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def last(self, window: Windows) -> FeatureGroup: ...
    def last(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """The latest value that is not null; ties break by the event's id."""
        return aggregate(self.events, "last", self, window, next)  # type: ignore[no-any-return]

    @overload
    def distinct(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def distinct(self, window: Windows) -> FeatureGroup: ...
    def distinct(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """Number of different values, nulls left out; 0 where there is none."""
        return aggregate(self.events, "distinct", self, window, next)  # type: ignore[no-any-return]

    @overload
    def mode(self, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def mode(self, window: Windows) -> FeatureGroup: ...
    def mode(self, window: Window | Windows | None = None, *, next: Window | None = None) -> Feature | FeatureGroup:
        """The most frequent value; of several, the one seen last. Null where there is none."""
        return aggregate(self.events, "mode", self, window, next)  # type: ignore[no-any-return]

    @overload
    def share(self, category: Constant, window: Window | None = ..., *, next: Window | None = ...) -> Feature: ...
    @overload
    def share(self, category: Constant, window: Windows) -> FeatureGroup: ...
    def share(
        self, category: Constant, window: Window | Windows | None = None, *, next: Window | None = None
    ) -> Feature | FeatureGroup:
        """Share, 0 … 1, of the events with a value whose value is *category*; null where none has a value."""
        return aggregate(self.events, "share", self, window, next, (constant(category),))  # type: ignore[no-any-return]

    def of(self, source: object) -> NoReturn:  # noqa: ARG002 - whatever it is
        """Refused: a relation begins at one value of a customer.

        Raises:
            DefinitionError: Always; it says what to write.
        """
        raise DefinitionError(
            f"'{self.slug()}' has a value for each event, so it names many that a customer belongs to",
            where=self.slug(),
            remedy="choose one first: .last().of(...), .mode(days(90)).of(...), or .at_moment().of(...)",
        )

    def at_moment(self) -> Feature:
        """The value carried by the very event that the moment is taken at; only with ``moments=at(these events)``."""
        return AtMoment(self)


@dataclass(frozen=True, eq=False, repr=False)
class EventColumn(EventValue):
    """A column of events."""

    source: Events
    column: str

    @property
    def reads(self) -> str:
        """The column of the source that is read for it."""
        return self.column

    def embedding(self, components: int) -> EmbeddingGroup:
        """Free text as numbers: the first so many components of each text's embedding; see :mod:`vigie.definition.text`.

        Raises:
            DefinitionError: *components* is no number from 1 to 64.
        """
        from vigie.definition.text import embedding_of

        return embedding_of(self.source, self.column, components)  # type: ignore[no-any-return]

    def meaning(self) -> list[Any]:
        return ["event_column", self.source.unfiltered.meaning(), self.column]

    def slug(self) -> str:
        return naming.slug(self.column)

    def words(self) -> str:
        return self.column

    def kind(self, schema: Schema) -> Kind:
        return column_kind(schema, self.source.name, self.column)


@dataclass(frozen=True, eq=False, repr=False)
class EventOperation(Operation, EventValue):
    """An operation on the values of events, event by event."""

    __bool__ = Operation.__bool__

    def __post_init__(self) -> None:
        _ = self.events  # values of two sources do not combine: say so where it is written


EventValue.combined = EventOperation


@dataclass(frozen=True, eq=False, repr=False)
class AtMoment(Feature):
    """The value of the event that the moment is taken at."""

    value: EventValue

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.value,)

    def meaning(self) -> list[Any]:
        return ["at_moment", self.value.meaning()]

    def slug(self) -> str:
        return f"{self.value.events.slug()}_{self.value.slug()}"

    def words(self) -> str:
        return f"{self.value.words()} of this event of {self.value.events.words()}"

    def kind(self, schema: Schema) -> Kind:
        return self.value.kind(schema)
