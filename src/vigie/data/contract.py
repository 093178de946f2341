"""A contract: what a source promised to look like. Inferred at first contact, edited by the user, enforced after."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from vigie.definition import Kind, naming
from vigie.definition.kind import Schema
from vigie.errors import ContractError

RESERVED = ("_ingested_at", "_batch", "_row", "_origin", "_id")
"""Columns that the lake adds to every table."""

AMBIGUOUS = "ambiguous"
"""Format of a time column whose dates can be read day first and month first: enforcement refuses it."""


class Level(enum.StrEnum):
    """What happens to a row that breaks a rule."""

    QUARANTINE = "quarantine"
    """It goes to the quarantine table instead of the lake."""
    WARN = "warn"
    """It is kept and counted in a finding."""


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What one column promises.

    Args:
        name: The column.
        kind: A value that cannot be read as this kind always quarantines its row (rule ``type``).
        nullable: Whether a value may be missing.
        minimum: Smallest number allowed.
        maximum: Largest number allowed.
        categories: The only values allowed; empty for any.
        unique: Whether each value may come once in an ingest. Always a warning: which of two rows is wrong is not known.
        format: Of a time: ``"iso"``, ``"epoch_s"``, ``"epoch_ms"``, ``"epoch_us"`` or a strptime pattern.
        decimal: Decimal mark of numbers in text.
        level: What a broken ``nullable``, range or ``categories`` does to the row.
    """

    name: str
    kind: Kind
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    unique: bool = False
    format: str = "iso"
    decimal: str = "."
    level: Level = Level.QUARANTINE

    def __post_init__(self) -> None:
        where = f"column '{self.name}'"
        if not self.name or self.name in RESERVED:
            raise ContractError(f"{self.name!r} cannot be a column", remedy=f"{', '.join(RESERVED)} are the lake's own")
        if (self.minimum is not None or self.maximum is not None) and self.kind is not Kind.NUMBER:
            raise ContractError("only a number has a range", where=where)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ContractError(f"min {self.minimum:g} is above max {self.maximum:g}", where=where)
        if self.categories and self.kind is not Kind.CATEGORY:
            raise ContractError("only a category has categories", where=where)
        if self.decimal not in (".", ","):
            raise ContractError(f"decimal is '.' or ',', not {self.decimal!r}", where=where)


@dataclass(frozen=True, slots=True)
class Volume:
    """How many rows an ingest that finds new input should bring.

    Args:
        min_rows: At least so many rows.
        least: At least this share of the median of the last ten ingests (once there are three).
        most: At most this share of it.
    """

    min_rows: int = 1
    least: float = 0.2
    most: float = 5.0


@dataclass(frozen=True)
class Contract:
    """What a source promises.

    Args:
        source: Name of the source.
        columns: In the order of the source.
        ignore: Columns that are not taken into the lake.
        volume: Rows expected of an ingest.
        max_age_days: How old the newest row may be at an ingest; ``None`` does not look.
        max_quarantined: Share of the rows of an ingest in quarantine above which the finding is an error.
    """

    source: str
    columns: tuple[ColumnRule, ...]
    ignore: tuple[str, ...] = ()
    volume: Volume = field(default_factory=Volume)
    max_age_days: float | None = None
    max_quarantined: float = 0.05

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ContractError(f"{', '.join(twice)} declared twice", where=f"contract of '{self.source}'")

    def __getitem__(self, column: str) -> ColumnRule:
        for rule in self.columns:
            if rule.name == column:
                return rule
        raise KeyError(column)

    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(rule.name for rule in self.columns)

    def kinds(self) -> Mapping[str, Kind]:
        """Kind of each column."""
        return {rule.name: rule.kind for rule in self.columns}

    def fingerprint(self) -> str:
        """Changes exactly when a rule does, so that quarantined rows are tried again."""
        rules: list[object] = [
            [
                rule.name,
                str(rule.kind),
                rule.nullable,
                rule.minimum,
                rule.maximum,
                list(rule.categories),
                rule.format,
                rule.decimal,
                str(rule.level),
            ]
            for rule in self.columns
        ]
        return naming.fingerprint([self.source, rules, list(self.ignore)])

    def extended(self, rules: Iterable[ColumnRule]) -> Contract:
        """The contract with *rules* for columns that appeared later."""
        return replace(self, columns=(*self.columns, *rules))


def schema_of(contracts: Iterable[Contract]) -> Schema:
    """Kinds of the columns of every source, as the definition room asks for them."""
    return {contract.source: contract.kinds() for contract in contracts}
