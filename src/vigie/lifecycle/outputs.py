"""Where a batch run's rows go besides the lake: a CSV or Parquet file, or a table of a database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vigie.data.location import masked, without_secrets
from vigie.errors import DataError, MissingExtraError, SettingsError
from vigie.settings import secret

if TYPE_CHECKING:
    import sqlalchemy as sa

FORMATS = (".csv", ".parquet")
AT_ONCE = 10_000
"""Rows in one statement to a database."""

Frames = Callable[[], Iterable[pl.DataFrame]]
"""Gives the rows anew each time it is called."""


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file, by its ending CSV or Parquet.

    Attributes:
        path: Where.
    """

    path: Path

    def __str__(self) -> str:
        return f"file {self.path}"


@dataclass(frozen=True, slots=True)
class SqlTarget:
    """A table of a database.

    Attributes:
        url: SQLAlchemy URL, secrets resolved.
        table: Name, or ``schema.table``.
        replace: Whether the rows of earlier runs go; otherwise those of this very run alone.
    """

    url: str
    table: str
    replace: bool = False

    def __str__(self) -> str:
        return f"table {self.table} of {masked(self.url)}"


Target = FileTarget | SqlTarget


def target_of(output: str | Path | None, table: str | None, *, replace: bool, root: Path) -> Target | None:
    """What ``--output``, ``--table`` and ``--replace`` ask for.

    Args:
        output: A file, or the URL of a database; a URL may be ``env:NAME`` or ``file:PATH``.
        table: Of the database.
        replace: Whether earlier rows of the table go.
        root: Folder that a relative SQLite file starts from.

    Raises:
        SettingsError: They do not fit together.
    """
    text = "" if output is None else str(output)
    named = text.startswith(("env:", "file:"))
    if not (named or (isinstance(output, str) and "://" in text)):
        for given, option in ((table is not None, "--table"), (replace, "--replace")):
            if given:
                raise SettingsError(
                    f"{option} is for a database", remedy="give its URL: --output sqlite:///scores.db --table scores"
                )
        if output is None:
            return None
        path = Path(output)
        if path.suffix not in FORMATS:
            raise SettingsError(
                f"cannot write {path.name}",
                remedy=f"end the name in {' or '.join(FORMATS)}, or give the URL of a database",
            )
        return FileTarget(path)
    if not table:
        raise SettingsError("a database needs a table", where="--output", remedy="name it: --table scores")
    url = secret(text, root, "--output")
    prefix = "sqlite:///"
    file = url.removeprefix(prefix)
    if url.startswith(prefix) and file and not file.startswith("/") and file != ":memory:":
        url = f"{prefix}{root / file}"
    return SqlTarget(url, table, replace)


def write(target: Target, frames: Frames, run: str, key: tuple[str, ...] = ("customer", "moment")) -> None:
    """Write the rows. Killed anywhere, the target is as it was; done again, it is the same.

    Args:
        target: Where to.
        frames: The rows, at least one frame, all with the same columns.
        run: Identity of the run: kept beside every row of a database, so that the same run again replaces its own rows.
        key: Columns that a new table of a database is indexed by, where they are there.

    Raises:
        DataError: They cannot be written.
        MissingExtraError: The database's driver is not installed.
    """
    if isinstance(target, FileTarget):
        _to_file(target.path, frames)
    else:
        _to_table(target, frames, run, key)


def _to_file(output: Path, frames: Frames) -> None:
    partial = output.with_name(f".{output.name}.partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.suffix == ".csv":
            with partial.open("wb") as file:
                for number, frame in enumerate(frames()):
                    frame.write_csv(file, include_header=number == 0)
        else:
            _to_parquet(partial, frames)
        partial.replace(output)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise DataError(f"cannot write the scores: {error}", where=str(output)) from error


def _to_parquet(path: Path, frames: Frames) -> None:
    import pyarrow.parquet as pq

    writer = None
    try:
        for frame in frames():
            rows = frame.to_arrow()
            if writer is None:
                # Numbers seldom repeat: to look for it would take longer than to write them.
                words = [name for name, dtype in frame.schema.items() if dtype == pl.String]
                writer = pq.ParquetWriter(path, rows.schema, compression="zstd", use_dictionary=words)
            writer.write_table(rows.cast(writer.schema))
    finally:
        if writer is not None:
            writer.close()


def _to_table(target: SqlTarget, frames: Frames, run: str, key: tuple[str, ...]) -> None:
    import sqlalchemy as sa
    from sqlalchemy import exc

    where = masked(target.url)
    schema, _, name = target.table.rpartition(".")
    try:
        engine = sa.create_engine(target.url)
    except exc.ArgumentError:
        raise SettingsError("not a database URL", where="--output", remedy="write sqlite:///scores.db") from None
    except (exc.NoSuchModuleError, ImportError) as error:
        package = getattr(error, "name", None) or "the driver"
        if package in ("psycopg", "psycopg2"):
            raise MissingExtraError("psycopg", extra="postgres") from None
        raise SettingsError(f"no driver for {where}: {error}", where="--output", remedy=f"install {package}") from None
    try:
        with engine.begin() as connection:
            table = None
            for frame in frames():
                rows = frame.with_columns(run=pl.lit(run))
                if table is None:
                    table = _table(connection, rows, schema or None, name, key, where)
                    earlier = table.delete()
                    connection.execute(earlier if target.replace else earlier.where(table.c.run == run))
                for part in rows.iter_slices(AT_ONCE):
                    connection.execute(table.insert(), part.to_dicts())
    except exc.SQLAlchemyError as error:
        reason = without_secrets(str(getattr(error, "orig", None) or error), target.url)
        failed = DataError(
            f"the scores cannot be written: {reason}",
            where=f"table {target.table} of {where}",
            remedy="nothing of this run was kept there; run it again",
        )
        failed.retryable = isinstance(error, exc.OperationalError)
        raise failed from None
    finally:
        engine.dispose()


def _table(
    connection: sa.Connection, rows: pl.DataFrame, schema: str | None, name: str, key: tuple[str, ...], where: str
) -> sa.Table:
    """The table, made where there is none.

    Raises:
        DataError: There is one, and it lacks columns.
    """
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    columns = [sa.Column(column, _type(dtype)) for column, dtype in rows.schema.items()]
    table = sa.Table(name, sa.MetaData(), *columns, schema=schema)
    if not inspector.has_table(name, schema):
        for indexed in dict.fromkeys((*[k for k in key if k in rows.columns][:1], "run")):
            sa.Index(f"ix_{name}_{indexed}", table.c[indexed])
        table.create(connection)
        return table
    there = {str(column["name"]) for column in inspector.get_columns(name, schema)}
    missing = [column for column in rows.columns if column not in there]
    if missing:
        raise DataError(
            f"the table has no column {', '.join(missing)}",
            where=f"table {name} of {where}",
            remedy="add them, drop the table, or write to another",
        )
    return table


def _type(dtype: Any) -> Any:
    import sqlalchemy as sa

    if isinstance(dtype, pl.Datetime):
        return sa.DateTime(timezone=True)
    if dtype.is_float():
        return sa.Double()
    if dtype.is_integer():
        return sa.BigInteger()
    return sa.Boolean() if dtype == pl.Boolean else sa.Text()


def arrow_stream(frames: Iterable[pl.DataFrame]) -> Any:
    """The rows as a stream of Arrow batches: they are never all in memory. At least one frame.

    Returns:
        A ``pyarrow.RecordBatchReader``.
    """
    import pyarrow as pa

    each: Iterator[pl.DataFrame] = iter(frames)
    first = next(each).to_arrow()

    def batches() -> Iterator[Any]:
        yield from first.to_batches()
        for frame in each:
            yield from frame.to_arrow().cast(first.schema).to_batches()

    return pa.RecordBatchReader.from_batches(first.schema, batches())
