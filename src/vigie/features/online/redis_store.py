"""An online store in Redis, or what speaks its protocol: Valkey, KeyDB, managed caches. One server, no cluster.

A list for each customer of a table, and a set of the table's customers. How long Redis itself keeps what it was given is
a matter of its own settings (``appendonly``); what it lost, the lake puts there again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from vigie.errors import MissingExtraError
from vigie.features.online.run_store import Run
from vigie.features.online.store_errors import store_error

if TYPE_CHECKING:
    from redis import Connection

_SECONDS = 30.0
"""How long an answer may take."""
_PAGE = 1_000
_ARGUMENTS = 100_000
"""Arguments of one call at most; Redis takes a million, and answers nobody else meanwhile."""

_APPEND = """
local members, prefix = KEYS[1], ARGV[1]
for i = 2, #ARGV, 2 do
  if redis.call('RPUSH', prefix .. ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('SADD', members, ARGV[i])
  end
end
"""
_REPLACE = """
local members, key, customer, old = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
if old > 0 then
  local held = redis.call('LRANGE', key, 0, old - 1)
  if #held ~= old then return 0 end
  for i = 1, old do
    if held[i] ~= ARGV[2 + i] then return 0 end
  end
  redis.call('LTRIM', key, old, -1)
end
for i = #ARGV, 3 + old, -1 do redis.call('LPUSH', key, ARGV[i]) end
if redis.call('EXISTS', key) == 1 then
  redis.call('SADD', members, customer)
else
  redis.call('SREM', members, customer)
end
return 1
"""
_FORGET = """
local members, prefix = KEYS[1], ARGV[1]
for i = 2, #ARGV do
  redis.call('UNLINK', prefix .. ARGV[i])
  redis.call('SREM', members, ARGV[i])
end
"""

Result = TypeVar("Result")
Command = tuple[Any, ...]


class RedisStore:
    """Runs in Redis 5 or later; see :class:`~vigie.features.online.run_store.RunStore`.

    Args:
        url: ``redis://[[user]:password@]host[:port][/database]``, ``rediss://`` over TLS, or ``unix://PATH``.
        namespace: Prefix of every key; letters, digits, ``_`` and ``-``.

    Raises:
        MissingExtraError: redis-py is not installed.
        StoreError: The server cannot be reached.
    """

    def __init__(self, url: str, namespace: str = "vigie") -> None:
        try:
            import redis
        except ImportError as error:
            raise MissingExtraError("redis", extra="redis") from error
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._url, self._namespace = url, namespace
        self._broken: tuple[type[Exception], ...] = (redis.ConnectionError, redis.TimeoutError)
        # What a URL cannot mean comes as a ValueError, an option it does not know as a TypeError.
        self._errors: tuple[type[Exception], ...] = (redis.RedisError, OSError, ValueError, TypeError)
        try:
            self._pool = redis.ConnectionPool.from_url(
                url,
                socket_timeout=_SECONDS,
                socket_connect_timeout=5.0,
                **({} if url.startswith("unix:") else {"socket_keepalive": True}),
                # An append that may have been made is not made again behind the caller's back.
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        except self._errors as error:
            raise store_error(error, url) from None
        self._asked([("PING",)])

    # -- commands ------------------------------------------------------------------------------------------------

    def _asked(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to *commands*, in one round trip."""
        return self._with_connection(lambda connection: _answers(connection, commands), again=True)

    def _changed(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to *commands*, which are made all or not at all."""
        if len(commands) == 1:
            return self._with_connection(lambda connection: _answers(connection, commands), again=False)
        whole: list[Command] = [("MULTI",), *commands, ("EXEC",)]

        def work(connection: Connection) -> list[Any]:
            done = _answers(connection, whole)[-1]
            for answer in done:
                if isinstance(answer, Exception):
                    raise answer
            return list(done)

        return self._with_connection(work, again=False)

    def _with_connection(self, work: Callable[[Connection], Result], *, again: bool) -> Result:
        # redis-py's own pipeline takes twice as long for the same commands.
        try:
            connection = self._pool.get_connection()
            try:
                return work(connection)
            except BaseException:
                # Answers may be under way that belong to nobody.
                connection.disconnect()  # type: ignore[no-untyped-call]
                raise
            finally:
                self._pool.release(connection)
        except self._errors as error:
            if again and isinstance(error, self._broken):
                return self._with_connection(work, again=False)
            raise store_error(error, self._url) from None

    def _members(self, table: str) -> str:
        return f"{self._namespace}:customers:{_escaped(table)}"

    def _prefix(self, table: str) -> str:
        # The customer comes last and is not escaped: no two of them make the same key.
        return f"{self._namespace}:runs:{_escaped(table)}:"

    @property
    def _tables(self) -> str:
        return f"{self._namespace}:tables"

    @property
    def _facts(self) -> str:
        return f"{self._namespace}:facts"

    # -- the protocol --------------------------------------------------------------------------------------------

    def append(self, runs: Iterable[Run], facts: Mapping[str, bytes] | None = None) -> None:
        """See :meth:`RunStore.append <vigie.features.online.run_store.RunStore.append>`."""
        by_table: dict[str, list[Any]] = {}
        for table, customer, data in runs:
            arguments = by_table.get(table)
            if arguments is None:
                arguments = by_table[table] = []
            arguments.append(customer)
            arguments.append(data)
        commands: list[Command] = []
        for table, arguments in by_table.items():
            commands += _calls(_APPEND, self._members(table), self._prefix(table), arguments)
        if by_table:
            commands.append(("SADD", self._tables, *by_table))
        if facts:
            commands.append(("HSET", self._facts, *(part for fact in facts.items() for part in fact)))
        if commands:
            self._changed(commands)

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[list[bytes]]:
        """See :meth:`RunStore.read <vigie.features.online.run_store.RunStore.read>`."""
        prefixes = {table: self._prefix(table) for table in {table for table, _ in wanted}}
        return self._asked([("LRANGE", prefixes[table] + customer, 0, -1) for table, customer in wanted])

    def replace(self, table: str, customer: str, old: Sequence[bytes], new: Sequence[bytes]) -> bool:
        """See :meth:`RunStore.replace <vigie.features.online.run_store.RunStore.replace>`."""
        keys = (self._members(table), self._prefix(table) + customer)
        done, _ = self._changed(
            [
                ("EVAL", _REPLACE, len(keys), *keys, customer, len(old), *old, *new),
                ("SADD", self._tables, table),
            ]
        )
        return bool(done)

    def erase(self, wanted: Sequence[tuple[str, str]]) -> None:
        """See :meth:`RunStore.erase <vigie.features.online.run_store.RunStore.erase>`.

        The server's memory holds nothing of it afterwards. Its dump and its append-only file hold it until they are next
        rewritten (``BGSAVE``, ``BGREWRITEAOF``).
        """
        by_table: dict[str, list[Any]] = {}
        for table, customer in wanted:
            by_table.setdefault(table, []).append(customer)
        commands: list[Command] = []
        for table, customers in by_table.items():
            commands += _calls(_FORGET, self._members(table), self._prefix(table), customers)
        if commands:
            self._changed(commands)

    def customers(self, table: str, *, runs: int = 1) -> Iterator[str]:
        """See :meth:`RunStore.customers <vigie.features.online.run_store.RunStore.customers>`."""
        seen: set[bytes] = set()  # a scan may tell of one twice
        prefix = self._prefix(table).encode()
        for members in self._pages(table):
            fresh = [member for member in members if member not in seen]
            if runs > 1 and fresh:
                lengths = self._asked([("LLEN", prefix + member) for member in fresh])
                fresh = [member for member, length in zip(fresh, lengths, strict=True) if length >= runs]
            seen.update(fresh)
            yield from (member.decode() for member in fresh)

    def _pages(self, table: str) -> Iterator[list[bytes]]:
        cursor: bytes = b"0"
        while True:
            cursor, members = self._asked([("SSCAN", self._members(table), cursor, "COUNT", _PAGE)])[0]
            yield members
            if cursor == b"0":
                return

    def tables(self) -> list[str]:
        """See :meth:`RunStore.tables <vigie.features.online.run_store.RunStore.tables>`."""
        names = sorted(name.decode() for name in self._asked([("SMEMBERS", self._tables)])[0])
        sizes = self._asked([("SCARD", self._members(name)) for name in names])
        return [name for name, size in zip(names, sizes, strict=True) if size]

    def drop(self, table: str) -> None:
        """See :meth:`RunStore.drop <vigie.features.online.run_store.RunStore.drop>`."""
        while self._asked([("SCARD", self._members(table))])[0]:
            for members in self._pages(table):
                if members:
                    self._changed(_calls(_FORGET, self._members(table), self._prefix(table), members))

    def fact(self, name: str) -> bytes | None:
        """See :meth:`RunStore.fact <vigie.features.online.run_store.RunStore.fact>`."""
        found: bytes | None = self._asked([("HGET", self._facts, name)])[0]
        return found

    def facts(self, prefix: str = "") -> dict[str, bytes]:
        """See :meth:`RunStore.facts <vigie.features.online.run_store.RunStore.facts>`."""
        flat = self._asked([("HGETALL", self._facts)])[0]
        found = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
        return {name: value for name, value in found.items() if name.startswith(prefix)}

    def set_facts(self, facts: Mapping[str, bytes | None]) -> None:
        """See :meth:`RunStore.set_facts <vigie.features.online.run_store.RunStore.set_facts>`."""
        commands: list[Command] = []
        for name, value in facts.items():
            commands.append(("HDEL", self._facts, name) if value is None else ("HSET", self._facts, name, value))
        if commands:
            self._changed(commands)

    def close(self) -> None:
        """See :meth:`RunStore.close <vigie.features.online.run_store.RunStore.close>`."""
        with contextlib.suppress(*self._errors):
            self._pool.disconnect()


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace(":", "%3A")


def _calls(script: str, members: str, prefix: str, arguments: Sequence[Any]) -> list[Command]:
    """*script* over all *arguments*, in as many calls as Redis should take at a time."""
    parts = range(0, len(arguments), _ARGUMENTS)
    return [("EVAL", script, 1, members, prefix, *arguments[begin : begin + _ARGUMENTS]) for begin in parts]


def _answers(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    packed = connection.pack_commands(commands)  # type: ignore[no-untyped-call]
    connection.send_packed_command(packed, check_health=False)  # type: ignore[no-untyped-call]
    return [connection.read_response() for _ in commands]
