"""Whether a caller may be answered now: token buckets of one process, of the workers of a machine, or of many machines."""

from __future__ import annotations

import asyncio
import hashlib
import mmap
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vigie.clock import stopwatch
from vigie.errors import MissingExtraError, SettingsError
from vigie.serving.security.bucket import Rate

if TYPE_CHECKING:
    from redis.asyncio import Redis

SETS, WAYS = 4_096, 16
_NAME = 16
_SET = WAYS * (_NAME + 8)
BYTES = SETS * _SET
"""Bytes of the table: 65,536 buckets."""

REDIS_SECONDS = 0.25
"""How long Redis may take to answer."""
REDIS_PAUSE = 1.0
"""How long Redis is not asked again after it failed, so that not every request waits for it."""

# The clock is the server's, so that machines need not agree on theirs. The same arithmetic as Rate.take.
_TAKE = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local per_second, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
local after = math.max(full, now) + 1 / per_second
local wait = after - now - burst / per_second
if wait > 0.000001 then return tostring(wait) end
redis.call('SET', KEYS[1], string.format('%.6f', after), 'PX', math.ceil((after - now) * 1000) + 1000)
return '0'
"""


class Limiter(Protocol):
    """Keeps the buckets of all callers."""

    async def take(self, caller: str, rate: Rate) -> float:
        """Takes one token of *caller*: 0, or the seconds until there is one."""
        ...

    async def close(self) -> None:
        """Gives back what it holds."""
        ...


class Buckets:
    """Buckets in a table of fixed size: 65,536 of them in 1.6 MB, of one process or of all that give the same file.

    The table is set-associative, like a processor's cache: a caller's bucket is in one of the 16 places of its set, and
    takes the place of one that is full, which need not be kept. Should all 16 be in use, the caller gets the place of
    the one that will be full first: never less than what was promised to the others, and a little more for that one.

    Args:
        path: File that the workers of a machine share; made if it is not there. ``None``: of this process alone.
        now: Seconds on a clock that the processes of the machine share and that only goes forward.
    """

    def __init__(self, path: Path | None = None, now: Callable[[], float] = stopwatch) -> None:
        self._now = now
        self._places: dict[str, tuple[bytes, int]] = {}
        self._file = -1
        if path is None:
            self._map = mmap.mmap(-1, BYTES)
        else:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if os.fstat(self._file).st_size < BYTES:
                os.ftruncate(self._file, BYTES)
            self._map = mmap.mmap(self._file, BYTES)

    async def take(self, caller: str, rate: Rate) -> float:
        """See :meth:`Limiter.take`."""
        return self.taken(caller, rate)

    def taken(self, caller: str, rate: Rate) -> float:
        """The same for who does not wait for anything."""
        known = self._places.get(caller)
        if known is None:
            name = hashlib.blake2b(caller.encode(), digest_size=_NAME).digest()
            if len(self._places) >= SETS:
                self._places.clear()
            known = self._places[caller] = name, int.from_bytes(name[:2]) % SETS * _SET
        name, start = known
        if self._file < 0:
            return self._take(name, start, rate)
        import fcntl

        # The lock of this set alone, for some microseconds. The system gives it back if its holder dies.
        fcntl.lockf(self._file, fcntl.LOCK_EX, _SET, start)
        try:
            return self._take(name, start, rate)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _SET, start)

    def _take(self, name: bytes, start: int, rate: Rate) -> float:
        names, times = self._map[start : start + WAYS * _NAME], start + WAYS * _NAME
        place = names.find(name)
        while place % _NAME and place >= 0:
            place = names.find(name, place + 1)
        now = self._now()
        if place >= 0:
            place //= _NAME
            (full_at,) = struct.unpack_from("d", self._map, times + 8 * place)
        else:
            moments = struct.unpack_from(f"{WAYS}d", self._map, times)
            place, full_at = moments.index(min(moments)), 0.0
        full_at, wait = rate.take(full_at, now)
        if not wait:
            self._map[start + _NAME * place : start + _NAME * (place + 1)] = name
            struct.pack_into("d", self._map, times + 8 * place, full_at)
        return wait

    async def close(self) -> None:
        """See :meth:`Limiter.close`."""
        self._map.close()
        if self._file >= 0:
            os.close(self._file)


class RedisBuckets:
    """Buckets in Redis, or what speaks its protocol, for all machines that are given the same one.

    While Redis does not answer, each machine limits on its own, so that no caller gets more than its rate from each
    machine; or nobody who has a rate is answered.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        own: Buckets of this machine.
        refuse: Answer nobody who has a rate while Redis does not answer.
        lost: Called for every request that Redis did not decide.
        namespace: Prefix of the keys.

    Raises:
        MissingExtraError: redis-py is not installed.
        SettingsError: *url* is not one of Redis.
    """

    def __init__(
        self,
        url: str,
        own: Buckets,
        *,
        refuse: bool = False,
        lost: Callable[[], None] = lambda: None,
        namespace: str = "vigie",
    ) -> None:
        try:
            from redis.asyncio import Redis
            from redis.exceptions import RedisError
        except ImportError as error:
            raise MissingExtraError("redis", extra="redis") from error
        try:
            self._redis: Redis = Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
        except ValueError as error:
            # Not even its beginning is shown: it may be a password put in the wrong place.
            raise SettingsError(
                "not a URL of Redis", where="[serve.security] limits", remedy="write redis://HOST:6379/0"
            ) from error
        self._failed: tuple[type[BaseException], ...] = (RedisError, OSError, asyncio.TimeoutError)
        self._script: Any = self._redis.register_script(_TAKE)
        self._own, self._refuse, self._lost, self._prefix = own, refuse, lost, f"{namespace}:limit:"
        self._again = 0.0

    async def take(self, caller: str, rate: Rate) -> float:
        """See :meth:`Limiter.take`."""
        if stopwatch() >= self._again:
            try:
                async with asyncio.timeout(REDIS_SECONDS):
                    said = await self._script(keys=[self._prefix + caller], args=[repr(rate.per_second), rate.burst])
                return float(said)
            except self._failed:
                self._again = stopwatch() + REDIS_PAUSE
        self._lost()
        return REDIS_PAUSE if self._refuse else self._own.taken(caller, rate)

    async def close(self) -> None:
        """See :meth:`Limiter.close`."""
        await self._redis.aclose()
        await self._own.close()
