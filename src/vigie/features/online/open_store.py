"""From the URL in ``vigie.toml`` to an online store."""

from __future__ import annotations

import re
import threading
import weakref
from pathlib import Path

from vigie.errors import SettingsError, did_you_mean
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.run_store import RunStore

_SCHEMES = ("memory", "sqlite", "redis", "rediss", "postgresql")
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
_WHERE = "[online] url"

_in_memory: weakref.WeakValueDictionary[tuple[str, Path], MemoryStore] = weakref.WeakValueDictionary()
_guard = threading.Lock()


def open_store(url: str, namespace: str = "vigie", *, default: Path) -> RunStore:
    """The store that *url* names. It is opened, so that a server that cannot be reached is found out now.

    Args:
        url: ``sqlite:///FILE``, ``redis://…``, ``rediss://…``, ``postgresql://…`` or ``memory:``; empty: an SQLite file at
            *default*. Secrets are resolved already.
        namespace: Prefix of everything in the store.
        default: File of the default store. What is in memory is shared by all that give the same *default* and
            *namespace*, as long as one of them lives.

    Raises:
        SettingsError: The URL or the namespace cannot be meant.
        MissingExtraError: The store's driver is not installed.
        StoreError: The store cannot be reached.
    """
    if not _NAMESPACE.match(namespace):
        raise SettingsError(
            f"{namespace!r} cannot be a namespace",
            where="[online] namespace",
            remedy="use letters, digits, _ and -, beginning with a letter or digit, at most 32",
        )
    scheme = url.partition(":")[0] if url else "sqlite"
    match scheme:
        case "sqlite":
            from vigie.features.online.sqlite_store import SqliteStore

            return SqliteStore(_file(url) if url else default, namespace)
        case "memory":
            with _guard:
                return _in_memory.setdefault((namespace, default.absolute()), MemoryStore())
        case "redis" | "rediss":
            from vigie.features.online.redis_store import RedisStore

            return RedisStore(url, namespace)
        case "postgresql":
            from vigie.features.online.postgres_store import PostgresStore

            return PostgresStore(url, namespace)
    # Of a URL without a scheme nothing is shown: it may be a password put in the wrong place.
    said = f"no online store is called '{scheme}'" if "://" in url else "not a URL"
    raise SettingsError(said, where=_WHERE, remedy=did_you_mean(scheme if "://" in url else "", _SCHEMES))


def _file(url: str) -> Path:
    path = url.removeprefix("sqlite:///")
    if path == url or not path:
        raise SettingsError(
            "an SQLite store needs a file",
            where=_WHERE,
            remedy="write sqlite:///online.db, or sqlite:////var/online.db",
        )
    return Path(path)
