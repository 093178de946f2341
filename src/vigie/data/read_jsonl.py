"""Rows of a file of JSON lines: one object a line, each value in its own type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import numpy as np
import polars as pl

from vigie.data.batch import BrokenRow, ColumnNames, series_of
from vigie.data.location import FileLocation
from vigie.data.read_csv import Rows
from vigie.errors import SourceError

_ROWS = 100_000


def read_jsonl(stream: BinaryIO, location: FileLocation, names: ColumnNames, where: str, skip: int) -> Iterator[Rows]:
    """The lines after the first *skip*. A line that is not a JSON object is handed over as broken; blank ones are passed.

    Args:
        stream: The file, decompressed.
        location: Its encoding.
        names: Mends the names of the columns.
        where: The file, for messages.
        skip: Lines done before.

    Raises:
        SourceError: The file cannot be read.
    """
    decoder = msgspec.json.Decoder(dict[str, Any])
    utf8 = location.encoding.lower().replace("-", "") in ("utf8", "utf8sig", "ascii")
    objects: list[dict[str, Any]] = []
    lines: list[int] = []
    broken: list[BrokenRow] = []
    number = 0
    try:
        for raw in stream:
            number += 1
            line = raw.strip()
            if number <= skip or not line:
                continue
            try:
                text = line.removeprefix(b"\xef\xbb\xbf") if utf8 else line.decode(location.encoding).encode()
                objects.append(decoder.decode(text))
                lines.append(number)
            except UnicodeDecodeError as error:
                broken.append(BrokenRow(number, "encoding", error.reason, _shown(line)))
            except msgspec.DecodeError as error:
                broken.append(BrokenRow(number, "json", str(error), _shown(line)))
            if len(objects) + len(broken) >= _ROWS:
                yield Rows(_frame(objects, names), np.array(lines, dtype=np.int64), number, broken)
                objects, lines, broken = [], [], []
    except (OSError, EOFError) as error:
        raise SourceError(f"the file cannot be read: {error}", where=where) from error
    if number > skip:
        yield Rows(_frame(objects, names), np.array(lines, dtype=np.int64), number, broken)


def _frame(objects: list[dict[str, Any]], names: ColumnNames) -> pl.DataFrame:
    given = list(dict.fromkeys(key for row in objects for key in row))
    return pl.DataFrame(
        [series_of(name, [row.get(key) for row in objects]) for key, name in zip(given, names.of(given), strict=True)]
    )


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")
