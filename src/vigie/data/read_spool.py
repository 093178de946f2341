"""Hands the rows in the spool to the ingest, in the order in which they were received."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
import polars as pl

from vigie.data.batch import Batch, BrokenRow, Progress, Told
from vigie.data.contract import Contract
from vigie.data.received import frame_of
from vigie.data.spool import Received, Spool
from vigie.findings import Finding

ROWS = 100_000
"""Rows in a batch at most."""

PROGRESS = "spool"
"""Key of the reader's progress: for each segment there is, the bytes that were taken to the lake."""


class SpoolReader:
    """Reads what was received of one source up to a moment.

    Args:
        spool: Where it is; the caller holds :meth:`~vigie.data.spool.Spool.taking`.
        source: Name of the source.
        until: µs since 1970-01-01 UTC.
        nulls: Texts that stand for no value.
        contract: As it is now; ``None`` before the first contact.

    Attributes:
        taken: For each segment, the bytes of it that were handed over so far, or were taken before.
    """

    def __init__(self, spool: Spool, source: str, until: int, nulls: Sequence[str], contract: Contract | None) -> None:
        self.findings: list[Finding] = []
        self.taken: dict[str, int] = {}
        self._spool, self._source, self._until = spool, source, until
        self._nulls, self._contract = nulls, contract

    def sample(self, rows: int) -> Batch | None:
        """The first rows."""
        part = [line for line in islice(self._spool.read(self._source, {}, self._until), rows) if line.row is not None]
        return self._batch(part, {}) if part else None

    def read(self, progress: Progress) -> Iterator[Batch]:
        """The rows that are not in the lake, in batches."""
        there = {path.name for path in self._spool.segments(self._source)}
        self.taken = {name: end for name, end in progress.get(PROGRESS, {}).items() if name in there}
        lines = self._spool.read(self._source, dict(self.taken), self._until)
        while part := list(islice(lines, ROWS)):
            for line in part:
                self.taken[line.segment] = line.end
            yield self._batch(part, {PROGRESS: dict(self.taken)})

    def _batch(self, lines: list[Received], progress: Progress) -> Batch:
        whole = [(number, line.row) for number, line in enumerate(lines, start=1) if line.row is not None]
        broken = [
            BrokenRow(number, "json", "not a line of the spool", line.text)
            for number, line in enumerate(lines, start=1)
            if line.row is None
        ]
        frame = frame_of([row for _, row in whole], self._contract, self._nulls)
        told = Told(
            [line.moment for line in lines],
            [line.origin for line in lines],
            lambda place: row_text(lines[place].row) if lines[place].row is not None else _quoted(lines[place].text),
        )
        rows = pl.Series([number for number, _ in whole], dtype=pl.Int64)
        return Batch(frame, rows, self._source, False, progress, broken, 0.0, told)


def row_text(row: Any) -> str:
    """A row as JSON, the same text whatever the order of its fields."""
    return msgspec.json.encode(row, order="sorted").decode()


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
