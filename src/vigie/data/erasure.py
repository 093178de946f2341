"""Takes rows out of a Delta table for good: out of its newest version, its older ones, and its log.

Deleting leaves the rows in older files, and the log tells the least and the greatest value of each column of each file it
ever named. So files that hold such a row and belong to older versions alone are removed, after which those versions
cannot be read any more, and the log forgets the statistics of files that are gone. What ingests remember in the log (how
far they read) stays.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties
from deltalake.exceptions import CommitFailedError, DeltaError

from vigie.data.lake import Lake
from vigie.errors import DataError

_TRIES = 10
_BEING_WRITTEN = 600_000_000
"""µs for which a file that no version names may be one that a writer is about to name."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """Which rows.

    Attributes:
        column: A column by whose values they are named.
        find: Its values in those of some rows that are wanted.
    """

    column: str
    find: Callable[[pl.LazyFrame], pl.Series]


@dataclass(frozen=True)
class Found:
    """What of a table is to go, or is gone.

    Attributes:
        rows: Rows in the newest version.
        older: Files of older versions with such rows: these versions cannot be read afterwards.
        left: Files with such rows that a writer may be at; look again later.
        before: Version that was the newest.
        version: Version that is the newest now.
    """

    rows: int = 0
    older: int = 0
    left: int = 0
    before: int = -1
    version: int = -1


def by_key(column: str, customers: Collection[str]) -> Wanted:
    """Rows whose *column* is one of *customers*, keys as text: 17.0 is "17"."""
    keys = pl.Series(sorted(customers), dtype=pl.String)

    def find(rows: pl.LazyFrame) -> pl.Series:
        schema = rows.collect_schema()
        if column not in schema:
            return pl.Series(column, [], dtype=pl.String)
        chosen = rows.select(column).filter(_text(column, schema[column]).is_in(keys.implode()))
        return chosen.collect(engine="streaming")[column]

    return Wanted(column, find)


def survey(lake: Lake, name: str, wanted: Wanted) -> Found:
    """What :func:`erase_rows` would remove of table *name*; there may be no such table.

    Raises:
        DataError: It cannot be read.
    """
    if not lake.has(name):
        return Found()
    live, older = _files(lake, name)
    rows = sum(len(_of(path, wanted)) for path in live)
    version = lake.version(name)
    return Found(rows, sum(_holds(path, wanted) for path in older), 0, version, version)


def erase_rows(lake: Lake, name: str, wanted: Wanted, *, moment: int) -> Found:
    """Remove rows of table *name* for good. Can be killed anywhere, and run again.

    Args:
        lake: Where the table is; there may be none.
        name: Its name.
        wanted: Which rows.
        moment: Now, µs since 1970-01-01 UTC.

    Raises:
        DataError: The table cannot be read or written, or other writers were faster again and again (``retryable``).
    """
    if not lake.has(name):
        return Found()
    before, after, rows = _delete(lake, name, wanted, moment)
    _, candidates = _files(lake, name)
    named = set(_named(lake.path(name)))
    older = left = 0
    for path in candidates:
        if not _holds(path, wanted):
            continue
        if path.name not in named and moment - path.stat().st_mtime_ns // 1000 < _BEING_WRITTEN:
            left += 1
            continue
        path.unlink(missing_ok=True)
        older += 1
    _tidy_log(lake, name, moment)
    found = Found(rows, older, left, before, after)
    if rows or older:
        log.info("%s: %d rows and %d files of older versions removed for good", name, rows, older)
    return found


def _delete(lake: Lake, name: str, wanted: Wanted, moment: int) -> tuple[int, int, int]:
    """Delete from the newest version; the version before and after, and how many rows went."""
    for attempt in range(_TRIES):
        table = lake.table(name)
        before = int(table.version())
        values = pl.concat([_of(path, wanted) for path in _files(lake, name)[0]] or [pl.Series([], dtype=pl.String)])
        if values.is_empty():
            return before, before, 0
        said = json.dumps({"moment": max(moment, lake.versions(name)[-1].moment), "metadata": {"erased": len(values)}})
        column = wanted.column.replace('"', '""')
        try:
            table.delete(
                f'"{column}" IN ({", ".join(map(_literal, values.unique().to_list()))})',
                commit_properties=CommitProperties(custom_metadata={"vigie": said}),
            )
            return before, int(table.version()), len(values)
        except CommitFailedError as error:
            if attempt == _TRIES - 1:
                failed = DataError("others wrote to the table at the same time", where=name, remedy="run it again")
                failed.retryable = True
                raise failed from error
        except (DeltaError, OSError) as error:
            raise DataError(f"rows cannot be deleted: {error}", where=f"lake table '{name}'") from error
    raise AssertionError("unreachable")  # pragma: no cover


def _literal(value: object) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def _text(column: str, dtype: pl.DataType) -> pl.Expr:
    key = pl.col(column)
    if dtype.is_float():
        whole = key.cast(pl.Int64, strict=False)
        return pl.when(whole == key).then(whole.cast(pl.String)).otherwise(key.cast(pl.String))
    return key.cast(pl.String)


def _of(path: Path, wanted: Wanted) -> pl.Series:
    try:
        return wanted.find(pl.scan_parquet(path))
    except FileNotFoundError:
        return pl.Series(wanted.column, [], dtype=pl.String)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error


def _holds(path: Path, wanted: Wanted) -> bool:
    """Whether a file of no live version is to go. One that was never ended might hold anything, and nobody reads it."""
    try:
        return len(_of(path, wanted)) > 0
    except DataError:
        return True


def _files(lake: Lake, name: str) -> tuple[list[Path], list[Path]]:
    """Data files of the newest version, and all others in the folder."""
    live = {Path(uri).resolve() for uri in lake.table(name).file_uris()}
    there = [path.resolve() for path in sorted(lake.path(name).rglob("*.parquet")) if "_delta_log" not in path.parts]
    return [path for path in there if path in live], [path for path in there if path not in live]


def _commits(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "_delta_log").glob("*.json") if path.stem.isdigit())


def _actions(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if not line.isspace())


def _named(folder: Path) -> Iterator[str]:
    """Names of all files that any version ever had."""
    for path in _commits(folder):
        yield from (Path(action["add"]["path"]).name for action in _actions(path) if "add" in action)


def _tidy_log(lake: Lake, name: str, moment: int) -> None:
    """Make the log forget what it says of files that are gone, and who was deleted."""
    folder = lake.path(name)
    there = {path.name for path in folder.rglob("*.parquet")}
    for path in _commits(folder):
        actions = list(_actions(path))
        if any(_tidied(action, there) for action in actions):
            _rewrite(path, actions)
    checkpoints = list((folder / "_delta_log").glob("*.checkpoint*.parquet"))
    if checkpoints:
        table = lake.table(name)
        table.create_checkpoint()
        for path in checkpoints:
            if not path.name.startswith(f"{table.version():020d}."):
                path.unlink(missing_ok=True)
    for path in (folder / "_delta_log").glob("*.tmp"):  # of writers that were killed
        with contextlib.suppress(FileNotFoundError):
            if moment - path.stat().st_mtime_ns // 1000 >= _BEING_WRITTEN:
                path.unlink()


def _tidied(action: dict[str, Any], there: set[str]) -> bool:
    """Take out of *action* what must be forgotten; whether there was something."""
    file = action.get("add") or action.get("remove") or {}
    changed = False
    if file.get("stats") is not None and Path(file["path"]).name not in there:
        file["stats"], changed = None, True
    parameters = action.get("commitInfo", {}).get("operationParameters", {})
    if action.get("commitInfo", {}).get("operation") == "DELETE" and parameters.get("predicate"):
        parameters["predicate"], changed = "", True
    return changed


def _rewrite(path: Path, actions: Iterable[dict[str, Any]]) -> None:
    status, partial = path.stat(), path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(action, ensure_ascii=False, separators=(",", ":")) + "\n" for action in actions)
        file.flush()
        os.fsync(file.fileno())
    # Readers tell the moment of a version by the time of its file.
    os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
    partial.replace(path)
