"""A first look at a data file: its rows as the ingest will read them, and what each column is."""

from __future__ import annotations

import codecs
import glob
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from vigie.data.batch import Batch
from vigie.data.cast import cast
from vigie.data.contract import AMBIGUOUS
from vigie.data.infer import infer_columns
from vigie.data.location import FileLocation
from vigie.data.read_files import FileReader
from vigie.definition import Kind, Table
from vigie.errors import SourceError
from vigie.features.values import Values
from vigie.lifecycle.scaffold_answers import ColumnLook, FileShape

ROWS = 100_000
"""Rows that are looked at."""
PLACEHOLDERS = ("Select", "select", "?", "NA", "N/A", "n/a", "null", "NULL", "NaN", "nan", "-")
"""Texts that stand for no value wherever they are found."""


@dataclass(frozen=True, eq=False)
class Look:
    """The rows of a file.

    Attributes:
        frame: Columns by the names that the ingest gives, each in the type of its kind.
        shape: How the file is read.
        complete: Whether these are all rows.
        columns: What each column is.
        ambiguous: Columns of dates whose day and month cannot be told apart.
    """

    frame: pl.DataFrame
    shape: FileShape
    complete: bool
    columns: tuple[ColumnLook, ...]
    ambiguous: tuple[str, ...]

    def __getitem__(self, column: str) -> ColumnLook:
        return next(look for look in self.columns if look.name == column)

    def values(self, column: str) -> Values:
        """A column of numbers, booleans, categories or text as values; text as categories."""
        series, kind = self.frame[column], self[column].kind
        if kind in (Kind.NUMBER, Kind.BOOLEAN):
            return Values(kind, series.cast(pl.Float64).fill_null(float("nan")).to_numpy())
        text = series.cast(pl.String)
        codes = (text.rank("dense").cast(pl.Int64) - 1).fill_null(-1).to_numpy().astype(np.int32)
        return Values(Kind.CATEGORY, codes, tuple(text.drop_nulls().unique().sort().to_list()))


def look_at(path: Path, rows: int = ROWS) -> Look:
    """Look at the first rows of a file.

    Args:
        path: CSV, Parquet or JSON lines, compressed or not.
        rows: How many at most.

    Raises:
        SourceError: There is no such file, it cannot be read, or it has no rows.
    """
    if not path.is_file():
        raise SourceError(f"there is no file {path.name}", where=str(path), remedy="check the path")
    pattern, encoding = glob.escape(str(path.absolute())), _encoding(path)
    batch = FileReader(FileLocation((pattern,), encoding=encoding), path.name).sample(rows + 1)
    if batch is None or not len(batch.frame):
        raise SourceError(f"{path.name} has no rows", where=str(path), remedy="is it the right file?")
    nulls = _placeholders(batch)
    location = FileLocation((pattern,), encoding=encoding, nulls=("", *nulls))
    sample = Batch(batch.frame.head(rows), batch.rows.head(rows), batch.origin, batch.textual, batch.progress)
    # No column has this name: none is a key yet.
    rules, _, _ = infer_columns(Table("looked_at", key="\0"), sample, location, sample.frame.columns)
    frame = pl.DataFrame(
        [cast(sample.frame[rule.name], rule, "UTC", location.nulls, identifier=False) for rule in rules]
    )
    return Look(
        frame,
        FileShape(str(path), encoding=encoding, nulls=nulls),
        len(batch.frame) <= rows,
        tuple(_column(frame[rule.name], rule.kind) for rule in rules),
        tuple(rule.name for rule in rules if rule.format == AMBIGUOUS),
    )


def _column(series: pl.Series, kind: Kind) -> ColumnLook:
    known = series.drop_nulls()
    examples = known.unique(maintain_order=True).head(3).cast(pl.String).to_list()
    return ColumnLook(series.name, kind, known.n_unique(), series.null_count() / len(series), tuple(examples))


def _placeholders(batch: Batch) -> tuple[str, ...]:
    if not batch.textual:
        return ()
    texts = batch.frame.select(pl.col(pl.String).str.strip_chars())
    return tuple(mark for mark in PLACEHOLDERS if any((column == mark).any() for column in texts.get_columns()))


def _encoding(path: Path) -> str:
    if path.suffix.lower() in (".parquet", ".pq"):
        return "utf-8"
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            head: bytes = stream.read(1 << 20)
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error}", where=str(path)) from error
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head)
    except UnicodeDecodeError:
        return "cp1252"  # what spreadsheets write in the west
    return "utf-8"
