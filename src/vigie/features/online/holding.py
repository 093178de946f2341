"""What of a source is held online: which columns, and how far back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from vigie.definition import naming
from vigie.definition.kind import Kind
from vigie.definition.source import Events, Table


@dataclass(frozen=True, eq=False)
class Holding:
    """How a source is held.

    Attributes:
        source: The source, without filter.
        columns: Kinds of the columns that features use, by name, sorted by name.
        window: Longest window that any feature uses, µs; ``None``: all of history is kept. For the versions of a table's
            row: how far before the moment asked for one may lie at which they are looked at; ``None``: all are kept.
    """

    source: Table | Events
    columns: Mapping[str, Kind]
    window: int | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", dict(sorted(self.columns.items())))

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that change exactly when stored runs could not be read as this any more."""
        columns = [[name, str(kind)] for name, kind in self.columns.items()]
        return naming.fingerprint(["holding", self.source.meaning(), columns, self.window])

    def covers(self, wanted: Holding) -> bool:
        """Whether everything of *wanted* is held."""
        window = self.window is None or (wanted.window is not None and wanted.window <= self.window)
        same = self.source.meaning() == wanted.source.meaning()
        return same and wanted.columns.items() <= self.columns.items() and window

    @property
    def table(self) -> str:
        """Name of its table in the store. A holding that changes gets a new table, filled beside the old one."""
        return f"{self.source.name}@{self.fingerprint[:12]}"


def joined(holdings: Iterable[Mapping[str, Holding]]) -> dict[str, Holding]:
    """One holding a source that serves all: every column, the longest window."""
    found: dict[str, Holding] = {}
    for each in holdings:
        for name, holding in each.items():
            other = found.get(name)
            if other is None:
                found[name] = holding
                continue
            window = None if holding.window is None or other.window is None else max(holding.window, other.window)
            found[name] = Holding(holding.source, {**other.columns, **holding.columns}, window)
    return found
