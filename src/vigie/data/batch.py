"""What readers hand over: some rows as they are in the source, where they are from, and how far reading got."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from vigie.data.contract import RESERVED
from vigie.findings import Finding

Progress = Mapping[str, Any]
"""JSON data of a reader: what is done, by file or by watermark. A later entry replaces an earlier one of the same key."""


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that could not be split into fields.

    Attributes:
        row: Line in a text file.
        rule: ``"fields"`` (too many or too few), ``"json"`` or ``"encoding"``.
        reason: What is wrong with it.
        text: The row as it stands in the file.
    """

    row: int
    rule: str
    reason: str
    text: str


@dataclass(frozen=True, eq=False)
class Told:
    """What is known of rows that were received one by one. Row *i* of the batch is at *i* − 1.

    Attributes:
        moments: When each was received, µs since 1970-01-01 UTC.
        origins: What brought it.
        texts: It as it came, as JSON, for quarantine.
    """

    moments: Sequence[int]
    origins: Sequence[str]
    texts: Callable[[int], str]

    def arrivals(self, rows: pl.Series) -> dict[str, pl.Series]:
        """``_ingested_at`` and ``_origin`` of *rows*, numbers from 1."""
        places = [row - 1 for row in rows.to_list()]
        moments = pl.Series([self.moments[place] for place in places], dtype=pl.Int64)
        return {
            "_ingested_at": moments.cast(pl.Datetime("us", "UTC")),
            "_origin": pl.Series([self.origins[place] for place in places], dtype=pl.String),
        }

    def text(self, rows: pl.Series) -> pl.Series:
        """The texts of *rows*, numbers from 1."""
        return pl.Series("text", [self.texts(row - 1) for row in rows.to_list()], dtype=pl.String)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some consecutive rows of one file or query.

    Attributes:
        frame: The source's columns, untouched: strings from CSV, the source's own types from elsewhere.
        rows: Int64, one for each row: the line in a text file, else the number of the row from 1.
        origin: The file, or the table or query.
        textual: Whether strings are merely how the format writes everything (CSV), or the source's own type.
        progress: What is done once these rows are kept.
        broken: Rows that could not be split.
        share: Of the whole source, how much is done after this batch, in [0, 1]; 0 where it cannot be told.
        told: Of rows that were received one by one, what is known of each; ``None`` for a file or a query.
    """

    frame: pl.DataFrame
    rows: pl.Series
    origin: str
    textual: bool
    progress: Progress
    broken: Sequence[BrokenRow] = ()
    share: float = 0.0
    told: Told | None = None


class Reader(Protocol):
    """Reads one location."""

    findings: list[Finding]
    """What was noticed while reading; complete after :meth:`read` has ended."""

    def sample(self, rows: int) -> Batch | None:
        """About *rows* rows to infer a contract from; ``None`` where there is none at all.

        Raises:
            SourceError: The source cannot be read.
        """
        ...

    def read(self, progress: Progress) -> Iterator[Batch]:
        """The rows that are not done yet, in a stable order, in batches of bounded size.

        Args:
            progress: All progress of the batches kept so far, later over earlier.

        Raises:
            SourceError: The source cannot be read.
        """
        ...


@dataclass
class ColumnNames:
    """Makes the names of a source's columns fit for the lake: none empty, none twice whatever the case, none reserved."""

    renamed: dict[str, str] = field(default_factory=dict)

    def of(self, names: Sequence[str]) -> list[str]:
        """The names to use; those that differ are added to *renamed*."""
        taken = {name.lower() for name in RESERVED}
        result: list[str] = []
        for number, given in enumerate(names, start=1):
            base = given.strip() or f"column_{number}"
            name, again = base, 2
            while name.lower() in taken:
                name, again = f"{base}_{again}", again + 1
            taken.add(name.lower())
            if name != given.strip():
                self.renamed[given.strip() or f"(column {number}, without a name)"] = name
            result.append(name)
        return result


def series_of(name: str, values: Sequence[object]) -> pl.Series:
    """A column from Python values of a driver or of JSON, in the narrowest type that holds them all.

    Numbers mixed with other types, and nested values, become text, which the contract then reads.
    """
    import datetime as dt
    from decimal import Decimal

    types = {type(value) for value in values if value is not None}
    if not types:
        return pl.Series(name, values, dtype=pl.Null)
    if types == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if types == {str}:
        return pl.Series(name, values, dtype=pl.String)
    if types == {int}:
        if all(value is None or -(2**63) <= value < 2**63 for value in values):  # type: ignore[operator]
            return pl.Series(name, values, dtype=pl.Int64)
    elif types <= {int, float, Decimal}:
        numbers = [None if value is None else float(value) for value in values]  # type: ignore[arg-type]
        return pl.Series(name, numbers, dtype=pl.Float64)
    elif types <= {dt.datetime, dt.date}:
        moments = [_datetime(value) for value in values]
        aware = {moment.tzinfo is not None for moment in moments if moment is not None}
        if aware == {True}:
            utc = [None if moment is None else moment.astimezone(dt.UTC) for moment in moments]
            return pl.Series(name, utc, dtype=pl.Datetime("us", "UTC"))
        if aware == {False}:
            return pl.Series(name, moments, dtype=pl.Datetime("us"))
    return pl.Series(name, [text_of(value) for value in values], dtype=pl.String)


def _datetime(value: object) -> Any:
    import datetime as dt

    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day)
    return value


def text_of(value: object) -> str | None:
    """A value as text: JSON for nested values, hexadecimal for bytes, ISO 8601 for times."""
    import json

    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
