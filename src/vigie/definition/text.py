"""Free text as numbers: components of a text's embedding, which are values and features like any others.

    tickets["message"].embedding(8).mean(days(90))     # eight features: tickets_message_embedding_1_mean_90d …
    leads["comment"].embedding(8)                      # eight features of a table's text

A component is the text's sentence embedding, projected on one of the directions in which the texts of the training
window differ most. The directions are learned when a model is trained and kept in its bundle; the definition says only
which component of which text. Components are nested: the first is the same however many are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vigie.definition import naming
from vigie.definition.aggregate import AtMoment, EventColumn, FeatureGroup, aggregate
from vigie.definition.expression import Expression, column_kind
from vigie.definition.kind import Kind, Schema
from vigie.definition.source import Column, Events, Table
from vigie.definition.window import Window, Windows
from vigie.errors import DefinitionError

MOST = 64
"""Components that can be asked for."""


@dataclass(frozen=True, eq=False, repr=False)
class EventEmbedding(EventColumn):
    """One component of the embedding of a text of events: a number for each event, null where there is no text.

    Attributes:
        source: The events.
        column: Name of the column of components, made from the two others; no column of the source.
        text: The column of texts.
        component: From 1.
    """

    text: str
    component: int

    @classmethod
    def make(cls, source: Events, text: str, component: int) -> EventEmbedding:
        """A component of the texts in a column."""
        return cls(source, component_column(text, component), text, component)

    @property
    def reads(self) -> str:
        return self.text

    def meaning(self) -> list[Any]:
        return ["embedding", ["event_column", self.source.unfiltered.meaning(), self.text], self.component]

    def slug(self) -> str:
        return f"{naming.slug(self.text)}_embedding_{self.component}"

    def words(self) -> str:
        return f"component {self.component} of the embedding of {self.text}"

    def kind(self, schema: Schema) -> Kind:
        return _number(schema, self.source, self.text)


@dataclass(frozen=True, eq=False, repr=False)
class TableEmbedding(Column):
    """One component of the embedding of a table's text, as known at the moment; null where there is none.

    Attributes:
        source: The table.
        column: Name of the column of components, made from the two others; no column of the source.
        text: The column of texts.
        component: From 1.
    """

    text: str
    component: int

    @classmethod
    def make(cls, source: Table, text: str, component: int) -> TableEmbedding:
        """A component of the texts in a column."""
        return cls(source, component_column(text, component), text, component)

    @property
    def reads(self) -> str:
        return self.text

    def meaning(self) -> list[Any]:
        return ["embedding", ["column", self.source.meaning(), self.text], self.component]

    def slug(self) -> str:
        return f"{self.source.name}_{naming.slug(self.text)}_embedding_{self.component}"

    def words(self) -> str:
        return f"component {self.component} of the embedding of {self.text} of {self.source.name}"

    def kind(self, schema: Schema) -> Kind:
        return _number(schema, self.source, self.text)


@dataclass(frozen=True, slots=True)
class EmbeddingGroup:
    """The components of a text of events, in order. An aggregation makes one feature of each, for each window."""

    values: tuple[EventEmbedding, ...]

    def __iter__(self) -> Iterator[EventEmbedding]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> EventEmbedding:
        return self.values[index]

    def mean(self, window: Window | Windows | None = None) -> FeatureGroup:
        """Mean of each component: what the texts are about, taken together; null where there is none."""
        return self._each("mean", window)

    def last(self, window: Window | Windows | None = None) -> FeatureGroup:
        """Components of the latest text; ties break by the event's id."""
        return self._each("last", window)

    def first(self, window: Window | Windows | None = None) -> FeatureGroup:
        """Components of the earliest text; ties break by the event's id."""
        return self._each("first", window)

    def min(self, window: Window | Windows | None = None) -> FeatureGroup:
        """Lowest value of each component."""
        return self._each("min", window)

    def max(self, window: Window | Windows | None = None) -> FeatureGroup:
        """Highest value of each component."""
        return self._each("max", window)

    def std(self, window: Window | Windows | None = None) -> FeatureGroup:
        """Standard deviation of each component (n − 1): how much the texts differ; null below two."""
        return self._each("std", window)

    def at_moment(self) -> FeatureGroup:
        """Components of the text of the very event that the moment is taken at; only with ``moments=at(these events)``."""
        return FeatureGroup(tuple(AtMoment(value) for value in self.values))

    def _each(self, function: str, window: object) -> FeatureGroup:
        windows = window.lengths if isinstance(window, Windows) else (window,)
        made = [aggregate(v.events, function, v, one, None) for one in windows for v in self.values]
        return FeatureGroup(tuple(made))


def embedding_of(source: Table | Events, text: str, components: object) -> Any:
    """What ``source[text].embedding(components)`` is.

    Raises:
        DefinitionError: *components* is no number from 1 to :data:`MOST`.
    """
    if isinstance(components, bool) or not isinstance(components, int) or not 1 <= components <= MOST:
        raise DefinitionError(
            f"embedding({components!r}) of '{text}' is not a number of components",
            where=f"source '{source.name}'",
            remedy=f"give a whole number from 1 to {MOST}; 8 is a good start",
        )
    numbers = range(1, components + 1)
    if isinstance(source, Table):
        return FeatureGroup(tuple(TableEmbedding.make(source, text, number) for number in numbers))
    return EmbeddingGroup(tuple(EventEmbedding.make(source, text, number) for number in numbers))


def component_column(text: str, component: int) -> str:
    """Under what name the values of a component stand beside the columns of a source.

    >>> component_column("message", 2)
    'embedding 2 of message'
    """
    return f"embedding {component} of {text}"


def texts_of(expressions: Iterable[Expression]) -> dict[tuple[str, str], int]:
    """The texts whose components are read: (source, column) → the highest component, in reading order."""
    found: dict[tuple[str, str], int] = {}
    for expression in expressions:
        for node in expression.walk():
            if isinstance(node, EventEmbedding | TableEmbedding):
                place = (node.source.name, node.text)
                found[place] = max(found.get(place, 0), node.component)
    return found


def _number(schema: Schema, source: Table | Events, text: str) -> Kind:
    kind = column_kind(schema, source.name, text)
    if kind is not Kind.TEXT:
        raise DefinitionError(
            f"embedding() is of free text, and '{text}' is a {kind}",
            where=f"source '{source.name}'",
            remedy=f'write kind = "text" for {text} in the contract file, and ingest the source again',
        )
    return Kind.NUMBER
