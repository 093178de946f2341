"""The lake: one Delta table a source, readable as of any version and any moment."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from vigie.errors import DataError, did_you_mean

_METADATA = "vigie"
"""Key of our part of a commit's metadata; its value is one JSON text."""

# delta-rs drops log entries of 30 days and more by default, and with them the versions a model was trained on.
_CONFIGURATION = {"delta.enableExpiredLogCleanup": "false"}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a table.

    Attributes:
        version: Its number, from 0.
        moment: When it was made: µs since 1970-01-01 UTC on the writer's clock. Never goes down from version to version.
        rows: Rows that it added; 0 where it rewrote what was there.
        metadata: What the writer gave.
    """

    version: int
    moment: int
    rows: int
    metadata: Mapping[str, Any]


class Lake:
    """Versioned tables in a folder.

    Args:
        root: The folder; ``root/<source>/`` is a Delta table, ``root/_quarantine/<source>/`` its quarantine. It is made
            at the first write.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._known: dict[str, list[Version]] = {}

    def path(self, name: str) -> Path:
        """Folder of a table."""
        return self.root / name

    def names(self) -> list[str]:
        """The tables, sorted; quarantine tables are not among them."""
        if not self.root.is_dir():
            return []
        return sorted(log.parent.name for log in self.root.glob("*/_delta_log") if not log.parent.name.startswith("_"))

    def has(self, name: str) -> bool:
        """Whether there is such a table."""
        return DeltaTable.is_deltatable(str(self.path(name)))

    def version(self, name: str) -> int:
        """The newest version.

        Raises:
            DataError: There is no such table.
        """
        return int(self.table(name).version())

    def version_at(self, name: str, as_of: int) -> int | None:
        """The version that a reader at moment *as_of* would have seen; ``None`` before the first.

        Raises:
            DataError: There is no such table.
        """
        return max((v.version for v in self.versions(name) if v.moment <= as_of), default=None)

    def versions(self, name: str) -> list[Version]:
        """All versions, oldest first.

        Raises:
            DataError: There is no such table.
        """
        table = self.table(name)
        known = self._known.setdefault(name, [])
        missing = int(table.version()) + 1 - len(known)
        if missing < 0:  # the folder was deleted and made again
            known.clear()
            missing = int(table.version()) + 1
        if missing:
            moment = known[-1].moment if known else 0
            for commit in sorted(table.history(missing), key=lambda commit: int(commit["version"])):
                said = json.loads(commit.get(_METADATA) or "{}")
                # Maintenance commits carry no moment of ours: they belong to what they tidied.
                moment = max(moment, int(said.get("moment", moment)))
                added = commit.get("operationParameters", {}).get("mode") != "Overwrite" and bool(said)
                rows = int(commit.get("operationMetrics", {}).get("num_added_rows", 0)) if added else 0
                known.append(Version(int(commit["version"]), moment, rows, said.get("metadata", {})))
        return list(known)

    def scan(
        self, name: str, *, version: int | None = None, as_of: int | None = None, columns: Sequence[str] | None = None
    ) -> pl.LazyFrame:
        """The rows of a table, with the lake's own columns, lazily.

        A ``Table`` without ``known_at`` has the rows of all its ingests: take :func:`latest_rows`. Events may hold an
        event twice where removing it was not cheap: take :func:`distinct_events`.

        Args:
            name: The table.
            version: This version instead of the newest.
            as_of: The version seen at this moment (µs since 1970-01-01 UTC); no rows before the first.
            columns: Only these.

        Raises:
            DataError: There is no such table, version or column, or both *version* and *as_of* are given.
        """
        if version is not None and as_of is not None:
            raise DataError("version and as_of exclude each other", where=f"lake table '{name}'")
        nothing = False
        if as_of is not None:
            version = self.version_at(name, as_of)
            nothing = version is None
        frame = _scanned(self.table(name, version))
        if columns is not None:
            there = frame.collect_schema().names()
            for column in columns:
                if column not in there:
                    raise DataError(
                        f"no column {column!r}", where=f"lake table '{name}'", remedy=did_you_mean(column, there)
                    )
            frame = frame.select(columns)
        return frame.clear() if nothing else frame

    def append(
        self,
        name: str,
        frame: pa.Table | pa.RecordBatchReader | pl.DataFrame,
        *,
        transaction: tuple[str, int] | Sequence[tuple[str, int]] | None = None,
        metadata: Mapping[str, Any] | None = None,
        moment: int,
        partition_by: Sequence[str] = (),
    ) -> int:
        """Add rows in one atomic commit: after a crash either all of it is there, metadata included, or nothing is.

        Args:
            name: The table; it is made at the first write, and widened by columns it does not have.
            frame: The rows, or a stream of them; none is a version too.
            transaction: Who writes and a number that goes up with each of its commits; or several of them, where one
                commit is for several writers. The same number twice fails, so two at the same time cannot both succeed.
            metadata: JSON data kept with the version.
            moment: Now, µs since 1970-01-01 UTC.
            partition_by: Columns by whose values the files of a new table are divided.

        Returns:
            The new version.

        Raises:
            DataError: Another writer was faster (``retryable``), the columns do not fit, or the disk refuses.
        """
        return self._write(name, frame, "append", _several(transaction), metadata, moment, partition_by)

    def replace(
        self,
        name: str,
        frame: pa.Table | pl.DataFrame,
        *,
        transaction: tuple[str, int] | None = None,
        metadata: Mapping[str, Any] | None = None,
        moment: int,
    ) -> int:
        """Like :meth:`append`, but the new version holds these rows only. Earlier versions stay readable."""
        return self._write(name, frame, "overwrite", _several(transaction), metadata, moment)

    def _write(
        self,
        name: str,
        frame: pa.Table | pa.RecordBatchReader | pl.DataFrame,
        mode: Literal["append", "overwrite"],
        transactions: Sequence[tuple[str, int]],
        metadata: Mapping[str, Any] | None,
        moment: int,
        partition_by: Sequence[str] = (),
    ) -> int:
        path, data = str(self.path(name)), frame.to_arrow() if isinstance(frame, pl.DataFrame) else frame
        where = f"lake table '{name}'"
        said = json.dumps({"moment": moment, "metadata": dict(metadata or {})}, ensure_ascii=False, allow_nan=False)
        properties = CommitProperties(
            custom_metadata={_METADATA: said},
            app_transactions=[Transaction(*one) for one in transactions] or None,
        )
        table = None
        try:
            table = DeltaTable(path) if self.has(name) else None
            if table is not None:
                for writer, number in transactions:
                    done = table.transaction_version(writer)
                    if done is not None and done >= number:
                        raise _conflict(where)
            if table is None:
                write_deltalake(
                    path,
                    data,
                    mode="error",
                    partition_by=list(partition_by) or None,
                    configuration=_CONFIGURATION,
                    commit_properties=properties,
                )
                return 0
            if mode == "append":
                write_deltalake(table, data, mode="append", schema_mode="merge", commit_properties=properties)
            else:
                write_deltalake(table, data, mode="overwrite", schema_mode="overwrite", commit_properties=properties)
            return int(table.version())
        except CommitFailedError as error:
            raise _conflict(where) from error
        except (DeltaError, OSError) as error:
            if table is None and self.has(name):  # another writer made it meanwhile
                raise _conflict(where) from error
            raise DataError(f"the rows could not be written: {error}", where=where) from error
        except Exception as error:
            if type(error) is not Exception:
                raise
            if self.has(name) and table is None:
                raise _conflict(where) from error
            raise DataError(
                f"the rows do not fit the table: {error}",
                where=where,
                remedy="a column changed its kind: rename it in the source, or move the old table away and ingest again",
            ) from error

    def transaction(self, name: str, writer: str) -> int:
        """Number of the last commit of *writer*; 0 where it has none or there is no table."""
        return int(self.table(name).transaction_version(writer) or 0) if self.has(name) else 0

    def table(self, name: str, version: int | None = None) -> DeltaTable:
        """The Delta table itself, for what this class does not offer.

        Raises:
            DataError: There is no such table or version.
        """
        try:
            return DeltaTable(str(self.path(name)), version=version)
        except TableNotFoundError:
            remedy = did_you_mean(name, self.names()) if self.names() else "ingest a source first"
            raise DataError(f"there is no table '{name}'", where=f"lake {self.root}", remedy=remedy) from None
        except DeltaError as error:
            what = f"version {version} cannot be read" if version is not None else "the table cannot be read"
            raise DataError(f"{what}: {error}", where=f"lake table '{name}'") from error


def _scanned(table: DeltaTable) -> pl.LazyFrame:
    uris = table.file_uris()
    if not any("%" in uri for uri in uris):
        return pl.scan_delta(table)
    # Delta's log writes a blank or an accent in a path as %20, and Polars looks for a file that is called so.
    nothing = pl.DataFrame(pa.schema(table.schema().to_arrow()).empty_table())
    paths = [urllib.parse.unquote(uri.removeprefix("file://")) for uri in uris]
    return pl.scan_parquet(
        paths,
        schema=nothing.schema,
        glob=False,
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
    )


def latest_rows(rows: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """The row of each key that arrived last, for a ``Table`` without ``known_at``.

    ``(_batch, _row)`` is the order of arrival: batch numbers grow with every commit.
    """
    return rows.sort("_batch", "_row").unique(subset=key, keep="last", maintain_order=True)


def distinct_events(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Each event once, by ``_id``; what arrived first stays."""
    return rows.sort("_batch", "_row").unique(subset="_id", keep="first", maintain_order=True)


def _several(transaction: tuple[str, int] | Sequence[tuple[str, int]] | None) -> list[tuple[str, int]]:
    match transaction:
        case None:
            return []
        case (str() as writer, int() as number):
            return [(writer, number)]
    return list(transaction)


def _conflict(where: str) -> DataError:
    error = DataError(
        "another ingest wrote at the same time; nothing of this commit was kept",
        where=where,
        remedy="run it again: it goes on where the other one ended",
    )
    error.retryable = True
    return error
