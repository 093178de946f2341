"""Every recorded prediction, once, wherever it is by now: in the lake, or still in the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from vigie.data.spool import key_text
from vigie.errors import DataError, JournalError
from vigie.journal import Prediction, segments
from vigie.lifecycle.ship import TABLE, writer_of

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

    from vigie.lifecycle.project import Project

_FIELDS = [f.name for f in msgspec.structs.fields(Prediction)]
_decode = msgspec.json.Decoder(Prediction).decode
_values = msgspec.json.Decoder(dict[str, Any]).decode


class _Key(msgspec.Struct, gc=False):
    score: str
    customer: str | None
    at: int


_key = msgspec.json.Decoder(_Key).decode


def recorded(
    project: Project,
    *,
    score: str | None = None,
    customer: str | None = None,
    since: int | None = None,
    until: int | None = None,
    directory: Path | None = None,
) -> Iterator[Prediction]:
    """The predictions of a project: those in the lake day by day, then those that it has not got.

    Args:
        project: Where lake and journal are.
        score: Only of this score.
        customer: Only of this customer; a key as text, ``17.0`` being ``17``.
        since: Only those answered at or after this moment, µs.
        until: Only those answered at or before this moment, µs.
        directory: Of the journal; ``None``: that of the project.

    Raises:
        DataError: The lake cannot be read.
        JournalError: A line of the journal is no prediction.
    """
    table = project.lake.table(TABLE) if project.lake.has(TABLE) else None
    if table is not None:
        yield from _in_lake(project, table, score, customer, since, until)
    for path in not_in_lake(table, directory or project.journal_folder):
        yield from in_segment(path, score, customer, since, until)


def not_in_lake(table: DeltaTable | None, directory: Path) -> Iterator[Path]:
    """The segments of a journal that *table*, as it was read, has not got; ``None``: there is no table."""
    for seen in segments.everything(directory):
        # Asked of the version that was read: what is shipped meanwhile is not in it.
        if table is not None and table.transaction_version(writer_of(seen.name)) is not None:
            continue
        path = segments.where_now(seen)
        if path is not None:
            yield path


def in_segment(
    path: Path, score: str | None, customer: str | None = None, since: int | None = None, until: int | None = None
) -> Iterator[Prediction]:
    """The predictions of one segment; arguments as for :func:`recorded`.

    Raises:
        JournalError: A line is no prediction.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n") or line.isspace():
                continue
            try:
                key = _key(line)
                if (
                    (score is None or key.score == score)
                    and (customer is None or (key.customer is not None and key_text(key.customer) == customer))
                    and (since is None or key.at >= since)
                    and (until is None or key.at <= until)
                ):
                    yield _decode(line)
            except ValueError as error:
                raise JournalError(
                    f"not a prediction: {error}",
                    where=f"{path}:{number}",
                    remedy="the file was changed by something else; move it away and restore it",
                ) from error


def _in_lake(
    project: Project, table: DeltaTable, score: str | None, customer: str | None, since: int | None, until: int | None
) -> Iterator[Prediction]:
    import polars as pl

    rows = project.lake.scan(TABLE, version=int(table.version()))
    moment = pl.Datetime("us", "UTC")
    if since is not None:
        rows = rows.filter(
            pl.col("day") >= pl.lit(since).cast(moment).dt.date(), pl.col("at") >= pl.lit(since).cast(moment)
        )
    if until is not None:
        rows = rows.filter(
            pl.col("day") <= pl.lit(until).cast(moment).dt.date(), pl.col("at") <= pl.lit(until).cast(moment)
        )
    if score is not None:
        rows = rows.filter(pl.col("score") == score)
    if customer is not None:
        rows = rows.filter(pl.col("customer").is_in(spellings(rows, customer)))
    try:
        if customer is not None:
            yield from _predictions(rows.collect(engine="streaming"))
            return
        for day in rows.select("day").unique().collect(engine="streaming")["day"].sort():
            yield from _predictions(rows.filter(pl.col("day") == day).collect(engine="streaming"))
    except pl.exceptions.PolarsError as error:
        raise DataError(f"cannot be read: {error}", where=f"lake table '{TABLE}'") from error


def spellings(rows: pl.LazyFrame, customer: str) -> Collection[str]:
    """How the key of a customer was spelled by callers: ``17`` as well as ``17.0`` and ``" 17"``."""
    import polars as pl

    near = rows.filter(pl.col("customer").str.contains(customer, literal=True)).select("customer").unique()
    return [known for known in near.collect(engine="streaming")["customer"] if key_text(known) == customer]


def _predictions(rows: pl.DataFrame) -> Iterator[Prediction]:
    import polars as pl

    rows = rows.sort("at", "id").with_columns(pl.col("at", "as_of").cast(pl.Int64))
    for row in rows.select(_FIELDS).iter_rows(named=True):
        row["values"] = _values(row["values"])
        yield Prediction(**row)
