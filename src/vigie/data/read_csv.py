"""Rows of a CSV file, as strings, with the line each began on."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from vigie.data.batch import BrokenRow, ColumnNames
from vigie.data.location import FileLocation
from vigie.errors import SourceError

_BLOCK = 16 << 20
"""Bytes parsed at a time: also the longest row that can be read."""
_HEAD = 1 << 20
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, eq=False)
class Rows:
    """Consecutive rows of one file.

    Attributes:
        frame: Their fields.
        rows: The line or number of each.
        consumed: Rows of the file read up to here, broken ones included.
        broken: Rows among them that could not be split.
        total: Rows of the file, where it says so.
    """

    frame: pl.DataFrame
    rows: np.ndarray[Any, np.dtype[np.int64]]
    consumed: int
    broken: list[BrokenRow] = field(default_factory=list)
    total: int | None = None


def read_csv(stream: BinaryIO, location: FileLocation, names: ColumnNames, where: str, skip: int) -> Iterator[Rows]:
    """The rows after the first *skip*.

    A row with too many or too few fields, or with bytes that are not text, is handed over as broken and the rest of the
    file is read. Blank lines are passed over. A quoted field may hold line breaks.

    Args:
        stream: The file, decompressed.
        location: Its delimiter and encoding.
        names: Mends the header.
        where: The file, for messages.
        skip: Rows done before.

    Raises:
        SourceError: The header cannot be read, a quote never closes, or the encoding is wrong throughout.
    """
    head = stream.read(_HEAD)
    if not head.strip():
        return
    text = _decoded(head, location.encoding)
    delimiter = location.delimiter or sniff(text)
    header_lines, columns = _header(text, delimiter, names, where)
    source = _Utf8(head, stream, location.encoding)
    parser = _Parser(columns, header_lines, delimiter, source)
    try:
        reader = pa.csv.open_csv(
            pa.PythonFile(source, mode="r"),
            read_options=pa.csv.ReadOptions(
                # One thread: only then a row that cannot be split comes with its number.
                use_threads=False,
                block_size=_BLOCK,
                column_names=columns,
                skip_rows=header_lines,
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=parser.refuse,
            ),
            convert_options=pa.csv.ConvertOptions(
                check_utf8=False, strings_can_be_null=False, column_types=dict.fromkeys(columns, pa.string())
            ),
        )
        for block in reader:
            rows = parser.rows(block, skip)
            if rows is not None:
                yield rows
        rest = parser.rest(skip)
        if rest is not None:
            yield rest
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        remedy = f"look for a quote that never closes, or a row of more than {_BLOCK >> 20} MB"
        raise SourceError(f"the CSV cannot be split into rows: {error}", where=where, remedy=remedy) from error
    except (OSError, EOFError) as error:
        raise SourceError(f"the file cannot be read: {error}", where=where) from error


def sniff(text: str) -> str:
    """The delimiter: the one that splits the first lines into the same, largest number of fields."""
    lines = text.splitlines()[:50]
    if len(lines) > 1 and len(text) >= _HEAD // 2:
        lines = lines[:-1]
    best, score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        counts = [len(fields) for fields in csv.reader(lines, delimiter=delimiter) if fields]
        if counts and counts[0] > 1:
            agree = sum(count == counts[0] for count in counts) / len(counts)
            if (round(agree, 1), counts[0]) > score:
                best, score = delimiter, (round(agree, 1), counts[0])
    return best


def _header(text: str, delimiter: str, names: ColumnNames, where: str) -> tuple[int, list[str]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
    try:
        fields = next(fields for fields in reader if any(field.strip() for field in fields))
    except (StopIteration, csv.Error) as error:
        raise SourceError("the header cannot be read", where=where) from error
    return reader.line_num, names.of(fields)


class _Parser:
    """Gives the rows of successive blocks their lines, between the rows that could not be split."""

    def __init__(self, columns: list[str], header_lines: int, delimiter: str, source: _Utf8) -> None:
        self._columns, self._header, self._delimiter, self._source = columns, header_lines, delimiter, source
        self._refused: list[tuple[int, str, str]] = []  # index from 0, reason, text; of blocks parsed ahead too
        self._seen = 0
        self._line = header_lines + 1

    def refuse(self, row: Any) -> str:
        """Called by Arrow for a row that does not have the header's number of fields."""
        reason = f"{row.actual_columns} fields instead of {row.expected_columns}"
        self._refused.append((row.number - self._header - 1, reason, row.text))
        return "skip"

    def rows(self, block: pa.RecordBatch, skip: int) -> Rows | None:
        """The rows of *block*, and those refused before and between them."""
        good, before = block.num_rows, 0
        while before < len(self._refused) and self._refused[before][0] < self._seen + good + before:
            before += 1
        refused, self._refused = self._refused[:before], self._refused[before:]
        breaks = np.zeros(good, dtype=np.int64)
        blank = np.ones(good, dtype=bool)
        for array in block.columns:
            breaks += np.asarray(pc.count_substring(array, "\n"), dtype=np.int64)
            blank &= np.asarray(pc.binary_length(array)) == 0
        start, self._seen = self._seen, self._seen + good + before
        index = np.arange(start, self._seen, dtype=np.int64)
        split = np.ones(len(index), dtype=bool)
        split[[i - start for i, _, _ in refused]] = False
        taller = np.zeros(len(index), dtype=np.int64)
        taller[split] = breaks
        for i, _, text in refused:
            taller[i - start] = text.count("\n")
        lines = self._line + np.arange(len(index)) + np.concatenate(([0], np.cumsum(taller)[:-1]))[: len(index)]
        self._line += len(index) + int(taller.sum())
        if self._seen <= skip:
            return None
        keep = ~blank & (index[split] >= skip)
        broken = [
            BrokenRow(int(lines[i - start]), "fields", reason, _restored(text))
            for i, reason, text in refused
            if i >= skip
        ]
        if not keep.all():
            block = block.filter(pa.array(keep))
        where = lines[split][keep]
        frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([block])))
        if self._source.damaged:
            bad = frame.select(pl.any_horizontal(pl.all().str.contains(_STAND_IN))).to_series()
            for fields, line in zip(frame.filter(bad).rows(), where[bad.to_numpy()], strict=True):
                text = _restored(self._delimiter.join(fields))
                reason = f"a byte that is not {self._source.encoding}"
                broken.append(BrokenRow(int(line), "encoding", reason, text))
            frame, where = frame.filter(~bad), where[~bad.to_numpy()]
        return Rows(frame, where, self._seen, broken)

    def rest(self, skip: int) -> Rows | None:
        """The rows refused after the last good one."""
        broken: list[BrokenRow] = []
        for index, reason, text in self._refused:
            if index >= skip:
                broken.append(BrokenRow(self._line, "fields", reason, _restored(text)))
            self._line, self._seen = self._line + 1 + text.count("\n"), index + 1
        self._refused = []
        frame = pl.DataFrame(schema=dict.fromkeys(self._columns, pl.String))
        return Rows(frame, np.zeros(0, dtype=np.int64), self._seen, broken) if broken else None


_STAND_IN = "[\uf700-\uf7ff]"
"""Private characters that stand for bytes that are not text, until their rows are found."""


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xF700 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("vigie.stand_in", _stand_in)


def _restored(text: str) -> str:
    return re.sub(_STAND_IN, lambda found: f"\\x{ord(found[0]) - 0xF700:02x}", text)


class _Utf8(io.RawIOBase):
    """A text file as UTF-8, whatever its encoding; a byte that is not text becomes a stand-in."""

    def __init__(self, head: bytes, rest: BinaryIO, encoding: str) -> None:
        self._rest, self.encoding, self.damaged = rest, encoding, False
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._buffer = self._converted(head)
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._buffer) < size):
            part = self._rest.read(max(size - len(self._buffer), _HEAD))
            self._ended = not part
            self._buffer += self._converted(part)
        if size < 0:
            size = len(self._buffer)
        part, self._buffer = self._buffer[:size], self._buffer[size:]
        return part

    def _converted(self, part: bytes) -> bytes:
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(part, final=not part).encode()
        except UnicodeDecodeError:
            self.damaged = True
            self._decoder.setstate(state)
            self._decoder.errors = "vigie.stand_in"
            text = self._decoder.decode(part, final=not part)
            self._decoder.errors = "strict"
            return text.encode()


def _decoded(head: bytes, encoding: str) -> str:
    # Incremental: the head may end inside a character.
    return codecs.getincrementaldecoder(encoding)("replace").decode(head)
