"""Where API keys are kept: an SQLite file, PostgreSQL, or a JSON file that is only read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from vigie.errors import MissingExtraError, SettingsError, StoreError, did_you_mean
from vigie.features.online.store_errors import place_of
from vigie.serving.security.key import ApiKey

if TYPE_CHECKING:
    from psycopg import Connection

WHERE = "[serve.security] keys"
_BUSY_SECONDS = 10.0
_SCHEMES = ("sqlite", "postgresql")
_encode, _decode = msgspec.json.encode, msgspec.json.Decoder(ApiKey).decode

Change = Callable[[ApiKey | None], ApiKey]
"""From the key of a name, or ``None`` where there is none, to what it is to become. What it raises undoes everything."""


class KeyStore(Protocol):
    """Keys by name. Reading is safe from any thread, one at a time."""

    where: str
    """For messages; without any password."""

    def stamp(self) -> object:
        """Something that differs after every change; ``None`` before the first. Far cheaper than :meth:`read`.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def read(self) -> list[ApiKey]:
        """Every key, revoked ones too, by name.

        Raises:
            StoreError: The store cannot be read now, or holds something that is no key.
        """
        ...

    def change(self, name: str, change: Change) -> ApiKey:
        """Puts what *change* makes of the key of *name* into its place, in one transaction.

        Raises:
            StoreError: The store cannot be written now.
            SettingsError: It is one that is only read.
        """
        ...

    def close(self) -> None:
        """Gives back what it holds."""
        ...


def open_key_store(url: str, *, default: Path, root: Path = Path()) -> KeyStore:
    """The store that *url* names. Nothing is made before the first key is.

    Args:
        url: ``sqlite:///FILE``, ``postgresql://…``, or a ``.json`` file; empty: an SQLite file at *default*. Secrets are
            resolved already.
        default: File of the default store.
        root: Folder that relative paths start from.

    Raises:
        SettingsError: The URL cannot be meant.
        MissingExtraError: The store's driver is not installed.
        StoreError: PostgreSQL cannot be reached.
    """
    if not url:
        return SqliteKeys(default)
    if url.endswith(".json") and "://" not in url:
        return FileKeys(root / url)
    scheme = url.partition(":")[0]
    if url.startswith("sqlite:///") and url != "sqlite:///":
        return SqliteKeys(root / url.removeprefix("sqlite:///"))
    if scheme == "postgresql":
        return PostgresKeys(url)
    # Of a URL without a scheme nothing is shown: it may be a password put in the wrong place.
    said = f"no key store is called '{scheme}'" if "://" in url else "not a URL, and no .json file"
    raise SettingsError(said, where=WHERE, remedy=did_you_mean(scheme if "://" in url else "", _SCHEMES))


class SqliteKeys:
    """Keys in an SQLite file that its owner alone may read.

    Args:
        path: The file. It is made with the first key; until then there are no keys.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)

    def stamp(self) -> object:
        """See :meth:`KeyStore.stamp`."""
        if not self.path.exists():
            return None
        with self._reading() as connection:
            (revision,) = connection.execute("SELECT revision FROM revision").fetchone()
        return revision or None

    def read(self) -> list[ApiKey]:
        """See :meth:`KeyStore.read`."""
        if not self.path.exists():
            return []
        with self._reading() as connection:
            rows = connection.execute("SELECT content FROM keys ORDER BY name").fetchall()
        return _read([row[0] for row in rows], self.where)

    def change(self, name: str, change: Change) -> ApiKey:
        """See :meth:`KeyStore.change`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(f"the key store cannot be made: {error.strerror}", where=self.where) from error
        with self._errors(), closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)) as one:
            one.execute("PRAGMA synchronous = FULL")
            # Committed before the change, which may fail: a file without tables would look damaged.
            one.execute("BEGIN IMMEDIATE")
            one.execute("CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, content TEXT NOT NULL)")
            one.execute("CREATE TABLE IF NOT EXISTS revision (revision INTEGER NOT NULL)")
            one.execute("INSERT INTO revision SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM revision)")
            one.execute("COMMIT")
            one.execute("BEGIN IMMEDIATE")
            row = one.execute("SELECT content FROM keys WHERE name = ?", (name,)).fetchone()
            # Closing a connection undoes what is not committed.
            changed = change(_read([row[0]], self.where)[0] if row else None)
            one.execute("INSERT OR REPLACE INTO keys VALUES (?, ?)", (name, _encode(changed).decode()))
            one.execute("UPDATE revision SET revision = revision + 1")
            one.execute("COMMIT")
        return changed

    def close(self) -> None:
        """See :meth:`KeyStore.close`."""

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # A connection for each look, twice a second: it costs 0.1 ms, and sees a file that was put in another's place.
        with self._errors():
            address = f"{self.path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
                yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"the key store cannot be used: {error}",
                where=self.where,
                remedy="see that the file is whole and readable",
            ) from error


class PostgresKeys:
    """Keys in PostgreSQL 12 or later, for servers on several machines: tables ``vigie_keys`` and ``vigie_keys_revision``.

    Args:
        url: ``postgresql://user:password@host:port/database``, with options of libpq behind a ``?``.

    Raises:
        MissingExtraError: psycopg is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError("psycopg", extra="postgres") from error
        self._connect, self._error = psycopg.connect, psycopg.Error
        self._url, self.where = url, place_of(url)
        self._held: Connection[Any] | None = None

    def stamp(self) -> object:
        """See :meth:`KeyStore.stamp`."""
        rows = self._rows("SELECT revision FROM vigie_keys_revision", "vigie_keys_revision")
        return (rows[0][0] or None) if rows else None

    def read(self) -> list[ApiKey]:
        """See :meth:`KeyStore.read`."""
        return _read(
            [row[0] for row in self._rows("SELECT content FROM vigie_keys ORDER BY name", "vigie_keys")], self.where
        )

    def change(self, name: str, change: Change) -> ApiKey:
        """See :meth:`KeyStore.change`."""
        with self._errors(), self._connect(self._url, connect_timeout=10) as one, one.transaction():
            one.execute("SELECT pg_advisory_xact_lock(8529364027013487)")
            one.execute("CREATE TABLE IF NOT EXISTS vigie_keys (name TEXT PRIMARY KEY, content TEXT NOT NULL)")
            one.execute("CREATE TABLE IF NOT EXISTS vigie_keys_revision (revision BIGINT NOT NULL)")
            one.execute("INSERT INTO vigie_keys_revision SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM vigie_keys_revision)")
            row = one.execute("SELECT content FROM vigie_keys WHERE name = %s", (name,)).fetchone()
            changed = change(_read([row[0]], self.where)[0] if row else None)
            one.execute(
                "INSERT INTO vigie_keys VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET content = EXCLUDED.content",
                (name, _encode(changed).decode()),
            )
            one.execute("UPDATE vigie_keys_revision SET revision = revision + 1")
        return changed

    def close(self) -> None:
        """See :meth:`KeyStore.close`."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _rows(self, query: str, table: str) -> list[Any]:
        """What *query* finds; nothing where *table* was never made. A connection that broke is made again, once."""
        with self._errors():
            for last in (False, True):
                try:
                    if self._held is None:
                        self._held = self._connect(self._url, autocommit=True, connect_timeout=5)
                    if self._held.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
                        return []
                    return self._held.execute(query.encode()).fetchall()
                except self._error:
                    self.close()
                    if last:
                        raise
        raise AssertionError("the second try returns or raises")  # pragma: no cover

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            # What the driver says may repeat the URL with its password.
            raise StoreError(
                f"the key store cannot be used ({type(error).__name__})",
                where=self.where,
                remedy=f"see that the server runs and {WHERE} is right",
            ) from error


class FileKeys:
    """Keys in a JSON file, as ``vigie keys export`` writes it: for containers that have no project. Only read.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)

    def stamp(self) -> object:
        """See :meth:`KeyStore.stamp`."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> list[ApiKey]:
        """See :meth:`KeyStore.read`."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[ApiKey])
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        except ValueError as error:
            raise self._unreadable(f"not a list of keys: {error}") from error

    def change(self, name: str, change: Change) -> ApiKey:
        """See :meth:`KeyStore.change`."""
        del name, change
        raise SettingsError(
            "keys in a file are only read",
            where=self.where,
            remedy="change them where they are kept, and run `vigie keys export` again",
        )

    def close(self) -> None:
        """See :meth:`KeyStore.close`."""

    def _unreadable(self, why: str) -> StoreError:
        return StoreError(f"the keys cannot be read: {why}", where=self.where, remedy="run `vigie keys export` again")


def _read(contents: Sequence[str], where: str) -> list[ApiKey]:
    try:
        return [_decode(content) for content in contents]
    except ValueError as error:
        raise StoreError(
            f"the key store holds something that is no key: {error}", where=where, remedy="it may be of a newer Vigie"
        ) from error
