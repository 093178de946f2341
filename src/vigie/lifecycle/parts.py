"""A batch run's rows, part by part, in files that are there whole or not at all: what an interrupted run continues from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import polars as pl

from vigie.data.file_lock import locked
from vigie.errors import DataError

SORTED = 2_000_000
"""Rows up to which a run is put into the order of its customers. Beyond, its rows stay in the order of its parts."""
_NAME = re.compile(r"part-(\d+)-of-(\d+)\.parquet")


class Parts:
    """The parts of one run. A context manager: inside it nobody else works at the run.

    Args:
        folder: Of the run; made when it is entered.
        run: What makes the run the one it is, as JSON data. Parts of another run in the folder are thrown away.

    Raises:
        DataError: On entering: another process is at it (``retryable``), or the disk refuses.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self.folder, self.run = folder, dict(run)
        self.count = 0
        self._whole: pl.DataFrame | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._told():
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._held.enter_context(locked(self.folder / ".lock", wait=False, create=True)) is None:
                busy = DataError(
                    "another process is making this very run", where=str(self.folder), remedy="wait until it has ended"
                )
                busy.retryable = True
                raise busy
            if read_run(self.folder) != self.run:
                self.clear()
                draft = self.folder / ".run.json"
                draft.write_text(json.dumps(self.run, sort_keys=True), "utf-8")
                draft.replace(self.folder / "run.json")
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def begun(self, count: int) -> set[int]:
        """Numbers of the parts that are there, of *count* in all."""
        self.count = count
        found = set()
        for path in self.folder.glob("part-*"):
            name = _NAME.fullmatch(path.name)
            if name is not None and int(name[2]) == count:
                found.add(int(name[1]))
            else:
                path.unlink(missing_ok=True)
        return found

    def put(self, number: int, rows: pl.DataFrame) -> None:
        """Keep a part, sorted by customer and moment where it has both.

        Raises:
            DataError: The disk refuses.
        """
        keys = [name for name in ("customer", "moment") if name in rows.columns]
        path = self._path(number)
        draft = path.with_suffix(".draft")
        with self._told():
            (rows.sort(keys) if len(keys) == 2 else rows).write_parquet(draft, compression="lz4")
            draft.replace(path)

    def rows(self) -> int:
        """Rows of all parts."""
        return sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path in self.paths())

    def paths(self) -> list[Path]:
        """The files, in the order of their numbers."""
        return [self._path(number) for number in range(self.count)]

    @property
    def in_order(self) -> bool:
        """Whether :meth:`frames` gives all rows in the order of their customers."""
        return self._whole is not None or self.rows() <= SORTED

    def frames(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows: all at once in order of customer and moment, or where there are too many part by part.

        Args:
            columns: Only these.
        """
        if self.in_order:
            if self._whole is None:
                whole = pl.concat([pl.read_parquet(path) for path in self.paths()])
                keyed = "customer" in whole.columns and "moment" in whole.columns
                self._whole = whole.sort("customer", "moment") if keyed and self.count > 1 else whole
            yield self._whole if columns is None else self._whole.select(columns)
            return
        for path in self.paths():
            yield pl.read_parquet(path, columns=columns)

    def clear(self) -> None:
        """Throw all parts away."""
        for path in self.folder.glob("part-*"):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Throw the whole run away: its rows have gone where they were to go."""
        self._whole = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}-of-{self.count:05d}.parquet"

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(
                f"the parts of the run cannot be kept: {error.strerror or error}",
                where=str(self.folder),
                remedy="free the disk, and run it again: it goes on where it ended",
            ) from error


def run_key(run: Mapping[str, Any]) -> str:
    """SHA-256 of a run's identity, 64 hex digits."""
    return hashlib.sha256(json.dumps(dict(run), sort_keys=True).encode()).hexdigest()


def read_run(folder: Path) -> dict[str, Any] | None:
    """Identity of the run in *folder*; ``None`` where there is none."""
    try:
        found = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
