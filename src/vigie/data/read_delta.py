"""Reads a Delta table version by version: only the files that came since the version that is done."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, FileSystem, PyFileSystem

from vigie.data.batch import Batch, ColumnNames, Progress
from vigie.data.codes import finding
from vigie.data.location import DeltaLocation
from vigie.errors import SourceError
from vigie.findings import Finding

_ROWS = 100_000
_VERSION = re.compile(r"(\d{20})\.(?:json|checkpoint\b.*)\Z")
_FEATURES = frozenset({"deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"})
"""What a table may ask of its readers. Others, such as column mapping and type widening, change how files are read."""


@dataclass(frozen=True, slots=True)
class _State:
    """Which table it is, by the id it was given when it was made, and a version of it."""

    table: str
    version: int


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    partition: Mapping[str, Any]

    @property
    def mark(self) -> str:
        """Names the file in the progress: data files never change, so what was read of one stays read."""
        return hashlib.blake2b(self.path.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be read: files, and what is done once they are."""

    files: Sequence[_File]
    done: _State


class DeltaReader:
    """Reads the data files that a Delta table got since the version that is done, each once.

    Files that only rearrange rows (OPTIMIZE, Z-ORDER) hold nothing new and are passed over. Where a version deleted or
    rewrote rows, the files it wrote are read, and the ingest drops the rows of them that the lake has. Rows that are in
    the lake stay there. Rows that deletion vectors mark as deleted are not read.

    Args:
        location: The table.
        source: Name of the source, for messages.
    """

    def __init__(self, location: DeltaLocation, source: str) -> None:
        self.location, self.source = location, source
        self.findings: list[Finding] = []
        self._names = ColumnNames()
        self._where = f"source '{source}': {location.place()}"
        self._origin = location.path.rstrip("/").rpartition("/")[2] or location.path

    def newest(self) -> dict[str, int]:
        """The newest version, and size in bytes and time of change in ns of its log entry.

        Those tell a table that was made again. From a listing of the log: opening the table would read it.

        Raises:
            SourceError: There is no such table, or it cannot be reached.
        """
        try:
            files = PyFileSystem(DeltaStorageHandler(self.location.path))
            entries = files.get_file_info(FileSelector("_delta_log", allow_not_found=True))
        except TableNotFoundError:
            raise self._missing() from None
        except (DeltaError, OSError) as error:
            raise self._lost(error) from error
        versions = {int(found[1]): info for info in entries if (found := _VERSION.match(info.base_name))}
        if not versions:
            raise self._missing()
        version = max(versions)
        return {"version": version, "size": int(versions[version].size), "mtime": int(versions[version].mtime_ns or 0)}

    def sample(self, rows: int) -> Batch | None:
        """Rows from the beginning of the first, the middle and the last file."""
        table = self._table()
        files = self._active(table)
        chosen = [files[i] for i in sorted({0, len(files) // 2, len(files) - 1})] if files else []
        frames: list[pl.DataFrame] = []
        for file in chosen:
            wanted = -(-rows // len(chosen))
            for frame, _, _ in self._rows(table, file, 0, self._deleted(table)):
                frames.append(frame.head(wanted))
                wanted -= len(frame)
                if wanted <= 0:
                    break
        if not frames:
            return None
        frame = pl.concat(frames, how="diagonal_relaxed")
        return Batch(frame, pl.Series(np.arange(1, len(frame) + 1)), self._origin, False, {})

    def read(self, progress: Progress) -> Iterator[Batch]:
        """The rows of the files that are not done, in the order in which the files came."""
        before = progress.get("delta", {})
        table = self._table()
        plan = self._plan(table, before)
        behind = set(before.get("done", ()))
        current = before.get("file")
        deleted = self._deleted(table)
        number = 0
        base = {"table": plan.done.table, "version": before.get("version") if self._same(before, plan) else None}
        todo = [file for file in plan.files if file.mark not in behind]
        for position, file in enumerate(todo):
            skip = int(before.get("rows", 0)) if file.mark == current else 0
            for frame, consumed, total in self._rows(table, file, skip, deleted):
                ended = consumed >= total
                if ended:
                    behind.add(file.mark)
                said = {**base, "done": sorted(behind)}
                said |= {} if ended else {"file": file.mark, "rows": consumed}
                rows = pl.Series(np.arange(number + 1, number + len(frame) + 1, dtype=np.int64))
                number += len(frame)
                share = (position + consumed / max(total, 1)) / len(todo)
                yield Batch(frame, rows, self._origin, False, {"delta": said}, share=share)
        last = {"table": plan.done.table, "version": plan.done.version}
        if last != before:
            yield Batch(pl.DataFrame(), pl.Series([], dtype=pl.Int64), self._origin, False, {"delta": last}, share=1.0)
        if self._names.renamed:
            said_names = ", ".join(f"{old} → {new}" for old, new in self._names.renamed.items())
            self.findings.append(finding("VGD014", self.source, f"names empty, repeated or reserved: {said_names}"))

    # -- what there is -------------------------------------------------------------------------------------------------

    def _table(self) -> DeltaTable:
        try:
            table = DeltaTable(self.location.path)
        except TableNotFoundError:
            raise self._missing() from None
        except (DeltaError, OSError) as error:
            raise self._lost(error) from error
        self._check(table)
        return table

    def _missing(self) -> SourceError:
        return SourceError(
            "there is no Delta table", where=self._where, remedy="check the path: it holds a folder _delta_log"
        )

    def _lost(self, error: Exception) -> SourceError:
        lost = SourceError(f"the table cannot be read: {error}", where=self._where, remedy="check path and rights")
        lost.retryable = True
        return lost

    def _check(self, table: DeltaTable) -> None:
        mode = table.metadata().configuration.get("delta.columnMapping.mode", "none")
        asked = set(table.protocol().reader_features or ()) | ({"columnMapping"} if mode != "none" else set())
        unknown = sorted(asked - _FEATURES)
        if unknown:
            raise SourceError(
                f"the table uses {', '.join(unknown)}, which is not read here",
                where=self._where,
                remedy="write a copy of the table without it (CREATE TABLE … AS SELECT), or export Parquet files",
            )

    @staticmethod
    def _state(table: DeltaTable) -> _State:
        return _State(str(table.metadata().id), int(table.version()))

    @staticmethod
    def _same(before: Mapping[str, Any], plan: _Plan) -> bool:
        return before.get("table") == plan.done.table and (before.get("version") or 0) <= plan.done.version

    def _plan(self, table: DeltaTable, before: Mapping[str, Any]) -> _Plan:
        now = self._state(table)
        plan = _Plan((), now)
        done = before.get("version")
        if before and not self._same(before, plan):
            said = f"the table was made again: version {now.version} of another table than the one read before"
            self.findings.append(finding("VGD021", self._where, said))
            return _Plan(self._active(table), now)
        if done is None:
            return _Plan(self._active(table), now)
        commits = self._commits(table, int(done), now.version)
        if commits is None:
            said = f"the log of version {done + 1} is gone; the whole table was read again"
            self.findings.append(finding("VGD021", self._where, said))
            return _Plan(self._active(table), now)
        return _Plan(self._since(table, commits), now)

    def _since(self, table: DeltaTable, commits: Mapping[int, Sequence[Mapping[str, Any]]]) -> Sequence[_File]:
        """The files of *commits* with new or rewritten rows, as far as the newest version still has them."""
        added: dict[str, None] = {}
        rewrote: list[str] = []
        for version, actions in commits.items():
            for action in actions:
                if "add" in action and action["add"].get("dataChange", True):
                    added.pop(path := urllib.parse.unquote(action["add"]["path"]), None)
                    added[path] = None
            if any(a["remove"].get("dataChange", True) for a in actions if "remove" in a):
                what = next((a["commitInfo"].get("operation") for a in actions if "commitInfo" in a), None)
                rewrote.append(f"{version} ({what or 'unknown operation'})")
        if rewrote:
            said = f"rows were deleted or changed by version {', '.join(rewrote[:5])}{' …' * (len(rewrote) > 5)}"
            self.findings.append(finding("VGD020", self._where, said))
        there = {file.path: file for file in self._active(table)} if added else {}
        return [there[path] for path in added if path in there]

    def _active(self, table: DeltaTable) -> list[_File]:
        """The files of the newest version, in the order in which they came."""
        actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        actions.sort(key=lambda action: (action["modification_time"], action["path"]))
        names = table.metadata().partition_columns
        return [
            _File(urllib.parse.unquote(action["path"]), {name: action[f"partition.{name}"] for name in names})
            for action in actions
        ]

    def _commits(self, table: DeltaTable, done: int, last: int) -> dict[int, list[dict[str, Any]]] | None:
        """The actions of the versions after *done*; ``None`` where the log of one was cleaned up."""
        files = self._files(table)
        found: dict[int, list[dict[str, Any]]] = {}
        for version in range(done + 1, last + 1):
            try:
                with files.open_input_stream(f"_delta_log/{version:020d}.json") as stream:
                    found[version] = [json.loads(line) for line in stream.read().splitlines() if line.strip()]
            except (OSError, ValueError):
                return None
        return found

    @staticmethod
    def _files(table: DeltaTable) -> FileSystem:
        return PyFileSystem(DeltaStorageHandler.from_table(table._table))

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _deleted(self, table: DeltaTable) -> Mapping[str, Any]:
        """Rows kept of the files that have a deletion vector: a boolean mask by path."""
        if "deletionVectors" not in (table.protocol().reader_features or ()):
            return {}
        root = table.table_uri.rstrip("/") + "/"
        vectors = pa.table(table.deletion_vectors())
        paths = [urllib.parse.unquote(str(uri).removeprefix(root)) for uri in vectors["filepath"].to_pylist()]
        return {
            path: np.array(mask, dtype=bool)
            for path, mask in zip(paths, vectors["selection_vector"].to_pylist(), strict=True)
        }

    def _rows(
        self, table: DeltaTable, file: _File, skip: int, deleted: Mapping[str, Any]
    ) -> Iterator[tuple[pl.DataFrame, int, int]]:
        """Rows of one file after the first *skip*, how far reading got, and how many rows the file has."""
        mask, done = deleted.get(file.path), 0
        wanted = [field.name for field in table.schema().fields]
        types = {field.name: field.type for field in pa.schema(table.schema().to_arrow())}
        try:
            with pq.ParquetFile(self._files(table).open_input_file(file.path)) as parquet:
                total = parquet.metadata.num_rows
                if total == 0:
                    yield pl.DataFrame(), 0, 0
                for batch in parquet.iter_batches(batch_size=_ROWS, use_threads=False):
                    start, done = done, done + batch.num_rows
                    if done <= skip:
                        continue
                    rows = pa.Table.from_batches([batch])
                    for name, value in file.partition.items():
                        rows = rows.append_column(name, pa.array([value] * len(rows), type=types[name]))
                    rows = rows.select([name for name in wanted if name in rows.column_names])
                    names = self._names.of(rows.column_names)
                    frame = pl.DataFrame(pl.from_arrow(rows.rename_columns(names)))[max(0, skip - start) :]
                    if mask is not None:
                        # A vector ends with its last deleted row: all rows behind it are kept.
                        kept = np.ones(batch.num_rows, dtype=bool)
                        said = mask[start:done]
                        kept[: len(said)] = said
                        frame = frame.filter(pl.Series(kept[max(0, skip - start) :]))
                    yield frame, done, total
        except (pa.ArrowException, DeltaError, OSError, EOFError) as error:
            lost = SourceError(
                f"a data file of the table cannot be read: {error}",
                where=f"{self._where}/{file.path}",
                remedy="run the ingest again: the file may have been vacuumed while it was read",
            )
            lost.retryable = True
            raise lost from error
