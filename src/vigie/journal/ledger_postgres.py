"""The ledger in PostgreSQL: for servers on several machines."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vigie.errors import JournalError, MissingExtraError
from vigie.journal.ledger import Ledger

if TYPE_CHECKING:
    from psycopg import Connection

_SECONDS = 5
_ALIVE = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Of libpq: a server that went without a word is given up after half a minute, not after the hours that TCP has of its own."""
_LONGEST = "30s"
"""Time that a statement may take, where neither the server nor the URL says another one."""


class PostgresLedger(Ledger):
    """A ledger in PostgreSQL 12 or later.

    Args:
        url: ``postgresql://user:password@host:port/database``, with options of libpq behind a ``?``.

    Raises:
        MissingExtraError: psycopg is not installed.
        JournalError: The server cannot be reached, or the tables cannot be made.
    """

    _holder = "%s"
    _order = ' COLLATE "C"'
    _held = " FOR UPDATE"

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError("psycopg", extra="postgres") from error
        from psycopg.conninfo import conninfo_to_dict

        self._url, self._connect = url, psycopg.connect
        self._error: type[Exception] = psycopg.Error
        try:
            told = conninfo_to_dict(url)
        except psycopg.Error:  # connecting says what is wrong with it
            told = {}
        # What the URL says stands.
        self._options: dict[str, Any] = {key: value for key, value in _ALIVE.items() if key not in told}
        self._connection: Connection[Any] | None = None
        scheme, _, rest = url.partition("://")
        # The last @ ends the credentials: a password may hold one that was not escaped.
        super().__init__(f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}")

    def _execute(
        self, statement: str, values: Sequence[object], *, again: bool = True
    ) -> tuple[list[tuple[Any, ...]], int]:
        try:
            connection = self._connection
            if connection is None or connection.closed:
                connection = self._connection = self._connect(
                    self._url, autocommit=True, connect_timeout=_SECONDS, application_name="vigie", **self._options
                )
                # Not among the options of the connection, which poolers such as PgBouncer refuse.
                connection.execute(
                    "SELECT set_config('statement_timeout', %s, false) WHERE current_setting('statement_timeout') = '0'",
                    (_LONGEST,),
                )
                again = False
            try:
                cursor = connection.execute(statement, tuple(values))
                return (cursor.fetchall() if cursor.description else []), cursor.rowcount
            except self._error:
                # The server may have been started anew since. Every statement here may be tried twice: a line has its
                # place, counts and leases are overwritten.
                if not (connection.closed and again):
                    raise
        except self._error as error:
            raise self.failed(error) from None
        return self._execute(statement, values, again=False)

    def failed(self, error: Exception) -> JournalError:
        """See :meth:`Ledger.failed <vigie.journal.ledger.Ledger.failed>`; no password of the URL is in it."""
        told = super().failed(error)
        rest = self._url.partition("://")[2].partition("?")[0]
        password = rest.rpartition("@")[0].partition(":")[2]
        what = told.what
        for form in {password, urllib.parse.unquote(password)} - {""}:
            what = what.replace(form, "***")
        return JournalError(what, where=told.where, remedy=told.remedy)

    def changed(self) -> bool:
        """Always true: asking for the lines costs as much as asking whether there are new ones."""
        return True

    def close(self) -> None:
        """See :meth:`Ledger.close <vigie.journal.ledger.Ledger.close>`."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
