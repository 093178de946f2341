"""The ledger in an SQLite file: for the processes of one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vigie.errors import JournalError
from vigie.journal.ledger import Ledger

_BUSY_SECONDS = 10.0


class SqliteLedger(Ledger):
    """A ledger in an SQLite file that is written ahead to a log: readers never wait for a writer.

    Args:
        path: The file. It and its folder are made where they are missing.

    Raises:
        JournalError: The file cannot be opened or is no SQLite database.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._seen = -1
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"the folder cannot be made: {error.strerror}", where=str(self.path)) from error
        self.where = str(self.path)
        try:
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A promotion is worth waiting for the disk.
            self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise self.failed(error) from error
        super().__init__(str(self.path))

    def _execute(self, statement: str, values: Sequence[object]) -> tuple[list[tuple[Any, ...]], int]:
        try:
            cursor = self._connection.execute(statement, tuple(values))
            return cursor.fetchall(), cursor.rowcount
        except sqlite3.Error as error:
            raise self.failed(error) from error

    def changed(self) -> bool:
        """Asks SQLite for its count of other connections' commits: some microseconds, and no row is read."""
        with self._lock:
            rows, _ = self._execute("PRAGMA data_version", ())
            version = int(rows[0][0])
            different = version != self._seen or self._wrote  # SQLite counts the commits of others alone
            self._seen, self._wrote = version, False
            return different

    def close(self) -> None:
        """See :meth:`Ledger.close <vigie.journal.ledger.Ledger.close>`."""
        with self._lock:
            self._connection.close()
