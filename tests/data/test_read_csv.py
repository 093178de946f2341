from __future__ import annotations

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.data import FileLocation
from vigie.data import read_csv as module
from vigie.data.batch import ColumnNames
from vigie.data.read_csv import read_csv, sniff
from vigie.errors import SourceError


def read(data: bytes, skip: int = 0, **options):
    rows = list(read_csv(io.BytesIO(data), FileLocation(("x.csv",), **options), ColumnNames(), "x.csv", skip))
    frame = pl.concat([part.frame for part in rows]) if rows else pl.DataFrame()
    lines = [int(line) for part in rows for line in part.rows]
    broken = [row for part in rows for row in part.broken]
    return frame.rows(), lines, broken, rows[-1].consumed if rows else 0


FIELDS = st.text(st.sampled_from('ab,;"\n\u00e9 '), max_size=5)


@pytest.mark.parametrize("block", [64, 16 << 20])
@given(
    st.lists(st.tuples(FIELDS, FIELDS).filter(any), max_size=12), st.sampled_from(["\n", "\r\n"]), st.integers(0, 12)
)
def test_any_rows_come_back_with_the_line_they_begin_on(block: int, rows, end: str, skip: int) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    lines, line = [], 2
    writer.writerow(["one", "two"])
    for row in rows:
        lines.append(line)
        line += 1 + sum(field.count("\n") for field in row)
        writer.writerow(row)
    before, module._BLOCK = module._BLOCK, block
    try:
        found = read(out.getvalue().encode(), skip, delimiter=",")
    finally:
        module._BLOCK = before
    assert found[0] == rows[skip:] and found[1] == lines[skip:] and not found[2]


def test_rows_that_cannot_be_split_are_told_by_their_line() -> None:
    data = b'a,b\n1,2\n3\n4,5,6\n\n"x\ny",7\n8\n9,10\n11'
    rows, lines, broken, consumed = read(data)
    assert rows == [("1", "2"), ("x\ny", "7"), ("9", "10")]
    assert lines == [2, 6, 9]
    assert [(row.row, row.rule, row.text) for row in broken] == [
        (3, "fields", "3"),
        (4, "fields", "4,5,6"),
        (8, "fields", "8"),
        (10, "fields", "11"),
    ]
    assert consumed == 8


def test_bad_bytes_cost_their_row_only() -> None:
    rows, lines, broken, _ = read(b"a;b\n1;2\n\xff;4\n\xfe\n5;6\n")
    assert rows == [("1", "2"), ("5", "6")] and lines == [2, 5]
    assert [(row.row, row.rule, row.text) for row in sorted(broken, key=lambda row: row.row)] == [
        (3, "encoding", "\\xff;4"),
        (4, "fields", "\\xfe"),
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_encodings(encoding: str) -> None:
    assert read("a;b\r\né;2\r\n".encode(encoding), encoding=encoding)[0] == [("é", "2")]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(mark: str) -> None:
    assert sniff(f'a{mark}b b{mark}c\n"x, y; z"{mark}1{mark}2\n') == mark


def test_headers_are_mended() -> None:
    names = ColumnNames()
    assert names.of(["a", "", "A", " _id "]) == ["a", "column_2", "A_2", "_id_2"]
    assert names.renamed == {"(column 2, without a name)": "column_2", "A": "A_2", "_id": "_id_2"}


def test_nothing_and_a_header_alone_are_no_rows() -> None:
    assert read(b"")[0] == [] and read(b"a,b\n")[0] == []


def test_a_quote_that_never_closes_says_so() -> None:
    before, module._BLOCK = module._BLOCK, 1000
    try:
        with pytest.raises(SourceError, match="quote that never closes"):
            read(b"a,b\n" + b'1,"2\n' + b"3,4\n" * 5000)
    finally:
        module._BLOCK = before
