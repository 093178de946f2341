"""Reads a table or query of any database that SQLAlchemy speaks to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from sqlalchemy import exc

from vigie.data.batch import Batch, ColumnNames, Progress, series_of
from vigie.data.codes import finding
from vigie.data.location import SqlLocation, masked, without_secrets
from vigie.errors import DataError, MissingExtraError, SourceError
from vigie.findings import Finding

_ROWS = 100_000

_PATIENCE = 10
"""Seconds until a database that does not answer is given up; the drivers' own default is minutes."""
_WITH_TIMEOUT = ("postgresql+psycopg", "postgresql+psycopg2")

# What one installs to speak to a database, for the drivers that an extra of ours brings.
_EXTRAS = {"psycopg": ("psycopg", "postgres"), "psycopg2": ("psycopg", "postgres")}


class SqlReader:
    """Reads rows in the order of the watermark, from the last value kept on.

    Rows with that very value are read again, since more of them may have come; so are rows without a value. The ingest
    drops those it has. A row that is committed late with a value below the watermark is not seen: where transactions
    overlap, use a column that is set at commit, or no watermark.

    Args:
        location: The database.
        source: Name of the source, for messages.
        batch_rows: Rows fetched at a time, at most.
    """

    def __init__(self, location: SqlLocation, source: str, batch_rows: int = _ROWS) -> None:
        self.location, self.source, self._size = location, source, min(batch_rows, _ROWS)
        self.findings: list[Finding] = []
        self._names = ColumnNames()
        self._where = f"source '{source}': {location.place()}"

    def sample(self, rows: int) -> Batch | None:
        """The first rows in the order of the watermark."""
        return next(self._batches(self._select(None).limit(rows), rows), None)

    def read(self, progress: Progress) -> Iterator[Batch]:
        """The rows from the watermark on, or all."""
        last = _value(progress["watermark"]) if "watermark" in progress else None
        yield from self._batches(self._select(last), self._size)
        if self._names.renamed:
            said = ", ".join(f"{old} → {new}" for old, new in self._names.renamed.items())
            self.findings.append(finding("VGD014", self.source, f"names empty, repeated or reserved: {said}"))

    def newest(self) -> list[str] | None:
        """The greatest value of the watermark as JSON data; ``None`` where there is no row.

        Raises:
            SourceError: The database does not answer, or there is no such table or column.
        """
        assert self.location.watermark is not None
        greatest: sa.Select[Any] = sa.select(sa.func.max(sa.column(self.location.watermark))).select_from(
            self._everything()
        )
        engine = self._engine()
        try:
            with engine.connect() as connection:
                value = connection.execute(greatest).scalar()
            return None if value is None else _data(value)
        except (exc.SQLAlchemyError, OverflowError, ValueError) as error:
            raise self._mapped(error) from None
        finally:
            engine.dispose()

    def _select(self, last: object) -> sa.Select[Any]:
        select = sa.select(sa.text("*")).select_from(self._everything())
        if self.location.watermark:
            column: sa.ColumnClause[Any] = sa.column(self.location.watermark)
            if last is not None:
                select = select.where(sa.or_(column >= last, column.is_(None)))
            select = select.order_by(column)
        return select

    def _everything(self) -> sa.FromClause:
        everything: sa.FromClause
        if self.location.query:
            # A colon would start a parameter; the line break ends a comment with which a query may end.
            query = self.location.query.strip().rstrip(";").replace(":", "\\:")
            everything = sa.text(f"({query}\n) AS vigie_query")  # type: ignore[assignment]
        else:
            schema, _, table = (self.location.table or "").rpartition(".")
            everything = sa.table(table, schema=schema or None)
        return everything

    def _batches(self, select: sa.Select[Any], size: int) -> Iterator[Batch]:
        origin = self.location.table or "query"
        engine = self._engine()
        try:
            with engine.connect().execution_options(stream_results=True, max_row_buffer=size) as connection:
                result = connection.execute(select)
                given = list(result.keys())
                mark = self._watermark_position(given)
                columns, done = self._names.of(given), 0
                progress: dict[str, Any] = {}
                for rows in result.partitions(size):
                    values = list(zip(*rows, strict=True))
                    if mark is not None:
                        known = [value for value in values[mark] if value is not None]
                        # Ordered by the database: its last value is the greatest, whatever its collation.
                        progress = {"watermark": _data(known[-1])} if known else progress
                    frame = pl.DataFrame([series_of(c, v) for c, v in zip(columns, values, strict=True)])
                    number = pl.Series(np.arange(done + 1, done + len(rows) + 1, dtype=np.int64))
                    done += len(rows)
                    yield Batch(frame, number, origin, False, progress)
        except (exc.SQLAlchemyError, OverflowError, ValueError) as error:
            raise self._mapped(error) from None
        finally:
            engine.dispose()

    def _watermark_position(self, columns: list[str]) -> int | None:
        name = self.location.watermark
        if name is None:
            return None
        if name not in columns:
            raise SourceError(
                f"there is no column '{name}' for the watermark", where=self._where, remedy=f"use one of {columns}"
            )
        return columns.index(name)

    def _engine(self) -> sa.Engine:
        try:
            url = sa.make_url(self.location.url)
            if url.drivername in ("postgresql", "postgres"):
                url = url.set(drivername="postgresql+psycopg")
            patient = {} if "connect_timeout" in url.query else {"connect_timeout": _PATIENCE}
            arguments = patient if url.drivername in _WITH_TIMEOUT else {}
            return sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
        except ModuleNotFoundError as error:
            package, extra = _EXTRAS.get(error.name or "", (error.name or "the driver", ""))
            if extra:
                raise MissingExtraError(package, extra=extra) from None
            remedy = f"pip install {package}"
            raise SourceError(f"the driver {package} is not installed", where=self._where, remedy=remedy) from None
        except (exc.ArgumentError, exc.NoSuchModuleError, ValueError):
            raise SourceError(
                "this is not a database URL",
                where=f"source '{self.source}': {masked(self.location.url)}",
                remedy="write dialect://user:password@host/database, with special characters percent-encoded",
            ) from None

    def _mapped(self, error: Exception) -> DataError:
        cause = getattr(error, "orig", None) or error
        said = without_secrets(" ".join(str(cause).split()), self.location.url)
        if isinstance(error, exc.OperationalError | exc.InterfaceError) and "no such" not in said:
            lost = SourceError(
                f"the database does not answer: {said}", where=self._where, remedy="check host, port, user and network"
            )
            lost.retryable = True
            return lost
        return SourceError(
            f"the rows cannot be read: {said}", where=self._where, remedy="check table, query and rights"
        )


_TAGS: Mapping[type, str] = {bool: "int", int: "int", float: "float", str: "str", Decimal: "decimal"}


def _data(value: object) -> list[str]:
    """A watermark as JSON."""
    if isinstance(value, dt.datetime):
        return ["datetime", value.isoformat()]
    if isinstance(value, dt.date):
        return ["date", value.isoformat()]
    if type(value) not in _TAGS:
        raise ValueError(f"a {type(value).__name__} cannot be a watermark; use a time, a number or a text")
    return [_TAGS[type(value)], str(value)]


def _value(data: list[str]) -> object:
    tag, text = data
    match tag:
        case "datetime":
            return dt.datetime.fromisoformat(text)
        case "date":
            return dt.date.fromisoformat(text)
        case "decimal":
            return Decimal(text)
        case "int":
            return int(text)
        case "float":
            return float(text)
        case _:
            return text
