"""An online store in one SQLite file: the default. Any number of processes of one machine share it.

Runs lie in a heap in order of arrival, with an index by customer. A table keyed by customer looks neater and measures
worse: a history of 200 events is larger than what SQLite keeps in a page of such a table, so that reading it took 33 µs
instead of 7, and writing twice as long.
"""

# The only names put into statements are those of our own tables.
# ruff: noqa: S608

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from vigie.errors import StoreError
from vigie.features.online.run_store import Run

FORMAT = 1
"""Kept in the file's ``user_version``."""
_BUSY_SECONDS = 60.0
"""How long a writer waits for another process's transaction, and an erasure for a reader, before it gives up."""
_PAGE = 1_000
"""Customers listed by one query."""
_DROPPED = 20_000
"""Runs deleted by one transaction when a table is dropped: others write in between."""
_NOWHERE = -1

Result = TypeVar("Result")


class _Connection(sqlite3.Connection):
    """A connection that can be referred to weakly: those of threads that ended are closed with them."""


class _OfThread(threading.local):
    """A thread's own connection, and the process it was made in: a connection does not survive a fork."""

    connection: _Connection | None = None
    process: int = 0


class SqliteStore:
    """Runs in an SQLite file; see :class:`~vigie.features.online.run_store.RunStore`.

    It is written ahead to a log, so that readers never wait for a writer. When an append returns, a killed process
    loses nothing; a machine that loses power may lose the last appends, each as a whole and its facts with it.

    Args:
        path: The file. It and its folder are made where they are missing.
        namespace: Prefix of the tables in it; letters, digits, ``_`` and ``-``.

    Raises:
        StoreError: The file cannot be opened, is no SQLite database, or was written by a newer Vigie.
    """

    def __init__(self, path: Path | str, namespace: str = "vigie") -> None:
        self.path = Path(path)
        self._runs, self._names, self._facts, self._index = (
            f'"{namespace}_{what}"' for what in ("runs", "names", "facts", "runs_by_customer")
        )
        self._local = _OfThread()
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._guard = threading.Lock()
        # SQLite waits by sleeping ever longer; threads of one process are woken at once by a lock.
        self._writing = threading.Lock()
        self._closed = False
        self._places: dict[str, int] = {}
        self._select = f"SELECT data FROM {self._runs} WHERE place = ? AND customer = ? ORDER BY seq"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder cannot be made: {error.strerror}", where=str(self.path)) from error
        self._write(self._make)

    def append(self, runs: Iterable[Run], facts: Mapping[str, bytes] | None = None) -> None:
        """See :meth:`RunStore.append <vigie.features.online.run_store.RunStore.append>`."""
        whole = list(runs)
        if not whole and not facts:
            return

        def work(connection: _Connection) -> dict[str, int]:
            places = {table: self._made_place(connection, table) for table in {run[0] for run in whole}}
            rows = [(places[table], customer, data) for table, customer, data in whole]
            connection.executemany(f"INSERT INTO {self._runs} (place, customer, data) VALUES (?, ?, ?)", rows)
            self._set(connection, facts or {})
            return places

        self._places.update(self._write(work))

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[list[bytes]]:
        """See :meth:`RunStore.read <vigie.features.online.run_store.RunStore.read>`."""
        connection, select = self._mine(), self._select
        try:
            keys = [(self._place(connection, table), customer) for table, customer in wanted]
            if len(keys) == 1:
                return [[data for (data,) in connection.execute(select, keys[0])]]
            # One look at the file's locks for all of them, and one moment.
            connection.execute("BEGIN")
            try:
                return [[data for (data,) in connection.execute(select, key)] for key in keys]
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def replace(self, table: str, customer: str, old: Sequence[bytes], new: Sequence[bytes]) -> bool:
        """See :meth:`RunStore.replace <vigie.features.online.run_store.RunStore.replace>`."""

        def work(connection: _Connection) -> bool:
            place = self._made_place(connection, table)
            held = connection.execute(
                f"SELECT seq, data FROM {self._runs} WHERE place = ? AND customer = ? ORDER BY seq", (place, customer)
            ).fetchall()
            if [data for _, data in held[: len(old)]] != list(old):
                return False
            then: list[tuple[int | None, bytes]]
            if len(new) <= len(old):
                gone, then = held[: len(old)], [(held[i][0], data) for i, data in enumerate(new)]
            else:
                # No room before those that stay: they are written again, behind the new ones.
                gone, then = held, [(None, data) for data in (*new, *(data for _, data in held[len(old) :]))]
            connection.executemany(f"DELETE FROM {self._runs} WHERE seq = ?", [(seq,) for seq, _ in gone])
            rows = [(seq, place, customer, data) for seq, data in then]
            connection.executemany(f"INSERT INTO {self._runs} VALUES (?, ?, ?, ?)", rows)
            return True

        return self._write(work)

    def erase(self, wanted: Sequence[tuple[str, str]]) -> None:
        """See :meth:`RunStore.erase <vigie.features.online.run_store.RunStore.erase>`.

        The file is written anew, since SQLite leaves copies in the slack of its pages: seconds for each gigabyte, in
        which others can read but not write.
        """

        def work(connection: _Connection) -> None:
            rows = [(self._place(connection, table), customer) for table, customer in wanted]
            connection.executemany(f"DELETE FROM {self._runs} WHERE place = ? AND customer = ?", rows)

        self._write(work)
        # Also where there was nothing to delete: whoever erased before may have been killed before he came here.
        with self._writing:
            connection = self._open()  # one with no query under way, which VACUUM would refuse
            try:
                connection.execute("VACUUM")
                read = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise self._failed(error) from error
            finally:
                connection.close()
        if read:
            raise StoreError(
                "a reader keeps the log from being cut, and the log holds what was erased",
                where=str(self.path),
                remedy="erase again when no program reads the file for so long",
            )

    def customers(self, table: str, *, runs: int = 1) -> Iterator[str]:
        """See :meth:`RunStore.customers <vigie.features.online.run_store.RunStore.customers>`."""
        last, after = "", ">="
        while True:
            try:
                connection = self._mine()
                found = connection.execute(
                    f"SELECT customer, count(*) FROM {self._runs} INDEXED BY {self._index} "
                    f"WHERE place = ? AND customer {after} ? GROUP BY customer LIMIT {_PAGE}",
                    (self._place(connection, table), last),
                ).fetchall()
            except sqlite3.Error as error:
                raise self._failed(error) from error
            yield from (customer for customer, count in found if count >= runs)
            if len(found) < _PAGE:
                return
            last, after = found[-1][0], ">"

    def tables(self) -> list[str]:
        """See :meth:`RunStore.tables <vigie.features.online.run_store.RunStore.tables>`."""
        query = (
            f"SELECT name FROM {self._names} AS n "
            f"WHERE EXISTS (SELECT 1 FROM {self._runs} INDEXED BY {self._index} WHERE place = n.id)"
        )
        try:
            return sorted(name for (name,) in self._mine().execute(query))
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def drop(self, table: str) -> None:
        """See :meth:`RunStore.drop <vigie.features.online.run_store.RunStore.drop>`."""

        def work(connection: _Connection) -> int:
            chosen = f"SELECT seq FROM {self._runs} INDEXED BY {self._index} WHERE place = ? LIMIT {_DROPPED}"
            place = self._place(connection, table)
            return connection.execute(f"DELETE FROM {self._runs} WHERE seq IN ({chosen})", (place,)).rowcount

        while self._write(work) == _DROPPED:
            pass

    def fact(self, name: str) -> bytes | None:
        """See :meth:`RunStore.fact <vigie.features.online.run_store.RunStore.fact>`."""
        try:
            row = self._mine().execute(f"SELECT value FROM {self._facts} WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return None if row is None else bytes(row[0])

    def facts(self, prefix: str = "") -> dict[str, bytes]:
        """See :meth:`RunStore.facts <vigie.features.online.run_store.RunStore.facts>`."""
        query = f"SELECT name, value FROM {self._facts} WHERE substr(name, 1, ?) = ?"
        try:
            return dict(self._mine().execute(query, (len(prefix), prefix)))
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def set_facts(self, facts: Mapping[str, bytes | None]) -> None:
        """See :meth:`RunStore.set_facts <vigie.features.online.run_store.RunStore.set_facts>`."""
        self._write(lambda connection: self._set(connection, facts))

    def close(self) -> None:
        """See :meth:`RunStore.close <vigie.features.online.run_store.RunStore.close>`."""
        with self._guard:
            self._closed = True
            opened, self._connections = list(self._connections), weakref.WeakSet()
            self._local = _OfThread()
        with self._writing:
            for connection in opened:
                connection.close()

    # -- connections ---------------------------------------------------------------------------------------------

    def _open(self) -> _Connection:
        try:
            # Only the thread it belongs to uses it, but close() may come from another one.
            made = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            # Setting what is set already asks for no lock.
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("PRAGMA synchronous = NORMAL")
            made.execute("PRAGMA secure_delete = OFF")  # erasing writes the file anew
            made.execute("PRAGMA cache_size = -16000")
            made.execute("PRAGMA wal_autocheckpoint = 4000")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return made

    def _mine(self) -> _Connection:
        local = self._local
        if local.connection is None or local.process != os.getpid():
            made = self._open()
            with self._guard:
                if self._closed:
                    made.close()
                    raise StoreError("the store was closed", where=str(self.path))
                self._connections.add(made)
            local.connection, local.process = made, os.getpid()
        return local.connection

    def _failed(self, error: sqlite3.Error) -> StoreError:
        return StoreError(
            f"the online store cannot be used: {error}",
            where=str(self.path),
            remedy="see that the disk has room and the file is an SQLite database that may be written",
        )

    def _write(self, work: Callable[[_Connection], Result]) -> Result:
        """*work* in one transaction: all of it or nothing."""
        with self._writing:
            try:
                connection = self._mine()
                connection.execute("BEGIN IMMEDIATE")
                try:
                    done = work(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._failed(error) from error
            return done

    def _make(self, connection: _Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise StoreError(
                f"the online store has format {version}, which this version of Vigie does not know",
                where=str(self.path),
                remedy="update Vigie, or move the file away and fill another one from the lake",
            )
        for statement in (
            f"CREATE TABLE IF NOT EXISTS {self._names} (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
            f"CREATE TABLE IF NOT EXISTS {self._runs} "
            "(seq INTEGER PRIMARY KEY, place INTEGER NOT NULL, customer TEXT NOT NULL, data BLOB NOT NULL)",
            f"CREATE INDEX IF NOT EXISTS {self._index} ON {self._runs} (place, customer)",
            f"CREATE TABLE IF NOT EXISTS {self._facts} (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
            *([f"PRAGMA user_version = {FORMAT}"] if version < FORMAT else []),
        ):
            connection.execute(statement)

    # -- places: small numbers instead of the tables' names ------------------------------------------------------

    def _place(self, connection: _Connection, table: str) -> int:
        """Number of a table, or -1. Numbers are never taken back, so what a process remembers of them stays true."""
        place = self._places.get(table)
        if place is None:
            row = connection.execute(f"SELECT id FROM {self._names} WHERE name = ?", (table,)).fetchone()
            if row is None:
                return _NOWHERE
            place = int(row[0])
            if not connection.in_transaction:  # else it may be undone yet
                self._places[table] = place
        return place

    def _made_place(self, connection: _Connection, table: str) -> int:
        place = self._place(connection, table)
        if place == _NOWHERE:
            place = int(connection.execute(f"INSERT INTO {self._names} (name) VALUES (?)", (table,)).lastrowid or 0)
        return place

    def _set(self, connection: _Connection, facts: Mapping[str, bytes | None]) -> None:
        for name, value in facts.items():
            if value is None:
                connection.execute(f"DELETE FROM {self._facts} WHERE name = ?", (name,))
            else:
                connection.execute(f"INSERT OR REPLACE INTO {self._facts} VALUES (?, ?)", (name, value))
