"""An online store in PostgreSQL: where one is run anyway, and backed up, replicated and watched by those who know how.

Three tables under the namespace. Appends follow one another: each waits for the one before to be committed, so that what
was read stays the beginning of what is read later. Customers are found by 16 bytes of BLAKE2b of their key: an index of
PostgreSQL takes no key of 10 kB.
"""

# The only names put into statements are those of our own tables.
# ruff: noqa: S608

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from vigie.errors import MissingExtraError, StoreError
from vigie.features.online.run_store import Run
from vigie.features.online.store_errors import place_of, store_error

if TYPE_CHECKING:
    from psycopg import Connection

_PAGE = 1_000
_DROPPED = 20_000
"""Runs deleted by one transaction when a table is dropped: others write in between."""

Result = TypeVar("Result")


class PostgresStore:
    """Runs in PostgreSQL 12 or later; see :class:`~vigie.features.online.run_store.RunStore`.

    Args:
        url: ``postgresql://user:password@host:port/database``, with options of libpq behind a ``?``.
        namespace: Prefix of the tables; letters, digits, ``_`` and ``-``.

    Raises:
        MissingExtraError: psycopg is not installed.
        StoreError: The server cannot be reached, or the tables cannot be made.
    """

    def __init__(self, url: str, namespace: str = "vigie") -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError("psycopg", extra="postgres") from error

        self._connect = psycopg.connect
        self._error: type[Exception] = psycopg.Error
        self._url = url
        self._runs, self._names, self._facts = (f'"{namespace}_{what}"' for what in ("runs", "names", "facts"))
        lock = int.from_bytes(hashlib.blake2b(f"vigie {namespace}".encode(), digest_size=8).digest(), signed=True)
        self._begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({lock})"
        self._idle: deque[Connection[Any]] = deque()
        self._process = os.getpid()
        self._closed = False
        self._places: dict[str, int] = {}
        self._changed(self._make)

    # -- connections ---------------------------------------------------------------------------------------------

    def _taken(self) -> Connection[Any]:
        if self._closed:
            raise StoreError("the store was closed", where=place_of(self._url))
        if self._process != os.getpid():  # a connection does not survive a fork
            self._process, self._idle = os.getpid(), deque()
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect(self._url, autocommit=True, connect_timeout=10, application_name="vigie")

    def _given_back(self, connection: Connection[Any]) -> None:
        from psycopg.pq import TransactionStatus

        if connection.closed or self._closed or connection.info.transaction_status != TransactionStatus.IDLE:
            connection.close()
        else:
            self._idle.append(connection)

    def _asked(self, work: Callable[[Connection[Any]], Result], *, again: bool = True) -> Result:
        """*work*, which changes nothing, and is done once more where the connection turns out to be broken."""
        try:
            connection = self._taken()
            try:
                return work(connection)
            except self._error:
                if not (connection.closed and again):
                    raise
            finally:
                self._given_back(connection)
        except self._error as error:
            raise store_error(error, self._url) from None
        self._drop_idle()
        return self._asked(work, again=False)

    def _changed(self, work: Callable[[Connection[Any]], Result], *, again: bool = True) -> Result:
        """*work* in one transaction, one at a time of all processes."""
        try:
            connection = self._taken()
            try:
                try:
                    connection.execute(self._begin)
                except self._error:
                    if not (connection.closed and again):
                        raise
                else:
                    try:
                        done = work(connection)
                        connection.execute("COMMIT")
                    except BaseException:
                        if not connection.closed:
                            connection.execute("ROLLBACK")
                        raise
                    return done
            finally:
                self._given_back(connection)
        except self._error as error:
            raise store_error(error, self._url) from None
        # The connection was broken before anything was asked of it: a new one may not be.
        self._drop_idle()
        return self._changed(work, again=False)

    def _drop_idle(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def _make(self, connection: Connection[Any]) -> None:
        for statement in (
            f"CREATE TABLE IF NOT EXISTS {self._names} (id serial PRIMARY KEY, name text NOT NULL UNIQUE)",
            f"CREATE TABLE IF NOT EXISTS {self._runs} (place integer NOT NULL, digest bytea NOT NULL, "
            "seq bigint GENERATED BY DEFAULT AS IDENTITY, customer bytea NOT NULL, data bytea NOT NULL, "
            "PRIMARY KEY (place, digest, seq))",
            # Runs are packed already: trying to compress them costs time alone.
            f"ALTER TABLE {self._runs} ALTER COLUMN data SET STORAGE EXTERNAL",
            f"CREATE TABLE IF NOT EXISTS {self._facts} (name text PRIMARY KEY, value bytea NOT NULL)",
        ):
            if statement.startswith("CREATE") or self._is_new(connection):
                connection.execute(statement)

    def _is_new(self, connection: Connection[Any]) -> bool:
        # Altering locks the table, so it is done once.
        query = "SELECT attstorage FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'data'"
        row = connection.execute(query, (self._runs,)).fetchone()
        return row is not None and row[0] not in ("e", b"e")

    # -- places: small numbers instead of the tables' names ------------------------------------------------------

    def _place(self, connection: Connection[Any], table: str) -> int:
        """Number of a table, or -1. Numbers are never taken back, so what a process remembers of them stays true."""
        place = self._places.get(table)
        if place is None:
            row = connection.execute(f"SELECT id FROM {self._names} WHERE name = %s", (table,)).fetchone()
            if row is None:
                return -1
            place = int(row[0])
            if connection.info.transaction_status.name == "IDLE":  # else it may be undone yet
                self._places[table] = place
        return place

    def _made_place(self, connection: Connection[Any], table: str) -> int:
        place = self._place(connection, table)
        if place == -1:
            row = connection.execute(f"INSERT INTO {self._names} (name) VALUES (%s) RETURNING id", (table,)).fetchone()
            assert row is not None
            place = int(row[0])
        return place

    # -- the protocol --------------------------------------------------------------------------------------------

    def append(self, runs: Iterable[Run], facts: Mapping[str, bytes] | None = None) -> None:
        """See :meth:`RunStore.append <vigie.features.online.run_store.RunStore.append>`."""
        whole = list(runs)
        if not whole and not facts:
            return

        def work(connection: Connection[Any]) -> dict[str, int]:
            places = {table: self._made_place(connection, table) for table in {run[0] for run in whole}}
            self._insert(connection, [(places[table], customer, data) for table, customer, data in whole])
            self._set(connection, facts or {})
            return places

        self._places.update(self._changed(work))

    def _insert(self, connection: Connection[Any], rows: Sequence[tuple[int, str, bytes]]) -> None:
        if not rows:
            return
        places, customers, data = zip(*rows, strict=True)
        keys = [customer.encode() for customer in customers]
        connection.execute(
            f"INSERT INTO {self._runs} (place, digest, customer, data) SELECT p, d, c, r "
            "FROM unnest(%b::integer[], %b::bytea[], %b::bytea[], %b::bytea[]) WITH ORDINALITY AS u (p, d, c, r, n) "
            "ORDER BY n",
            (list(places), [_digest(key) for key in keys], keys, list(data)),
        )

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[list[bytes]]:
        """See :meth:`RunStore.read <vigie.features.online.run_store.RunStore.read>`."""

        def work(connection: Connection[Any]) -> list[list[bytes]]:
            places = [self._place(connection, table) for table, _ in wanted]
            digests = [_digest(customer.encode()) for _, customer in wanted]
            if len(wanted) == 1:
                one = f"SELECT data FROM {self._runs} WHERE place = %s AND digest = %b ORDER BY seq"
                with connection.cursor(binary=True) as cursor:
                    return [[data for (data,) in cursor.execute(one, (places[0], digests[0])).fetchall()]]
            found: list[list[bytes]] = [[] for _ in wanted]
            # Ordered inside, so that the planner looks each customer up and never reads the whole table.
            many = (
                "SELECT n, data FROM unnest(%b::integer[], %b::bytea[]) WITH ORDINALITY AS w (p, d, n), LATERAL "
                f"(SELECT seq, data FROM {self._runs} WHERE place = p AND digest = d ORDER BY seq) AS r ORDER BY n, seq"
            )
            with connection.cursor(binary=True) as cursor:
                for number, data in cursor.execute(many, (places, digests)):
                    found[number - 1].append(data)
            return found

        return self._asked(work) if wanted else []

    def replace(self, table: str, customer: str, old: Sequence[bytes], new: Sequence[bytes]) -> bool:
        """See :meth:`RunStore.replace <vigie.features.online.run_store.RunStore.replace>`."""

        def work(connection: Connection[Any]) -> bool:
            key = (self._made_place(connection, table), _digest(customer.encode()))
            query = f"SELECT seq, data FROM {self._runs} WHERE place = %s AND digest = %b ORDER BY seq"
            with connection.cursor(binary=True) as cursor:
                held = cursor.execute(query, key).fetchall()
            if [data for _, data in held[: len(old)]] != list(old):
                return False
            # Where there is no room before those that stay, they are written again, behind the new ones.
            gone = held[: len(old)] if len(new) <= len(old) else held
            connection.execute(
                f"DELETE FROM {self._runs} WHERE place = %s AND digest = %b AND seq = ANY(%s)",
                (*key, [seq for seq, _ in gone]),
            )
            if len(new) > len(old):
                rest = [data for _, data in held[len(old) :]]
                self._insert(connection, [(key[0], customer, data) for data in (*new, *rest)])
                return True
            for (seq, _), data in zip(gone, new, strict=False):
                connection.execute(
                    f"INSERT INTO {self._runs} VALUES (%s, %b, %s, %b, %b)", (*key, seq, customer.encode(), data)
                )
            return True

        return self._changed(work)

    def erase(self, wanted: Sequence[tuple[str, str]]) -> None:
        """See :meth:`RunStore.erase <vigie.features.online.run_store.RunStore.erase>`.

        Nothing of it can be read afterwards. PostgreSQL reuses its bytes by itself; ``VACUUM FULL`` of the runs' table, at
        a time you choose, writes the files anew. Its log and its backups are kept as long as its owner has it.
        """

        def work(connection: Connection[Any]) -> None:
            places = [self._place(connection, table) for table, _ in wanted]
            digests = [_digest(customer.encode()) for _, customer in wanted]
            connection.execute(
                f"DELETE FROM {self._runs} USING unnest(%b::integer[], %b::bytea[]) AS w (p, d) "
                "WHERE place = p AND digest = d",
                (places, digests),
            )

        if wanted:
            self._changed(work)

    def customers(self, table: str, *, runs: int = 1) -> Iterator[str]:
        """See :meth:`RunStore.customers <vigie.features.online.run_store.RunStore.customers>`."""
        query = (
            f"SELECT digest, customer, count(*) FROM {self._runs} WHERE place = %s AND digest > %b "
            f"GROUP BY digest, customer ORDER BY digest LIMIT {_PAGE}"
        )
        last = b""
        while True:

            def page(connection: Connection[Any], last: bytes = last) -> list[tuple[bytes, bytes, int]]:
                with connection.cursor(binary=True) as cursor:
                    return cursor.execute(query, (self._place(connection, table), last)).fetchall()

            found = self._asked(page)
            yield from (customer.decode() for _, customer, count in found if count >= runs)
            if len(found) < _PAGE:
                return
            last = found[-1][0]

    def tables(self) -> list[str]:
        """See :meth:`RunStore.tables <vigie.features.online.run_store.RunStore.tables>`."""
        query = f"SELECT name FROM {self._names} AS n WHERE EXISTS (SELECT 1 FROM {self._runs} WHERE place = n.id)"
        return sorted(name for (name,) in self._asked(lambda connection: connection.execute(query).fetchall()))

    def drop(self, table: str) -> None:
        """See :meth:`RunStore.drop <vigie.features.online.run_store.RunStore.drop>`."""

        def work(connection: Connection[Any]) -> int:
            chosen = f"SELECT ctid FROM {self._runs} WHERE place = %s LIMIT {_DROPPED}"
            place = self._place(connection, table)
            return connection.execute(f"DELETE FROM {self._runs} WHERE ctid = ANY(ARRAY({chosen}))", (place,)).rowcount

        while self._changed(work) == _DROPPED:
            pass

    def fact(self, name: str) -> bytes | None:
        """See :meth:`RunStore.fact <vigie.features.online.run_store.RunStore.fact>`."""
        query = f"SELECT value FROM {self._facts} WHERE name = %s"
        row = self._asked(lambda connection: connection.execute(query, (name,)).fetchone())
        return None if row is None else bytes(row[0])

    def facts(self, prefix: str = "") -> dict[str, bytes]:
        """See :meth:`RunStore.facts <vigie.features.online.run_store.RunStore.facts>`."""
        query = f"SELECT name, value FROM {self._facts} WHERE starts_with(name, %s)"
        rows = self._asked(lambda connection: connection.execute(query, (prefix,)).fetchall())
        return {name: bytes(value) for name, value in rows}

    def set_facts(self, facts: Mapping[str, bytes | None]) -> None:
        """See :meth:`RunStore.set_facts <vigie.features.online.run_store.RunStore.set_facts>`."""
        self._changed(lambda connection: self._set(connection, facts))

    def _set(self, connection: Connection[Any], facts: Mapping[str, bytes | None]) -> None:
        gone = [name for name, value in facts.items() if value is None]
        if gone:
            connection.execute(f"DELETE FROM {self._facts} WHERE name = ANY(%s)", (gone,))
        for name, value in facts.items():
            if value is not None:
                connection.execute(
                    f"INSERT INTO {self._facts} VALUES (%s, %b) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (name, value),
                )

    def close(self) -> None:
        """See :meth:`RunStore.close <vigie.features.online.run_store.RunStore.close>`."""
        self._closed = True
        if self._process == os.getpid():
            self._drop_idle()


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=16).digest()
