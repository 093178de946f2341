"""Messages of a stream that nothing can be made of: kept in the lake with the reason, for somebody to look at.

They go through the spool as events do: when :meth:`DeadLetters.add` returns they outlive the process, and the message may be
acknowledged. A row that merely breaks its contract is no dead letter: it goes to quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import polars as pl

from vigie.data.lake import Lake
from vigie.data.spool import Spool

TABLE = "_dead_letters"
"""Name of the table in the lake, and of the folder in the spool."""

SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "topic": pl.String,
    "place": pl.String,
    "reason": pl.String,
    "attempts": pl.Int64,
    "payload": pl.String,
    "_ingested_at": pl.Datetime("us", "UTC"),
    "_id": pl.String,
}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be taken in.

    Attributes:
        topic: Topic, stream or subject.
        place: Where in it: ``partition/offset``, or the message's id or sequence number.
        reason: What is wrong.
        attempts: How often it was tried.
        payload: The message as text; bytes that are no UTF-8 are escaped.
    """

    topic: str
    place: str
    reason: str
    attempts: int
    payload: str


class DeadLetters:
    """The table of dead letters of a lake.

    Args:
        lake: Where the table is.
        spool: Where letters wait for it.
    """

    def __init__(self, lake: Lake, spool: Spool) -> None:
        self._lake, self._spool = lake, spool

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Keep *letters*; when it returns they survive the death of this process. The same one twice is one.

        Raises:
            JournalError: They could not be kept.
        """
        if letters:
            self._spool.append(TABLE, [asdict(letter) for letter in letters], "stream")

    def rows(self) -> pl.DataFrame:
        """All dead letters in the lake, oldest first."""
        if not self._lake.has(TABLE):
            return pl.DataFrame(schema=SCHEMA)
        return self._lake.scan(TABLE, columns=list(SCHEMA)).collect().sort("_ingested_at", maintain_order=True)

    def flush(self, now: int) -> int:
        """Take what waits to the lake; how many letters that were.

        Args:
            now: µs since 1970-01-01 UTC.

        Raises:
            DataError: The lake cannot be written; they go on waiting.
        """
        if not self._spool.segments(TABLE):
            return 0
        self._spool.rotate(TABLE)
        with self._spool.taking(TABLE, wait=False) as got:
            if not got:
                return 0
            taken: dict[str, int] = {}
            waiting = []
            for line in self._spool.read(TABLE, {}, now):
                taken[line.segment] = line.end
                if line.row is not None:
                    identity = f"{line.row['topic']}|{line.row['place']}"
                    waiting.append({**line.row, "_ingested_at": line.moment, "_id": identity})
            rows = pl.DataFrame(waiting, schema={**SCHEMA, "_ingested_at": pl.Int64})
            rows = rows.with_columns(pl.col("_ingested_at").cast(SCHEMA["_ingested_at"]))
            rows = rows.unique("_id", keep="first", maintain_order=True)
            if self._lake.has(TABLE):
                there = self._lake.scan(TABLE, columns=["_id"]).collect()
                rows = rows.join(there, on="_id", how="anti", maintain_order="left")
            if len(rows):
                self._lake.append(TABLE, rows.select(*SCHEMA), moment=now)
            self._spool.remove(TABLE, taken)
            return len(rows)
